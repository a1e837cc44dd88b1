"""The mark of a machine in XMP: IPTC's digital source type and the software's name, merged into a packet that else stays as it was.

The vocabulary is cv.iptc.org/newscodes/digitalsourcetype; the properties are of IPTC Extension and XMP Media Management (ISO 16684-1, -2).
No time is written, so that the same restoration gives the same bytes.
"""

import re
from dataclasses import dataclass, field
from xml.parsers import expat
from xml.sax.saxutils import escape

# Modification by an algorithm that leaves the main content as it was: what a restoring network does.
ENHANCED = "http://cv.iptc.org/newscodes/digitalsourcetype/algorithmicallyEnhanced"
# Editing with a generative model: what the diffusion prior does.
GENERATIVE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"

_RDF, _IPTC = "http://www.w3.org/1999/02/22-rdf-syntax-ns#", "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
_XMP, _MANAGED = "http://ns.adobe.com/xap/1.0/", "http://ns.adobe.com/xap/1.0/mm/"
_EVENT = "http://ns.adobe.com/xap/1.0/sType/ResourceEvent#"
_EMPTY = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    f'<rdf:RDF xmlns:rdf="{_RDF}"></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
).encode()
_TAG = re.compile(rb"<[^\s/>]+(?:\s+[^\s=]+\s*=\s*(?:\"[^\"]*\"|'[^']*'))*\s*/?>")


@dataclass(frozen=True)
class Mark:
    """source_type: a term of IPTC's vocabulary, as its whole address. software: name and version."""

    source_type: str
    software: str


@dataclass
class _Packet:
    """What of a packet matters here, by offsets into its bytes."""

    about: str = ""
    rdf_end: int | None = None
    history_end: int | None = None
    has_history: bool = False
    has_tool: bool = False
    former: str = ""
    # Of the old source type: its element, or the tag that holds it as an attribute.
    elements: list[tuple[int, int]] = field(default_factory=list)
    tags: list[int] = field(default_factory=list)
    prefixes: set[str] = field(default_factory=set)


def mark_xmp(xmp: bytes | None, mark: Mark) -> bytes | None:
    """The packet with the mark, or a new one where there was none. A source type there is replaced, and recorded in the history.

    None for a packet that cannot be merged with certainty: one that is not UTF-8, not well formed, or brings a DOCTYPE.
    """
    packet = (xmp or _EMPTY).rstrip(b"\0")
    found = _read(packet)
    if found is None or found.rdf_end is None or (found.has_history and found.history_end is None):
        return None
    event = _event(mark, found.former)
    edits = [(found.rdf_end, found.rdf_end, _description(mark, found, event))]
    if found.history_end is not None:
        edits.append((found.history_end, found.history_end, event.encode()))
    edits += [(start, end, b"") for start, end in found.elements]
    edits += [(*_attribute(packet, tag, found.prefixes), b"") for tag in found.tags]
    for start, end, text in sorted(edits, reverse=True):
        packet = packet[:start] + text + packet[end:]
    return packet if _read(packet) is not None else None


def _event(mark: Mark, former: str) -> str:
    """What was done, as an entry of the history."""
    parameters = f' stEvt:parameters="digital source type before: {_quoted(former)}"' if former else ""
    agent = f'stEvt:action="edited" stEvt:softwareAgent="{_quoted(mark.software)}"{parameters}'
    return f'<rdf:li xmlns:rdf="{_RDF}" xmlns:stEvt="{_EVENT}" {agent}/>'


def _description(mark: Mark, found: _Packet, event: str) -> bytes:
    tool = "" if found.has_tool else f'<xmp:CreatorTool xmlns:xmp="{_XMP}">{escape(mark.software)}</xmp:CreatorTool>'
    managed = f'<xmpMM:History xmlns:xmpMM="{_MANAGED}"><rdf:Seq>{event}</rdf:Seq></xmpMM:History>'
    kind = f'<Iptc4xmpExt:DigitalSourceType xmlns:Iptc4xmpExt="{_IPTC}">{escape(mark.source_type)}</Iptc4xmpExt:DigitalSourceType>'
    history = "" if found.has_history else managed
    return f'<rdf:Description xmlns:rdf="{_RDF}" rdf:about="{_quoted(found.about)}">{kind}{tool}{history}</rdf:Description>'.encode()


def _quoted(text: str) -> str:
    return escape(text, {'"': "&quot;"})


def _attribute(packet: bytes, tag: int, prefixes: set[str]) -> tuple[int, int]:
    """Where in the tag that begins there the source type stands as an attribute, with the blank before it."""
    end = _tag_end(packet, tag)
    names = b"|".join(re.escape(prefix.encode()) for prefix in sorted(prefixes))
    found = re.compile(rb"\s+(?:" + names + rb"):DigitalSourceType\s*=\s*(?:\"[^\"]*\"|'[^']*')").search(packet, tag, end)
    return found.span() if found else (end, end)


def _tag_end(packet: bytes, start: int) -> int:
    """The offset behind a tag; a > may stand inside its quotes."""
    found = _TAG.match(packet, start)
    return found.end() if found else start


def _read(packet: bytes) -> _Packet | None:
    """Parse the packet; None where that is not possible."""
    found, stack = _Packet(), list[tuple[str, int]]()
    parser = expat.ParserCreate("UTF-8", " ")

    def start(name: str, attributes: dict[str, str]) -> None:
        parent = stack[-1][0] if stack else ""
        stack.append((name, parser.CurrentByteIndex))
        if parent == f"{_RDF} RDF":
            found.about = attributes.get(f"{_RDF} about", found.about)
            found.has_tool |= f"{_XMP} CreatorTool" in attributes
            if f"{_IPTC} DigitalSourceType" in attributes:
                found.former = attributes[f"{_IPTC} DigitalSourceType"]
                found.tags.append(parser.CurrentByteIndex)
        elif len(stack) > 2 and stack[-3][0] == f"{_RDF} RDF":
            found.has_tool |= name == f"{_XMP} CreatorTool"
            found.has_history |= name == f"{_MANAGED} History"
            if name == f"{_IPTC} DigitalSourceType":
                found.former = attributes.get(f"{_RDF} resource", "")

    def text(data: str) -> None:
        if stack and stack[-1][0] == f"{_IPTC} DigitalSourceType" and len(stack) > 2 and stack[-3][0] == f"{_RDF} RDF":
            found.former += data.strip()

    def end(name: str) -> None:
        at = parser.CurrentByteIndex
        begun = stack.pop()[1]
        parent = stack[-1][0] if stack else ""
        closes = packet[_tag_end(packet, begun) - 2 : _tag_end(packet, begun)] != b"/>"  # an empty element has no end tag
        if name == f"{_RDF} RDF" and closes:
            found.rdf_end = at
        elif name == f"{_RDF} Seq" and parent == f"{_MANAGED} History" and closes:
            found.history_end = at
        elif name == f"{_IPTC} DigitalSourceType" and len(stack) > 1 and stack[-2][0] == f"{_RDF} RDF":
            found.elements.append((begun, packet.index(b">", at) + 1 if closes else _tag_end(packet, begun)))

    def declared(prefix: str | None, uri: str) -> None:
        if uri == _IPTC and prefix:
            found.prefixes.add(prefix)

    def refuse(*_: object) -> None:
        raise ValueError("XMP has no DOCTYPE")

    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = start, end, text
    parser.StartNamespaceDeclHandler, parser.StartDoctypeDeclHandler = declared, refuse
    try:
        parser.Parse(packet, True)
    except (expat.ExpatError, ValueError):
        return None
    return found
