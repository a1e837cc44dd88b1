"""EXIF made true for another picture: every tag that speaks of size, place or storage is set, scaled, turned or taken out (CIPA DC-008)."""

import struct
from fractions import Fraction

from ttpo_cli.imaging.exif import EXIF_DIRECTORY, INTEROPERABILITY_DIRECTORY, ORIENTATION, Directory, Entry, Exif
from ttpo_cli.imaging.metadata.change import Change, Size, same_shape

_SHORT, _LONG, _RATIONAL = 3, 4, 5
_WIDTH, _HEIGHT = 0xA002, 0xA003  # PixelXDimension, PixelYDimension
_SUBJECT_AREA, _SUBJECT_LOCATION = 0x9214, 0xA214
_FOCAL_PLANE, _RESOLUTION = (0xA20E, 0xA20F), (0x011A, 0x011B)
_POSITIONING, _CENTRED = 0x0213, 1
_COMPRESSED_BITS = 0x9102
# Of the first directory: how pixels were stored, and copies of what files hold elsewhere (XMP, IPTC, Photoshop's resources, a profile).
STORAGE = frozenset((0x00FE, 0x00FF, 0x0102, 0x0103, 0x0106, 0x010A, 0x0111, 0x0115, 0x0116, 0x0117, 0x011C, 0x013D, 0x0152, 0x0153))
STORAGE |= {0x0142, 0x0143, 0x0144, 0x0145, 0x014A, 0x015B, 0x0201, 0x0202, 0x0212, 0x02BC, 0x83BB, 0x8649, 0x8773, 0x935C}


def make_true(exif: Exif, change: Change) -> None:
    """Change the EXIF in place."""
    photo = exif.root.children.get(EXIF_DIRECTORY, Directory())
    related = photo.children.get(INTEROPERABILITY_DIRECTORY, Directory())
    _move_subject(exif, photo, change)
    for tag in STORAGE:
        exif.root.entries.pop(tag, None)
    photo.entries.pop(_COMPRESSED_BITS, None)
    _set(exif, exif.root, ORIENTATION, _SHORT, 1)
    _set(exif, exif.root, _POSITIONING, _SHORT, _CENTRED)
    for directory, width_tag, height_tag in ((exif.root, 0x0100, 0x0101), (photo, _WIDTH, _HEIGHT), (related, 0x1001, 0x1002)):
        _set(exif, directory, width_tag, _LONG, change.after[0])
        _set(exif, directory, height_tag, _LONG, change.after[1])
    if change.sideways:
        for directory, pair in ((exif.root, _RESOLUTION), (photo, _FOCAL_PLANE)):
            _exchange(directory, *pair)
    for tag, scale in zip(_FOCAL_PLANE, change.scale, strict=True):
        _scale_rational(exif, photo, tag, scale)


def _set(exif: Exif, directory: Directory, tag: int, kind: int, value: int) -> None:
    """Set a tag that is there."""
    if tag in directory.entries:
        directory.entries[tag] = Entry(kind, 1, struct.pack(exif.order + ("H" if kind == _SHORT else "I"), value))


def _exchange(directory: Directory, first: int, second: int) -> None:
    one, two = directory.entries.pop(first, None), directory.entries.pop(second, None)
    directory.entries |= {tag: entry for tag, entry in ((first, two), (second, one)) if entry is not None}


def _scale_rational(exif: Exif, directory: Directory, tag: int, scale: float) -> None:
    entry = directory.entries.get(tag)
    if entry is None or entry.kind != _RATIONAL or entry.count != 1:
        return
    numerator, denominator = struct.unpack(exif.order + "II", entry.data)
    if denominator and scale != 1:
        scaled = (Fraction(numerator, denominator) * Fraction(scale).limit_denominator(10**6)).limit_denominator(10**5)
        if scaled.numerator < 2**32:
            directory.entries[tag] = Entry(_RATIONAL, 1, struct.pack(exif.order + "II", scaled.numerator, scaled.denominator))


def _move_subject(exif: Exif, photo: Directory, change: Change) -> None:
    """Turn and scale where the subject lies: a point, a circle (and its diameter) or a rectangle (and its size) by the centre."""
    reference = _reference(exif, photo, change)
    for tag in (_SUBJECT_AREA, _SUBJECT_LOCATION):
        numbers = _numbers(exif, photo.entries.get(tag))
        if not numbers:
            continue
        moved = moved_subject(numbers, change, reference)
        if moved is None:
            del photo.entries[tag]
        else:
            photo.entries[tag] = Entry(_SHORT, len(moved), struct.pack(f"{exif.order}{len(moved)}H", *moved))


def moved_subject(numbers: tuple[int, ...], change: Change, reference: Size | None = None) -> list[int] | None:
    """2, 3 or 4 numbers for another picture; None where there is no place for them."""
    if len(numbers) not in (2, 3, 4):
        return None
    moved = list(change.pixels((numbers[0], numbers[1]), reference))
    if len(numbers) == 3:
        across, along = change.size_pixels(numbers[2], numbers[2], reference)
        moved.append((across * along) ** 0.5)
    elif len(numbers) == 4:
        moved += change.size_pixels(numbers[2], numbers[3], reference)
    rounded = [round(value) for value in moved]
    return rounded if all(0 <= value <= 65535 for value in rounded) else None


def _reference(exif: Exif, photo: Directory, change: Change) -> Size | None:
    """The size that places are of: the one that EXIF states, where it has the picture's shape; programs that resize may leave both."""
    stated = [_numbers(exif, photo.entries.get(tag)) for tag in (_WIDTH, _HEIGHT)]
    if all(stated):
        size = (stated[0][0], stated[1][0])
        if same_shape(size, change.before):
            return size
    return None


def _numbers(exif: Exif, entry: Entry | None) -> tuple[int, ...]:
    """Of a tag of whole numbers; () for any other."""
    if entry is None or entry.kind not in (_SHORT, _LONG):
        return ()
    return struct.unpack(f"{exif.order}{entry.count}{'H' if entry.kind == _SHORT else 'I'}", entry.data)
