"""One odd file made of a whole one, by a seed: cut at a part, bits turned, lengths and sizes that lie, parts mixed, moved or doubled."""

import random
import struct
import zlib
from collections.abc import Callable

from tests.fuzz.pieces import is_text, numbers, pieces, texts
from tests.fuzz.samples import KINDS, PICTURES, Sample, samples

_EXTREMES = (0, 1, 0x7F, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 2**63, 2**64 - 1)
_SIDES = (0, 0xFFFF, 46341, 65500, 2**31 - 1, 2**31, 2**32 - 1)
_WRITTEN = (b"0", b"-1", b"2147483648", b"1e400", b"NaN", b"9" * 5000, b"null", b"[]", b"{}", b'"x"', b"true", b"", b"18446744073709551616")
Damage = Callable[[random.Random, bytes, str, bytes], bytes]


def odd_file(seed: int, kind: str, index: int) -> tuple[Sample, str]:
    """The files of case `index` of a kind, and how they were made; the same for the same arguments."""
    chance = random.Random(f"{seed} {kind} {index}")
    whole = chance.choice(samples(kind))
    name = chance.choice(list(whole))
    data, words = whole[name], []
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        damage = chance.choice(_DAMAGES)
        data = damage(chance, data, name, _another(chance, kind, name))
        words.append(damage.__name__.strip("_"))
    if data.startswith(b"\x89PNG") and chance.random() < 0.6:
        data = with_checksums(data)
    return {**whole, name: data}, f"{name}: {', '.join(words)}"


def with_checksums(data: bytes) -> bytes:
    """A PNG with the checksums of its chunks made right, so that damage reaches what reads them."""
    found, at = bytearray(data), 8
    while at + 12 <= len(found):
        end = at + 8 + struct.unpack_from(">I", found, at)[0]
        if end + 4 > len(found):
            break
        struct.pack_into(">I", found, end, zlib.crc32(found[at + 4 : end]))
        at = end + 4
    return bytes(found)


def _another(chance: random.Random, kind: str, name: str) -> bytes:
    """A whole file to take parts from: of the same kind, or of another of its group."""
    group = [kind] if chance.random() < 0.7 or kind not in PICTURES else list(PICTURES)
    found = chance.choice(samples(chance.choice(group)))
    return found.get(name) or next(iter(found.values()))


def _part(chance: random.Random, data: bytes, name: str) -> tuple[int, int]:
    places = pieces(data, name)
    first = chance.randrange(max(len(places) - 1, 1))
    return places[first], places[min(first + 1, len(places) - 1)]


def _cut_at_a_part(chance: random.Random, data: bytes, name: str, other: bytes) -> bytes:
    return data[: max(0, chance.choice(pieces(data, name)) + chance.choice((-1, 0, 0, 1, 2, 4, 7)))]


def _cut_anywhere(chance: random.Random, data: bytes, name: str, other: bytes) -> bytes:
    return data[: chance.randrange(len(data) + 1)]


def _bits_turned(chance: random.Random, data: bytes, name: str, other: bytes) -> bytes:
    found = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 5, 30)) if found else 0):
        found[chance.randrange(len(found))] ^= 1 << chance.randrange(8)
    return bytes(found)


def _bits_of_a_head_turned(chance: random.Random, data: bytes, name: str, other: bytes) -> bytes:
    found, start = bytearray(data), _part(chance, data, name)[0]
    for _ in range(chance.choice((1, 2, 4))):
        at = start + chance.randrange(12)
        if at < len(found):
            found[at] = chance.randrange(256)
    return bytes(found)


def _a_number_that_lies(chance: random.Random, data: bytes, name: str, other: bytes) -> bytes:
    return _with_number(chance, data, name, False)


def _an_absurd_size(chance: random.Random, data: bytes, name: str, other: bytes) -> bytes:
    return _with_number(chance, data, name, True)


def _with_number(chance: random.Random, data: bytes, name: str, size: bool) -> bytes:
    if is_text(data) or (not numbers(data, name) and texts(data[:4096])):
        return _a_written_number(chance, data, name, b"")
    known = [number for number in numbers(data, name) if number.size or not size]
    found = bytearray(data)
    for number in chance.sample(known, min(len(known), 2 if size else 1)):
        most = 256 ** struct.calcsize(number.form) - 1
        value = chance.choice(_SIDES) if size else chance.choice((*_EXTREMES, chance.randrange(most), len(data)))
        struct.pack_into(number.form, found, number.at, min(value, most))
    return bytes(found)


def _a_written_number(chance: random.Random, data: bytes, name: str, other: bytes) -> bytes:
    places = texts(data[:20000])
    if not places:
        return _bits_turned(chance, data, name, other)
    start, end = chance.choice(places)
    return data[:start] + chance.choice(_WRITTEN) + data[end:]


def _a_part_left_out(chance: random.Random, data: bytes, name: str, other: bytes) -> bytes:
    start, end = _part(chance, data, name)
    return data[:start] + data[end:]


def _a_part_doubled(chance: random.Random, data: bytes, name: str, other: bytes) -> bytes:
    start, end = _part(chance, data, name)
    return data[:end] + data[start:end] * chance.choice((1, 1, 3, 40)) + data[end:]


def _parts_exchanged(chance: random.Random, data: bytes, name: str, other: bytes) -> bytes:
    (start, end), (first, last) = sorted((_part(chance, data, name), _part(chance, data, name)))
    return data if first < end else data[:start] + data[first:last] + data[end:first] + data[start:end] + data[last:]


def _a_part_of_another(chance: random.Random, data: bytes, name: str, other: bytes) -> bytes:
    (start, end), (first, last) = _part(chance, data, name), _part(chance, other, name)
    return data[: chance.choice((start, end))] + other[first:last] + data[end:]


def _the_rest_of_another(chance: random.Random, data: bytes, name: str, other: bytes) -> bytes:
    return data[: chance.choice(pieces(data, name))] + other[chance.choice(pieces(other, name)) :]


def _zeros(chance: random.Random, data: bytes, name: str, other: bytes) -> bytes:
    start, end = _part(chance, data, name)
    return data[:start] + bytes(end - start) + data[end:]


def _noise(chance: random.Random, data: bytes, name: str, other: bytes) -> bytes:
    at = chance.choice(pieces(data, name))
    return data[:at] + chance.randbytes(chance.choice((1, 2, 9, 300))) + data[at:]


def _many_brackets(chance: random.Random, data: bytes, name: str, other: bytes) -> bytes:
    at = chance.choice(pieces(data, name))
    return data[:at] + chance.choice((b"[", b"{", b'{"a":', b"(", b"<")) * chance.choice((2, 900, 100_000)) + data[at:]


_DAMAGES: tuple[Damage, ...] = (
    _cut_at_a_part,
    _cut_at_a_part,
    _cut_anywhere,
    _bits_turned,
    _bits_turned,
    _bits_of_a_head_turned,
    _a_number_that_lies,
    _a_number_that_lies,
    _an_absurd_size,
    _a_written_number,
    _a_part_left_out,
    _a_part_doubled,
    _parts_exchanged,
    _a_part_of_another,
    _the_rest_of_another,
    _zeros,
    _noise,
    _many_brackets,
)


def cases(count: int, kinds: list[str] | None = None) -> list[tuple[str, int]]:
    """(kind, index) of so many cases: each picture kind twice as often as another, in turn."""
    wanted = kinds or list(KINDS)
    order = [kind for kind in wanted for _ in range(2 if kind in PICTURES else 1)]
    seen = dict.fromkeys(wanted, 0)
    found = []
    for number in range(count):
        kind = order[number % len(order)]
        found.append((kind, seen[kind]))
        seen[kind] += 1
    return found
