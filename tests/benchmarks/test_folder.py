"""The bench of folders: squares that cover the photos, and two ways that must give the same bytes."""

import sys

import pytest
from fakes import tiny_photo

from ttpo_cli.benchmarks.folder import make_crops, time_ways
from ttpo_cli.errors import TtpoError
from ttpo_cli.imaging.reading import read_photo
from ttpo_cli.imaging.writing import write_photo

# Stands in for `ttpo restore [--other] PHOTO|FOLDER -o OUT`: copies; told to, it makes the folder's pictures others.
COPY = """
import sys
from pathlib import Path
source, out, other = Path(sys.argv[-3]), Path(sys.argv[-1]), b"x" if "--other" in sys.argv else {other!r}
pairs = [(path, out / path.name) for path in source.iterdir()] if source.is_dir() else [(source, out)]
for path, target in pairs:
    target.parent.mkdir(exist_ok=True)
    target.write_bytes(path.read_bytes() + (other if source.is_dir() else b""))
"""


@pytest.fixture
def crops(tmp_path):
    write_photo(tmp_path / "a.png", tiny_photo(height=20, width=33))
    return make_crops([tmp_path / "a.png"], tmp_path / "squares", 6, 10)


def test_squares_are_cut_side_by_side(crops, tmp_path):
    whole = read_photo(tmp_path / "a.png").pixels
    for index, crop in enumerate(crops):
        top, left = 10 * (index // 3), 10 * (index % 3)
        assert read_photo(crop).pixels.equal(whole[..., top : top + 10, left : left + 10])


def test_too_few_squares_are_refused(tmp_path, crops):
    with pytest.raises(TtpoError, match="6 squares"):
        make_crops([tmp_path / "a.png"], tmp_path / "more", 7, 10)


@pytest.mark.parametrize("other", [b"", b"x"])
def test_both_ways_are_timed_and_compared(crops, tmp_path, other):
    told = []
    copy, ways = [sys.executable, "-c", COPY.format(other=b"")], {"one run": [], "another": ["--other"]}
    timings, same = time_ways(crops, tmp_path, copy, ways if other else {"one run": []}, lambda *step: told.append(step))
    assert [timing.processes for timing in timings] == [6, 1, 1][: len(timings)] and same is (other == b"")
    assert [timing.way for timing in timings[1:]] == ["one run", "another"][: len(timings) - 1]
    assert timings[0].cpu_seconds > timings[1].cpu_seconds > 0
    assert told[5] == ("single calls", 6, 6)


def test_a_call_that_fails_is_said(crops, tmp_path):
    with pytest.raises(TtpoError, match="no such thing"):
        time_ways(crops, tmp_path, [sys.executable, "-c", "import sys; sys.exit('no such thing')"], {}, lambda *step: None)
