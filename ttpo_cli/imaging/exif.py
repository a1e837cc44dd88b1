"""EXIF as it is stored, a TIFF structure of directories: read, and written back (CIPA DC-008, TIFF 6.0).

Every tag is kept as bytes, known or not, and a maker note stays at the offset it had, since makers count offsets from the EXIF's start.
"""

import struct
from dataclasses import dataclass, field

ORIENTATION, EXIF_DIRECTORY, GPS_DIRECTORY, INTEROPERABILITY_DIRECTORY, MAKER_NOTE = 0x0112, 0x8769, 0x8825, 0xA005, 0x927C
_ROOT, _LONG = 0, 4
_NESTED = {_ROOT: (EXIF_DIRECTORY, GPS_DIRECTORY), EXIF_DIRECTORY: (INTEROPERABILITY_DIRECTORY,)}
# kind of value -> (bytes a value, bytes that change places with the byte order)
_KINDS = {1: (1, 1), 2: (1, 1), 3: (2, 2), 4: (4, 4), 5: (8, 4), 6: (1, 1), 7: (1, 1), 8: (2, 2), 9: (4, 4), 10: (8, 4), 11: (4, 4)}
_KINDS |= {12: (8, 8), 13: (4, 4)}


@dataclass(frozen=True)
class Entry:
    """One tag's value: kind as TIFF numbers its types, count of values, and their bytes in the byte order of the whole."""

    kind: int
    count: int
    data: bytes


@dataclass
class Directory:
    """Tags with values, and tags that hold a further directory."""

    entries: dict[int, Entry] = field(default_factory=dict)
    children: dict[int, "Directory"] = field(default_factory=dict)


@dataclass
class Exif:
    """A whole EXIF.

    Attributes:
        order: "<" or ">".
        note_offset: where the maker note stood, None if it may move.
        damaged: entries that pointed nowhere, left out.
        has_thumbnail: whether a second directory followed, which is left out.
    """

    order: str
    root: Directory
    note_offset: int | None = None
    damaged: int = 0
    has_thumbnail: bool = False

    @property
    def orientation(self) -> int | None:
        """As it is stated, possible or not; None where it is not."""
        entry = self.root.entries.get(ORIENTATION)
        return None if entry is None else int.from_bytes(entry.data[:2], "little" if self.order == "<" else "big")


def read_exif(data: bytes, tags: frozenset[int] | None = None) -> Exif:
    """The directories of EXIF bytes, or of a whole TIFF file, without the thumbnail's. `tags`: the ones wanted of the first directory.

    Raises ValueError where the bytes are not such a structure.
    """
    orders = {b"II*\0": "<", b"MM\0*": ">"}
    if data[:4] not in orders or len(data) < 8:
        raise ValueError("no TIFF header")
    exif = Exif(orders[data[:4]], Directory())
    (offset,) = struct.unpack_from(exif.order + "I", data, 4)
    exif.root = _read_directory(data, offset, exif, _ROOT, tags)
    exif.has_thumbnail = _next_directory(data, offset, exif.order) is not None
    return exif


def _next_directory(data: bytes, offset: int, order: str) -> int | None:
    """Where the directory after the one at `offset` lies; None where there is none."""
    count = _entry_count(data, offset, order)
    behind = offset + 2 + 12 * (count or 0)
    if count is None or behind + 4 > len(data):
        return None
    (following,) = struct.unpack_from(order + "I", data, behind)
    return following if following and _entry_count(data, following, order) else None


def _read_directory(data: bytes, offset: int, exif: Exif, name: int, tags: frozenset[int] | None) -> Directory:
    """The directory at `offset`, known by the tag that led to it; what is damaged in it is counted and left out."""
    count = _entry_count(data, offset, exif.order)
    if count is None:
        raise ValueError(f"a directory at {offset} reaches beyond the end")
    directory, claimed = Directory(), 0
    for position in range(offset + 2, offset + 2 + 12 * count, 12):
        tag, kind, values, inline = struct.unpack_from(exif.order + "HHII", data, position)
        size = _KINDS[kind][0] * values if kind in _KINDS else 0
        start = position + 8 if size <= 4 else inline
        if tag in _NESTED.get(name, ()) and _entry_count(data, inline, exif.order) is not None:
            directory.children[tag] = _read_directory(data, inline, exif, tag, None)
        elif tags is not None and tag not in tags:
            continue
        elif not size or start + size > len(data) or tag in _NESTED.get(name, ()):
            exif.damaged += 1
        else:
            claimed += size
            if claimed > len(data):
                raise ValueError("its entries claim more bytes than there are")
            directory.entries[tag] = Entry(kind, values, data[start : start + size])
            if tag == MAKER_NOTE and name == EXIF_DIRECTORY and size > 4:
                exif.note_offset = start
    return directory


def _entry_count(data: bytes, offset: int, order: str) -> int | None:
    """The number of entries of the directory at `offset`, None if it does not lie within the data."""
    if offset + 2 > len(data):
        return None
    (count,) = struct.unpack_from(order + "H", data, offset)
    return count if offset + 2 + 12 * count <= len(data) else None


def exif_bytes(exif: Exif) -> bytes:
    """The EXIF as bytes, its maker note where it stood."""
    note = exif.root.children.get(EXIF_DIRECTORY, Directory()).entries.get(MAKER_NOTE)
    reserved = range(0)
    if note is not None and exif.note_offset is not None:
        reserved = range(exif.note_offset, exif.note_offset + len(note.data))
    output = bytearray(struct.pack(exif.order + "2sHI", b"II" if exif.order == "<" else b"MM", 42, 8))
    start = append_directory(output, exif.root, exif.order, reserved)
    struct.pack_into(exif.order + "I", output, 4, start)
    if note is not None and reserved:
        output.extend(bytes(max(0, reserved.stop - len(output))))
        output[reserved.start : reserved.stop] = note.data
    return bytes(output)


def append_directory(output: bytearray, directory: Directory, order: str, reserved: range) -> int:
    """Append a directory and all it holds to a TIFF structure, stepping over the `reserved` bytes (a maker note's). Returns its offset."""
    tags = sorted(directory.entries.keys() | directory.children.keys())
    start = _append(output, bytes(2 + 12 * len(tags) + 4), reserved)
    records = [struct.pack(order + "H", len(tags))]
    for tag in tags:
        entry = directory.entries.get(tag)
        if entry is None:
            child = append_directory(output, directory.children[tag], order, reserved)
            records.append(struct.pack(order + "HHII", tag, _LONG, 1, child))
            continue
        value = entry.data.ljust(4, b"\0")
        if tag == MAKER_NOTE and reserved:
            value = struct.pack(order + "I", reserved.start)
        elif len(entry.data) > 4:
            value = struct.pack(order + "I", _append(output, entry.data, reserved))
        records.append(struct.pack(order + "HHI", tag, entry.kind, entry.count) + value)
    block = b"".join(records)
    output[start : start + len(block)] = block
    return start


def _append(output: bytearray, block: bytes, reserved: range) -> int:
    """Append a block at an even offset outside `reserved`."""
    offset = len(output) + len(output) % 2
    if offset < reserved.stop and offset + len(block) > reserved.start:
        offset = reserved.stop + reserved.stop % 2
    output.extend(bytes(offset - len(output)))
    output.extend(block)
    return offset


def in_byte_order(directory: Directory, old: str, new: str) -> Directory:
    """The directory with every number's bytes in another order (maker notes and other opaque bytes stay as they are)."""
    entries = directory.entries if old == new else {tag: _swapped(entry) for tag, entry in directory.entries.items()}
    return Directory(dict(entries), {tag: in_byte_order(child, old, new) for tag, child in directory.children.items()})


def _swapped(entry: Entry) -> Entry:
    width = _KINDS[entry.kind][1]
    pieces = [entry.data[start : start + width][::-1] for start in range(0, len(entry.data), width)]
    return Entry(entry.kind, entry.count, b"".join(pieces))
