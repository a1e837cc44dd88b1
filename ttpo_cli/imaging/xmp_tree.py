"""An XMP packet as a tree whose nodes know where they stand in its bytes, so that what is not edited stays byte for byte (ISO 16684-1)."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from xml.parsers import expat
from xml.sax.saxutils import escape

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_TAG = re.compile(rb"<[^\s/>]+(?:\s+[^\s=/<>]+\s*=\s*(?:\"[^\"]*\"|'[^']*'))*\s*/?>")
_ATTRIBUTE = re.compile(rb"\s+([^\s=/<>]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")
_DEEPEST = 200
_DECLARATION = re.compile(r"^\s*<\?xml\s[^>]*\?>")

Span = tuple[int, int]
# Start and end in the packet, and what is to stand there.
Edit = tuple[int, int, bytes]


@dataclass(frozen=True)
class Slot:
    """A simple value and where it stands, between its quotes or tags. Namespace and local name, with a blank between, name it elsewhere."""

    value: str
    span: Span

    def becomes(self, value: object) -> Edit:
        """The edit that sets it."""
        return (*self.span, escape(str(value), {'"': "&quot;", "'": "&apos;"}).encode())


@dataclass(frozen=True)
class Attribute:
    """name: namespace and local name, a blank between them; whole: its span with the blank before it."""

    name: str
    slot: Slot
    whole: Span


@dataclass
class Element:
    """One element; namespaces: prefix to namespace, as they are in scope; whole, inside: its spans with and without its tags."""

    name: str
    whole: Span
    inside: Span
    namespaces: dict[str, str]
    attributes: list[Attribute] = field(default_factory=list)
    children: list["Element"] = field(default_factory=list)
    text: str = ""

    def descendants(self) -> Iterator["Element"]:
        """It and every element within, in their order."""
        waiting: list[Element] = [self]
        while waiting:
            element = waiting.pop()
            yield element
            waiting.extend(reversed(element.children))

    @property
    def has_end_tag(self) -> bool:
        """Whether something can stand within it as it is written."""
        return self.inside[1] < self.whole[1]

    @property
    def slot(self) -> Slot | None:
        """Its own simple value; None where it holds elements or stands for nothing."""
        return None if self.children or self.inside[0] == self.inside[1] else Slot(self.text.strip(), self.inside)

    def own_fields(self) -> dict[str, Slot]:
        """Simple values of its attributes and of its children, by name."""
        found = {attribute.name: attribute.slot for attribute in self.attributes}
        return found | {child.name: child.slot for child in self.children if child.slot is not None}

    def items(self) -> list["Element"]:
        """The items of a list within it."""
        lists = [child for child in self.children if child.name in (f"{RDF} Seq", f"{RDF} Bag", f"{RDF} Alt")]
        return [item for one in lists for item in one.children if item.name == f"{RDF} li"]


def in_utf8(packet: bytes) -> bytes:
    """The packet in UTF-8, without padding of nulls around it: XMP may be in UTF-16 or UTF-32, and is in Latin-1 where programs err."""
    begins = packet
    for byte_order_mark in (b"\xff\xfe\0\0", b"\0\0\xfe\xff", b"\xfe\xff", b"\xff\xfe"):
        begins = begins.removeprefix(byte_order_mark)
    for encoding, mark in (("utf-32-be", b"\0\0\0<"), ("utf-32-le", b"<\0\0\0"), ("utf-16-be", b"\0<"), ("utf-16-le", b"<\0")):
        if begins.startswith(mark):
            try:
                return _DECLARATION.sub("", begins.decode(encoding)).rstrip("\0").encode()
            except UnicodeDecodeError:
                return packet
    trimmed = packet.strip(b"\0")
    try:
        trimmed.decode("utf-8")
    except UnicodeDecodeError:
        return trimmed.decode("latin-1").encode()
    return trimmed


def read_tree(packet: bytes) -> Element | None:
    """The root element of a packet in UTF-8; None for one that is not well formed, nests too deeply, or brings a DOCTYPE."""
    stack, roots = list[Element](), list[Element]()
    parser = expat.ParserCreate("UTF-8", " ")
    parser.ordered_attributes = True
    parser.buffer_text = True
    declared: dict[str, str] = {}

    def start(name: str, values: list[str]) -> None:
        at = parser.CurrentByteIndex
        found = _TAG.match(packet, at)
        if found is None or len(stack) >= _DEEPEST:
            raise ValueError("an element that cannot be edited")
        scope = {**(stack[-1].namespaces if stack else {}), **declared}
        declared.clear()
        element = Element(name=name, whole=(at, found.end()), inside=(found.end(), found.end()), namespaces=scope)
        element.attributes = list(_attributes(packet, element.whole, values))
        (stack[-1].children if stack else roots).append(element)
        stack.append(element)

    def end(_: str) -> None:
        element = stack.pop()
        begun, behind = element.whole
        if packet[behind - 2 : behind] != b"/>":  # an empty element has no end tag
            element.inside = (behind, parser.CurrentByteIndex)
            element.whole = (begun, packet.index(b">", parser.CurrentByteIndex) + 1)

    def text(data: str) -> None:
        if stack:
            stack[-1].text += data

    def declare(prefix: str | None, uri: str | None) -> None:
        declared[prefix or ""] = uri or ""

    def refuse(*_: object) -> None:
        raise ValueError("XMP has no DOCTYPE")

    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = start, end, text
    parser.StartNamespaceDeclHandler, parser.StartDoctypeDeclHandler = declare, refuse
    try:
        parser.Parse(packet, True)
    except (expat.ExpatError, ValueError):
        return None
    return roots[0] if roots else None


def _attributes(packet: bytes, tag: Span, values: list[str]) -> Iterator[Attribute]:
    """The attributes of a tag that are no declarations of namespaces; values: names and values in turn, as expat gives them."""
    every = (found for found in _ATTRIBUTE.finditer(packet, *tag) if found[1] != b"xmlns" and not found[1].startswith(b"xmlns:"))
    for found, name, value in zip(every, values[::2], values[1::2], strict=True):
        yield Attribute(name, Slot(value, found.span(2 if found[2] is not None else 3)), found.span())


def rdf_of(root: Element) -> Element | None:
    """The rdf:RDF element."""
    return next((element for element in root.descendants() if element.name == f"{RDF} RDF"), None)


def properties(root: Element) -> Iterator[Attribute | Element]:
    """Every property of the photo itself, not of what is within it."""
    rdf = rdf_of(root)
    for description in [] if rdf is None else rdf.children:
        for attribute in description.attributes:
            if not attribute.name.startswith(f"{RDF} "):
                yield attribute
        yield from description.children


def edited(packet: bytes, edits: Iterable[Edit]) -> bytes:
    """The packet with the edits, those within a span that goes as a whole left out."""
    pieces, at = [], 0
    for start, end, content in sorted(edits, key=lambda edit: (edit[0], -edit[1])):
        if start >= at:
            pieces += [packet[at:start], content]
            at = end
    return b"".join([*pieces, packet[at:]])
