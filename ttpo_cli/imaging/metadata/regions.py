"""Regions in XMP, such as faces with names, turned with the picture: MWG's, ACDSee's, Microsoft's and IPTC's.

Metadata Working Group, Guidelines 2.0, 5.9: areas by their centre, in shares of the stored picture. Microsoft's People Tagging: rectangles
by their corner, in shares. IPTC Photo Metadata 2019.1, Image Region: by corner, centre (circles) or vertices, in shares or pixels.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from ttpo_cli.imaging.metadata.change import Change, Size, same_shape
from ttpo_cli.imaging.xmp_tree import Edit, Element, Slot

_MWG, _ACDSEE, _IPTC = (
    "http://www.metadataworkinggroup.com/schemas/regions/",
    "http://ns.acdsee.com/",
    "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
)
REGIONS = frozenset(
    (f"{_MWG} Regions", f"{_ACDSEE}regions/ Regions", "http://ns.microsoft.com/photo/1.2/ RegionInfo", f"{_IPTC} ImageRegion")
)
_AREAS = ("http://ns.adobe.com/xmp/sType/Area#", f"{_ACDSEE}sType/Area#")
_SIZES = ("http://ns.adobe.com/xap/1.0/sType/Dimensions#", f"{_ACDSEE}sType/Dimensions#")
_RECTANGLE = "http://ns.microsoft.com/photo/1.2/t/Region# Rectangle"
# Of a face within the picture's own axes.
_ANGLES = frozenset((f"{_MWG} Rotation", f"{_MWG} Extensions"))


def region_edits(element: Element, change: Change) -> Iterator[Edit]:
    """The edits of one property of REGIONS."""
    applied = next((size for one in element.descendants() if (size := _applied(one)) is not None), None)
    if change.sideways and applied is not None and same_shape(applied, change.upright) and not same_shape(applied, change.before):
        change = replace(change, before=change.upright, orientation=1)  # it speaks of the upright picture already
    yield from _edits(element, change, applied, "")


def _edits(element: Element, change: Change, applied: tuple[float, float] | None, unit: str) -> Iterator[Edit]:
    """unit: of IPTC's numbers, as an element around this one has it."""
    fields = element.own_fields()
    unit = next((slot.value for name, slot in fields.items() if name == f"{_IPTC} rbUnit"), unit)
    for namespace in _AREAS:
        yield from _area(_of(fields, namespace), change, applied)
    for namespace in _SIZES:
        yield from _size(_of(fields, namespace), change)
    yield from _boundary(_of(fields, _IPTC), change, unit)
    if _RECTANGLE in fields:
        yield from _rectangle(fields[_RECTANGLE], change)
    for attribute in element.attributes:
        if change.turned and attribute.name in _ANGLES:
            yield (*attribute.whole, b"")
    for child in element.children:
        if change.turned and child.name in _ANGLES:
            yield (*child.whole, b"")
        else:
            yield from _edits(child, change, applied, unit)


def _of(fields: Mapping[str, Slot], namespace: str) -> dict[str, Slot]:
    """The fields of one namespace by their local names."""
    return {name.rpartition(" ")[2]: slot for name, slot in fields.items() if name.rpartition(" ")[0] == namespace}


def _number(slot: Slot | None) -> float | None:
    try:
        return None if slot is None else float(slot.value)
    except ValueError:
        return None


def _numbers(fields: Mapping[str, Slot], *names: str) -> list[float] | None:
    """The numbers of these names; None where one is missing."""
    found = [_number(fields.get(name)) for name in names]
    return [number for number in found if number is not None] if None not in found else None


def _applied(element: Element) -> tuple[float, float] | None:
    for namespace in _SIZES:
        numbers = _numbers(_of(element.own_fields(), namespace), "w", "h")
        if numbers is not None:
            return numbers[0], numbers[1]
    return None


def _size(fields: Mapping[str, Slot], change: Change) -> Iterator[Edit]:
    """AppliedToDimensions: the size of the picture, where it was that; another size is scaled and turned alike."""
    numbers = _numbers(fields, "w", "h")
    if numbers is None or fields.get("unit", Slot("pixel", (0, 0))).value not in ("pixel", "pixels"):
        return
    is_whole = same_shape((numbers[0], numbers[1]), change.before)
    size = change.after if is_whole else change.size_pixels(numbers[0], numbers[1])
    yield fields["w"].becomes(round(size[0]))
    yield fields["h"].becomes(round(size[1]))


def _area(fields: Mapping[str, Slot], change: Change, applied: tuple[float, float] | None) -> Iterator[Edit]:
    """By its centre; pixels are of the size that the regions apply to."""
    numbers = _numbers(fields, "x", "y")
    if numbers is None:
        return
    centre, size = (numbers[0], numbers[1]), _numbers(fields, "w", "h")
    if fields.get("unit", Slot("normalized", (0, 0))).value in ("pixel", "pixels"):
        reference: Size | None = (round(applied[0]), round(applied[1])) if applied and same_shape(applied, change.before) else None
        moved, resized = change.pixels(centre, reference), change.size_pixels(size[0], size[1], reference) if size else ()
    elif change.turned:
        moved, resized = change.share(centre), change.size_share(size[0], size[1]) if size else ()
    else:
        return
    yield from (fields[name].becomes(_text(value)) for name, value in zip("xywh", (*moved, *resized), strict=False))


def _rectangle(slot: Slot, change: Change) -> Iterator[Edit]:
    """Left, top, width and height, in shares."""
    try:
        left, top, width, height = (float(word) for word in slot.value.split(","))
    except ValueError:
        return
    if change.turned:
        corner = _corner(change, left, top, width, height)
        yield slot.becomes(", ".join(map(_text, (*corner, *change.size_share(width, height)))))


def _corner(change: Change, left: float, top: float, width: float, height: float) -> tuple[float, float]:
    """The upper left corner of a rectangle after the turn, in shares."""
    one, two = change.share((left, top)), change.share((left + width, top + height))
    return min(one[0], two[0]), min(one[1], two[1])


def _boundary(fields: Mapping[str, Slot], change: Change, unit: str) -> Iterator[Edit]:
    """Of IPTC: a rectangle's corner, a circle's centre, or a vertex."""
    numbers = _numbers(fields, "rbX", "rbY")
    if numbers is None or (unit != "pixel" and not change.turned):
        return
    size, radius = _numbers(fields, "rbW", "rbH"), _number(fields.get("rbRx"))
    # In shares of the sides before, from pixels too.
    width, height = change.before if unit == "pixel" else (1, 1)
    x, y = numbers[0] / width, numbers[1] / height
    across, along = (size[0] / width, size[1] / height) if size else (0.0, 0.0)
    moved = _corner(change, x, y, across, along) if size else change.share((x, y))
    after = change.after if unit == "pixel" else (1, 1)
    yield fields["rbX"].becomes(_text(moved[0] * after[0]))
    yield fields["rbY"].becomes(_text(moved[1] * after[1]))
    if size:
        resized = change.size_share(across, along)
        yield fields["rbW"].becomes(_text(resized[0] * after[0]))
        yield fields["rbH"].becomes(_text(resized[1] * after[1]))
    if radius is not None:  # in shares of the width
        sides = change.upright
        ratio = change.scale[0] if unit == "pixel" else change.before[0] / sides[0]
        yield fields["rbRx"].becomes(_text(radius * ratio))


def _text(value: float) -> str:
    """Without more digits than places in a picture have."""
    return f"{value:.6f}".rstrip("0").rstrip(".")
