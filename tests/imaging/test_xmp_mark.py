"""The mark in XMP: there whatever the packet looked like, once, and nothing else lost, not a byte."""

import xml.etree.ElementTree as ElementTree

import pytest

from ttpo_cli.imaging.xmp_mark import ENHANCED, GENERATIVE, Mark, mark_xmp

RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
IPTC = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}"
XMP = "{http://ns.adobe.com/xap/1.0/}"
MANAGED = "{http://ns.adobe.com/xap/1.0/mm/}"
EVENT = "{http://ns.adobe.com/xap/1.0/sType/ResourceEvent#}"
MARK = Mark(GENERATIVE, 'ttpo "1" & <2>')
NAMES = (
    'xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" xmlns:xmp="http://ns.adobe.com/xap/1.0/" '
    'xmlns:xmpMM="http://ns.adobe.com/xap/1.0/mm/" xmlns:stEvt="http://ns.adobe.com/xap/1.0/sType/ResourceEvent#" '
    'xmlns:dc="http://purl.org/dc/elements/1.1/"'
)


def packet(attributes="", content="", about=""):
    inner = f'<rdf:Description rdf:about="{about}" {NAMES} {attributes}>{content}</rdf:Description>'
    return (
        f'<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n<x:xmpmeta xmlns:x="adobe:ns:meta/">'
        f'<rdf:RDF xmlns:rdf="{RDF[1:-1]}">\n {inner}</rdf:RDF></x:xmpmeta>\n     <?xpacket end="w"?>'
    ).encode()


def values(xmp, name):
    """Every value of a simple property of the photo, attribute or element."""
    found = []
    for description in ElementTree.fromstring(xmp.strip()).iter(f"{RDF}Description"):
        found += [description.get(name)] if name in description.attrib else []
        found += [element.text or element.get(f"{RDF}resource") for element in description.findall(name)]
    return found


def history(xmp):
    return [dict(entry.attrib) for entry in ElementTree.fromstring(xmp.strip()).findall(f".//{MANAGED}History/{RDF}Seq/{RDF}li")]


def marked(xmp):
    result = mark_xmp(xmp, MARK)
    assert result is not None
    return result


SOURCE = 'Iptc4xmpExt:DigitalSourceType="http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture"'
OLD_EVENT = '<xmpMM:History><rdf:Seq><rdf:li stEvt:action="saved" stEvt:softwareAgent="Darkroom 5"/></rdf:Seq></xmpMM:History>'


@pytest.mark.parametrize(
    "before",
    [
        None,
        packet(),
        packet(SOURCE),
        packet(SOURCE.replace('"', "'") + ' dc:format="a > b"'),
        packet("", SOURCE.replace('="', ">").replace('"', "</Iptc4xmpExt:DigitalSourceType>").join(("<", ""))),
        packet("", '<Iptc4xmpExt:DigitalSourceType rdf:resource="http://cv.iptc.org/newscodes/digitalsourcetype/print"/>'),
        packet(SOURCE).replace(b"Iptc4xmpExt:", b"ext:").replace(b":Iptc4xmpExt=", b":ext="),
        packet("", OLD_EVENT),
        packet(SOURCE) + b"\0\0",
    ],
    ids=["no packet", "bare", "attribute", "quotes", "element", "resource", "other prefix", "history", "nulls"],
)
def test_the_mark_is_there_once_whatever_the_packet_was(before):
    after = marked(before)
    assert values(after, f"{IPTC}DigitalSourceType") == [GENERATIVE]
    assert [event.get(f"{EVENT}softwareAgent") for event in history(after)][-1:] == [MARK.software]
    again = marked(after)
    assert values(again, f"{IPTC}DigitalSourceType") == [GENERATIVE] and len(history(again)) == len(history(after)) + 1


def test_what_stood_there_stays_byte_for_byte():
    title = '<dc:title><rdf:Alt><rdf:li xml:lang="x-default">caf\u00e9 &amp; sea</rdf:li></rdf:Alt></dc:title>'
    before = packet('xmp:CreatorTool="Camera 1.0" xmp:Rating="4"', title + OLD_EVENT)
    after = marked(before)
    for piece in (title.encode(), b'xmp:CreatorTool="Camera 1.0" xmp:Rating="4"', b"Darkroom 5", b'\n     <?xpacket end="w"?>'):
        assert piece in after
    assert len(history(after)) == 2 and values(after, f"{XMP}CreatorTool") == ["Camera 1.0"]
    rest = after
    start = rest.index(b"<rdf:Description xmlns:rdf")
    rest = rest[:start] + rest[rest.index(b"</rdf:Description>", start) + len(b"</rdf:Description>") :]
    start = rest.index(b"<rdf:li xmlns:rdf")
    assert rest[:start] + rest[rest.index(b"/>", start) + 2 :] == before


def test_the_former_source_type_is_told_in_the_history():
    (event,) = history(marked(packet(SOURCE)))
    assert "digitalCapture" in event[f"{EVENT}parameters"]
    assert f"{EVENT}parameters" not in history(marked(packet()))[0]


def test_a_source_type_of_something_inside_the_photo_stays():
    inner = f"<dc:relation><rdf:Bag><rdf:li><rdf:Description {SOURCE}/></rdf:li></rdf:Bag></dc:relation>"
    assert inner.encode() in marked(packet("", inner))


def test_the_software_is_named_where_no_tool_was():
    assert values(marked(packet()), f"{XMP}CreatorTool") == [MARK.software]


def test_the_description_is_about_what_the_others_are():
    after = marked(packet(about="uuid:1&amp;2"))
    assert {description.get(f"{RDF}about") for description in ElementTree.fromstring(after).iter(f"{RDF}Description")} == {"uuid:1&2"}


@pytest.mark.parametrize(
    "broken",
    [
        b"no xml",
        b"",
        packet()[:-60],
        packet().decode().encode("utf-16"),
        b'<!DOCTYPE a [<!ENTITY b "c">]>' + packet().split(b"\n", 1)[1].rsplit(b"\n", 1)[0],
        packet("", "<xmpMM:History>lost</xmpMM:History>"),
    ],
)
def test_what_cannot_be_merged_with_certainty_is_left_alone(broken):
    if broken:
        assert mark_xmp(broken, MARK) is None
    else:
        assert values(marked(broken), f"{IPTC}DigitalSourceType") == [GENERATIVE]


def test_the_terms_are_of_iptcs_vocabulary():
    assert ENHANCED.rpartition("/")[2] == "algorithmicallyEnhanced"
    assert GENERATIVE.rpartition("/")[2] == "compositeWithTrainedAlgorithmicMedia"
