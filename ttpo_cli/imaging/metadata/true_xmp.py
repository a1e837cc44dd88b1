"""XMP made true for another picture: properties are set, scaled, turned or taken out as xmp_rules says, all else stays byte for byte."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

from ttpo_cli.imaging.metadata import xmp_rules as rules
from ttpo_cli.imaging.metadata.change import Change, same_shape
from ttpo_cli.imaging.metadata.regions import REGIONS, region_edits
from ttpo_cli.imaging.metadata.true_exif import moved_subject
from ttpo_cli.imaging.xmp_tree import Attribute, Edit, Element, Slot, edited, in_utf8, properties, read_tree

UNREADABLE = "its XMP is damaged and was left out, since it may say what is no longer true"
Property = Attribute | Element


@dataclass(frozen=True)
class TrueXmp:
    """packet: None where it had to go; dropped: what went with it, in words; notes: what of it is damaged."""

    packet: bytes | None
    dropped: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def true_xmp(packet: bytes, change: Change, media_type: str | None = None) -> TrueXmp:
    """The packet for the picture after the change. media_type: of the file that it goes into, None for not yet known.

    A packet that cannot be parsed stays as it is, unless words in it show that it may say what is no longer true.
    """
    text = in_utf8(packet)
    root = read_tree(text)
    if root is None:
        suspect = any(word in text for word in rules.SUSPECT)
        return TrueXmp(None, notes=(UNREADABLE,)) if suspect else TrueXmp(packet)
    found = list(properties(root))
    return TrueXmp(edited(text, _edits(found, change, media_type)), dropped=_dropped(found))


def _dropped(found: Iterable[Property]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(rules.WITHIN[each.name] for each in found if each.name in rules.WITHIN))


def _edits(found: list[Property], change: Change, media_type: str | None) -> Iterator[Edit]:
    slots = {each.name: slot for each in found if (slot := each.slot) is not None}
    values: dict[str, object] = {
        **dict.fromkeys(rules.WIDTHS, change.after[0]),
        **dict.fromkeys(rules.HEIGHTS, change.after[1]),
        rules.ORIENTATION: 1,
    }
    if media_type is not None:
        values[rules.MEDIA_TYPE] = media_type
    panorama_goes = change.turned and not _panorama_is_upright(slots, change)
    for each in found:
        if (
            rules.is_gone(each.name)
            or (change.turned and each.name in rules.PLACED)
            or (panorama_goes and each.name.startswith(f"{rules.GPANO} "))
        ):
            yield (*each.whole, b"")
        elif each.name in values and each.slot is not None:
            yield each.slot.becomes(values[each.name])
        elif each.name in rules.SCALED and each.slot is not None:
            yield from _scaled(each.slot, each.name, change)
        elif each.name in rules.SUBJECTS and isinstance(each, Element):
            yield from _subject(each, change)
        elif each.name in REGIONS and isinstance(each, Element):
            yield from region_edits(each, change)
    yield from _pairs(slots, change)
    yield from _crop(slots, change)
    yield from _focal_point(slots, change)


def _panorama_is_upright(slots: Mapping[str, Slot], change: Change) -> bool:
    """Whether a panorama's numbers are of the picture as it is after a turn on its side."""
    named = [slots.get(f"{rules.GPANO} CroppedAreaImage{side}Pixels") for side in ("Width", "Height")]
    numbers = [_number(slot) for slot in named]
    if numbers[0] is None or numbers[1] is None:
        return False
    size = (numbers[0], numbers[1])
    return change.sideways and same_shape(size, change.upright) and not same_shape(size, change.before)


def _number(slot: Slot | None) -> float | None:
    try:
        return None if slot is None else float(slot.value)
    except ValueError:
        return None


def _scaled(slot: Slot, name: str, change: Change) -> Iterator[Edit]:
    number = _number(slot)
    axis, rounded = rules.SCALED[name]
    if number is not None and change.scale[axis] != 1:
        yield slot.becomes(rounded(round(number * change.scale[axis], 6)))


def _subject(element: Element, change: Change) -> Iterator[Edit]:
    """EXIF's SubjectArea and SubjectLocation as lists."""
    slots = [item.slot for item in element.items()]
    numbers = [_number(slot) for slot in slots]
    known = tuple(int(number) for number in numbers if number is not None)
    moved = moved_subject(known, change) if len(known) == len(numbers) else None
    if moved is None:
        yield (*element.whole, b"")
    else:
        yield from (slot.becomes(value) for slot, value in zip(slots, moved, strict=True) if slot is not None)


def _pairs(slots: Mapping[str, Slot], change: Change) -> Iterator[Edit]:
    """Resolutions across and along are exchanged; those of the focal plane grow with the picture."""
    for names, scales in ((rules.RESOLUTION, (1.0, 1.0)), (rules.FOCAL_PLANE, change.scale)):
        pair = [slots.get(name) for name in names]
        values = [None if slot is None else slot.value for slot in pair]
        if change.sideways and None not in values:
            values.reverse()
        for slot, value, scale in zip(pair, values, scales, strict=True):
            if slot is not None and value is not None:
                text = value if scale == 1 else _rational(value, scale)
                if text is not None and text != slot.value:
                    yield slot.becomes(text)


def _rational(text: str, scale: float) -> str | None:
    """A fraction as EXIF in XMP has them, scaled; None for text that is none."""
    try:
        value = Fraction(text) * Fraction(scale).limit_denominator(10**6)
    except (ValueError, ZeroDivisionError):
        return None
    limited = value.limit_denominator(10**5)
    return f"{limited.numerator}/{limited.denominator}"


def _crop(slots: Mapping[str, Slot], change: Change) -> Iterator[Edit]:
    """The size of a raw developer's crop, where it is in pixels (unit 0)."""
    unit = slots.get(f"{rules.CRS} CropUnits") or slots.get(f"{rules.CRS} CropUnit")
    if change.turned or unit is None or unit.value != "0":
        return
    for name, scale in zip(("CropWidth", "CropHeight"), change.scale, strict=True):
        slot = slots.get(f"{rules.CRS} {name}")
        number = _number(slot)
        if slot is not None and number is not None and scale != 1:
            yield slot.becomes(f"{number * scale:.6g}")


def _focal_point(slots: Mapping[str, Slot], change: Change) -> Iterator[Edit]:
    """In shares of the sides."""
    pair = [slots.get(name) for name in rules.FOCAL_POINT]
    x, y = (_number(slot) for slot in pair)
    if change.turned and x is not None and y is not None:
        for slot, value in zip(pair, change.share((x, y)), strict=True):
            if slot is not None:
                yield slot.becomes(f"{value:.6g}")
