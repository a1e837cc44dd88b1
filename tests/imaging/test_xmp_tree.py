"""Where the parts of an XMP packet stand: of tags that end after a blank, and of packets that only look like one."""

from ttpo_cli.imaging.xmp_tree import read_tree


def test_a_tag_ends_at_its_bracket_whatever_text_follows():
    packet = b'<a >x="1"><b  y="2" /></a>'
    root = read_tree(packet)
    assert root is not None
    assert packet[slice(*root.inside)] == b'x="1"><b  y="2" />'
    child = root.children[0]
    assert packet[slice(*child.whole)] == b'<b  y="2" />'
    assert packet[slice(*child.attributes[0].slot.span)] == b"2"
    assert root.has_end_tag
    assert not child.has_end_tag


def test_a_damaged_packet_is_none_and_no_error():
    assert read_tree(b'<a xmlns:r="u" ><r:D ><r:S/></:rdf="http"><r:E q="1"/></r:D></a>') is None
