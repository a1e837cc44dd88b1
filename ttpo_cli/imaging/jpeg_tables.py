"""Quantisation tables of a JPEG file, and the quality of the IJG's scale they stand for (ITU-T T.81, B.2.4.1 and annex K)."""

from statistics import median

Table = tuple[int, ...]  # 64 steps, row by row: steps[8 * vertical + horizontal]

# T.81 table K.1: luminance, row by row. The IJG scales it for every quality.
LUMINANCE: Table = (
    *(16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55),
    *(14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62),
    *(18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92),
    *(49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99),
)
ZIGZAG = tuple(
    8 * row + column
    for row, column in sorted(
        ((row, column) for row in range(8) for column in range(8)),
        key=lambda place: (sum(place), place[0] if sum(place) % 2 else place[1]),
    )
)
_DQT, _SCAN, _END = 0xDB, 0xDA, 0xD9
_ALONE = (0x01, *range(0xD0, 0xD9))  # markers without a length


def luminance_table(data: bytes) -> Table | None:
    """The steps of quantisation table 0, which luminance uses; None where a file holds none that can be read."""
    tables = _tables(data)
    return tables.get(0)


def quality_table(quality: int, base: Table = LUMINANCE) -> Table:
    """The IJG's table for a quality from 1 to 100."""
    factor = 5000 // quality if quality < 50 else 200 - 2 * quality
    return tuple(min(255, max(1, (step * factor + 50) // 100)) for step in base)


def table_quality(table: Table) -> float:
    """The quality, 1 to 100, whose table is nearest: by the median of the steps' ratios to table K.1; steps that are cut at 1 count little.

    Exact for tables of the IJG; for others, such as a camera's, a quality of equal coarseness.
    """
    exact = [quality for quality in range(1, 101) if quality_table(quality) == table]
    if exact:
        return float(exact[-1])
    ratios = [100 * step / base for step, base in zip(table, LUMINANCE, strict=True) if 1 < step < 255]
    factor = median(ratios or [100 * median(table) / median(LUMINANCE)])
    return round(min(100.0, max(1.0, 5000 / factor if factor > 100 else 100 - factor / 2)), 1)


def _tables(data: bytes) -> dict[int, Table]:
    """Every table of the header by its number."""
    tables: dict[int, Table] = {}
    at = 2
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            break
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
        elif marker in _ALONE:
            at += 2
        elif marker in (_SCAN, _END):
            break
        else:
            length = int.from_bytes(data[at + 2 : at + 4], "big")
            if marker == _DQT:
                tables |= _segment(data[at + 4 : at + 2 + length])
            at += 2 + max(length, 2)
    return tables


def _segment(body: bytes) -> dict[int, Table]:
    tables: dict[int, Table] = {}
    at = 0
    while at < len(body):
        size = 2 if body[at] >> 4 else 1
        steps = body[at + 1 : at + 1 + 64 * size]
        if len(steps) < 64 * size:
            break
        values = [int.from_bytes(steps[size * index : size * (index + 1)], "big") for index in range(64)]
        table = [1] * 64
        for place, value in zip(ZIGZAG, values, strict=True):
            table[place] = max(1, value)
        tables[body[at] & 15] = tuple(table)
        at += 1 + 64 * size
    return tables
