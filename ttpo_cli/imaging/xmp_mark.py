"""The mark of a machine in XMP: IPTC's digital source type and the software's name, merged into a packet that else stays as it was.

The vocabulary is cv.iptc.org/newscodes/digitalsourcetype; the properties are of IPTC Extension and XMP Media Management (ISO 16684-1, -2).
No time is written, so that the same restoration gives the same bytes.
"""

from dataclasses import dataclass
from xml.sax.saxutils import escape

from ttpo_cli.imaging.xmp_tree import RDF, Attribute, Element, edited, properties, rdf_of, read_tree

# Modification by an algorithm that leaves the main content as it was: what a restoring network does.
ENHANCED = "http://cv.iptc.org/newscodes/digitalsourcetype/algorithmicallyEnhanced"
# Editing with a generative model: what the diffusion prior does.
GENERATIVE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"

_IPTC = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
_XMP, _MANAGED = "http://ns.adobe.com/xap/1.0/", "http://ns.adobe.com/xap/1.0/mm/"
_EVENT = "http://ns.adobe.com/xap/1.0/sType/ResourceEvent#"
_EMPTY = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    f'<rdf:RDF xmlns:rdf="{RDF}"></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
).encode()


@dataclass(frozen=True)
class Mark:
    """source_type: a term of IPTC's vocabulary, as its whole address. software: name and version."""

    source_type: str
    software: str


def mark_xmp(xmp: bytes | None, mark: Mark) -> bytes | None:
    """The packet with the mark, or a new one where there was none. A source type there is replaced, and recorded in the history.

    None for a packet that cannot be merged with certainty: one that is not UTF-8, not well formed, or brings a DOCTYPE.
    """
    packet = (xmp or _EMPTY).rstrip(b"\0")
    root = read_tree(packet)
    rdf = None if root is None else rdf_of(root)
    if root is None or rdf is None or not rdf.has_end_tag:
        return None
    own = list(properties(root))
    history = [each for each in own if isinstance(each, Element) and each.name == f"{_MANAGED} History"]
    entries = [child for each in history for child in each.children if child.name == f"{RDF} Seq" and child.has_end_tag]
    if history and not entries:
        return None
    sources = [each for each in own if each.name == f"{_IPTC} DigitalSourceType"]
    event = _event(mark, _source_type(sources[-1]) if sources else "")
    added = "" if any(each.name == f"{_XMP} CreatorTool" for each in own) else _tool(mark)
    added += "" if history else f'<xmpMM:History xmlns:xmpMM="{_MANAGED}"><rdf:Seq>{event}</rdf:Seq></xmpMM:History>'
    edits = [(rdf.inside[1], rdf.inside[1], _description(mark, rdf, added)), *((*each.whole, b"") for each in sources)]
    edits += [(each.inside[1], each.inside[1], event.encode()) for each in entries[-1:]]
    packet = edited(packet, edits)
    return packet if read_tree(packet) is not None else None


def _source_type(source: Attribute | Element) -> str:
    """The term that a property names: its value, or the resource it refers to."""
    if isinstance(source, Attribute):
        return source.slot.value
    fields = source.own_fields()
    return (fields[f"{RDF} resource"].value if f"{RDF} resource" in fields else "") + source.text.strip()


def _event(mark: Mark, former: str) -> str:
    """What was done, as an entry of the history."""
    parameters = f' stEvt:parameters="digital source type before: {_quoted(former)}"' if former else ""
    agent = f'stEvt:action="edited" stEvt:softwareAgent="{_quoted(mark.software)}"{parameters}'
    return f'<rdf:li xmlns:rdf="{RDF}" xmlns:stEvt="{_EVENT}" {agent}/>'


def _tool(mark: Mark) -> str:
    return f'<xmp:CreatorTool xmlns:xmp="{_XMP}">{escape(mark.software)}</xmp:CreatorTool>'


def _description(mark: Mark, rdf: Element, added: str) -> bytes:
    """A description of the photo that rdf:RDF describes, with the source type and what is added."""
    abouts = [each.slot.value for one in rdf.children for each in one.attributes if each.name == f"{RDF} about"]
    kind = f'<Iptc4xmpExt:DigitalSourceType xmlns:Iptc4xmpExt="{_IPTC}">{escape(mark.source_type)}</Iptc4xmpExt:DigitalSourceType>'
    about = _quoted(abouts[-1] if abouts else "")
    return f'<rdf:Description xmlns:rdf="{RDF}" rdf:about="{about}">{kind}{added}</rdf:Description>'.encode()


def _quoted(text: str) -> str:
    return escape(text, {'"': "&quot;"})
