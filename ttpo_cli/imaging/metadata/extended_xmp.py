"""XMP of more than a JPEG segment holds: a standard packet and an extended one in pieces, joined and divided (XMP part 3, 1.1.3.1)."""

import hashlib
import struct
from collections.abc import Iterable, Iterator
from xml.sax.saxutils import escape

from ttpo_cli.imaging.xmp_tree import RDF, Attribute, Element, edited, in_utf8, rdf_of, read_tree

STANDARD, EXTENSION = b"http://ns.adobe.com/xap/1.0/\0", b"http://ns.adobe.com/xmp/extension/\0"
_NOTE = "http://ns.adobe.com/xmp/note/"
_NAME = f"{_NOTE} HasExtendedXMP"
_LONGEST, _PIECE, _SEGMENT = 2**26, 65000, 65533
_HEAD = 32 + 4 + 4  # a name (MD5, hexadecimal), the length of the whole, the offset of the piece
INCOMPLETE = "a part of its XMP is missing or damaged and was left out"


def joined(standard: bytes | None, extensions: Iterable[bytes]) -> tuple[bytes | None, tuple[str, ...]]:
    """One packet of a JPEG's standard packet and the payloads of its extension segments, without their marker; and notes."""
    pieces = [piece for piece in extensions if len(piece) > _HEAD]
    if standard is None or not pieces:
        return standard, ()
    main = in_utf8(standard)
    root = read_tree(main)
    rdf = None if root is None else rdf_of(root)
    if root is None or rdf is None or not rdf.has_end_tag:
        return standard, (INCOMPLETE,)
    name = next((value for description in rdf.children for value in _names(description)), "")
    extended = _assembled(name.encode("latin-1", "replace"), pieces)
    further = None if extended is None else read_tree(in_utf8(extended))
    source = None if further is None else rdf_of(further)
    if extended is None or source is None:
        return standard, (INCOMPLETE,)
    text = in_utf8(extended)
    about = next(iter(_about(rdf)), "")
    added = b"".join(_description(one, about, _attribute_bytes(text, one), text[slice(*one.inside)]) for one in source.children)
    return edited(main, [(rdf.inside[1], rdf.inside[1], added)]), ()


def _names(description: Element) -> Iterator[str]:
    yield from (slot.value for name, slot in description.own_fields().items() if name == _NAME)


def _about(rdf: Element) -> Iterator[str]:
    for description in rdf.children:
        yield from (attribute.slot.value for attribute in description.attributes if attribute.name == f"{RDF} about")


def _attribute_bytes(packet: bytes, element: Element) -> bytes:
    return b"".join(packet[slice(*each.whole)] for each in element.attributes if each.name != f"{RDF} about")


def _assembled(name: bytes, pieces: Iterable[bytes]) -> bytes | None:
    """The extended packet of this name; None where a part of it is missing or its digest is another."""
    mine = [(*struct.unpack_from(">II", piece, 32), piece[_HEAD:]) for piece in pieces if piece[:32].upper() == name.upper()]
    total = mine[0][0] if mine else 0
    if not 0 < total <= _LONGEST:
        return None
    whole = bytearray(total)
    covered = 0
    for _, offset, content in sorted(mine, key=lambda piece: piece[1]):
        if offset > covered or offset + len(content) > total:
            return None
        whole[offset : offset + len(content)] = content
        covered = max(covered, offset + len(content))
    return bytes(whole) if covered == total and hashlib.md5(whole).hexdigest().upper().encode() == name.upper() else None


def _description(element: Element, about: str, attributes: bytes, inside: bytes) -> bytes:
    """A description of its own of what stood in another place, with the namespaces that were in scope there."""
    scope = {**element.namespaces}
    rdf = next((prefix for prefix, uri in scope.items() if uri == RDF and prefix), "rdf")
    scope |= {rdf: RDF}
    declared = "".join(
        f' xmlns{":" + prefix if prefix else ""}="{escape(uri, {chr(34): "&quot;"})}"' for prefix, uri in scope.items() if prefix != "xml"
    )
    start = f'<{rdf}:Description{declared} {rdf}:about="{escape(about, {chr(34): "&quot;"})}"'
    return start.encode() + attributes + b">" + inside + f"</{rdf}:Description>".encode()


def xmp_payloads(packet: bytes) -> list[bytes] | None:
    """The payloads of APP1 segments that hold the packet; None where it cannot be divided so that they do."""
    if len(STANDARD + packet) <= _SEGMENT:
        return [STANDARD + packet]
    text = in_utf8(packet)
    root = read_tree(text)
    rdf = None if root is None else rdf_of(root)
    if root is None or rdf is None or len(text) > _LONGEST:
        return None
    begin, end = text[: root.whole[0]], text[root.whole[1] :].strip()  # without the padding
    about = next(iter(_about(rdf)), "")
    core = text[slice(*root.whole)]
    if len(STANDARD + begin + core + end) <= _SEGMENT:
        return [STANDARD + begin + core + end]
    moved = _to_move(rdf, len(STANDARD + begin + core + end) - _SEGMENT + 400)
    within = b"".join(_description(owner, about, *_piece(text, each)) for owner, each in moved)
    extended = f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{RDF}">'.encode() + within + b"</rdf:RDF></x:xmpmeta>"
    name = hashlib.md5(extended).hexdigest().upper()
    named = f'rdf:about="{escape(about, {chr(34): "&quot;"})}" xmpNote:HasExtendedXMP="{name}"'
    pointer = f'<rdf:Description xmlns:rdf="{RDF}" xmlns:xmpNote="{_NOTE}" {named}/>'
    edits = [(*each.whole, b"") for _, each in moved]
    edits += [(rdf.inside[1], rdf.inside[1], pointer.encode()), (root.whole[1], len(text), end)]
    standard = edited(text, edits)
    if len(STANDARD + standard) > _SEGMENT or len(extended) > _LONGEST or read_tree(standard) is None:
        return None
    heads = [name.encode() + struct.pack(">II", len(extended), at) for at in range(0, len(extended), _PIECE)]
    return [STANDARD + standard, *(EXTENSION + head + extended[_PIECE * index : _PIECE * (index + 1)] for index, head in enumerate(heads))]


def _piece(packet: bytes, each: Attribute | Element) -> tuple[bytes, bytes]:
    """(attributes, content) of the description that holds one property."""
    whole = packet[slice(*each.whole)]
    return (whole, b"") if isinstance(each, Attribute) else (b"", whole)


def _to_move(rdf: Element, least: int) -> list[tuple[Element, Attribute | Element]]:
    """(description, property): the longest properties, as many as make up `least` bytes."""
    every = [(one, each) for one in rdf.children for each in (*one.attributes, *one.children) if not each.name.startswith(f"{RDF} ")]
    chosen: list[tuple[Element, Attribute | Element]] = []
    for owner, each in sorted(every, key=lambda pair: pair[1].whole[0] - pair[1].whole[1]):
        if least <= 0:
            break
        chosen.append((owner, each))
        least -= each.whole[1] - each.whole[0]
    return chosen
