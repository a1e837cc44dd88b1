"""Three hundred odd files of every kind that the program reads; ten thousand by `python -m tests.fuzz --count 10000`."""

import os
from collections import Counter
from pathlib import Path

import pytest

from tests.fuzz import campaign, judge
from tests.fuzz.campaign import run
from tests.fuzz.damage import cases, odd_file
from tests.fuzz.pieces import numbers, pieces
from tests.fuzz.samples import KINDS, samples

pytestmark = pytest.mark.skipif(not hasattr(os, "fork") or not Path("/proc/self/status").exists(), reason="forks, and reads /proc")

COUNT = int(os.environ.get("TTPO_FUZZ", "300"))


def test_every_odd_file_is_read_or_refused_in_one_clear_line_and_leaves_nothing():
    found = run(0, cases(COUNT))
    assert [case for case in found if case.outcome == "fault"] == []
    assert len(found) == COUNT and {case.kind for case in found} == set(KINDS)
    counts = Counter(case.outcome for case in found)
    assert min(counts["read"], counts["refused"]) > COUNT // 8, "damage that is always or never noticed proves little"


@pytest.mark.parametrize("kind", KINDS)
def test_whole_files_are_read(kind, tmp_path):
    """What the odd ones are made of: a sample that is refused as it is would make every case of it worthless."""
    from tests.fuzz.reading import read

    for index, sample in enumerate(samples(kind)):
        for name, data in sample.items():
            path = tmp_path / str(index) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        read(kind, tmp_path / str(index) / next(iter(sample)))


def test_a_case_is_the_same_each_time_and_another_with_another_seed():
    assert odd_file(1, "jpeg", 5) == odd_file(1, "jpeg", 5)
    assert len({str(odd_file(seed, "png", index)) for seed in range(3) for index in range(5)}) > 12


@pytest.mark.parametrize(
    ("kind", "marks"),
    [
        ("jpeg", b"\xff\xda"),
        ("png", b"IDAT"),
        ("webp", b"VP8"),
        ("gif", b"\x2c"),
        ("avif", b"meta"),
        ("jpeg2000", b"jp2c"),
        ("pth", b"PK\1\2"),
    ],
)
def test_the_parts_of_a_file_are_found(kind, marks):
    name, data = next(iter(samples(kind)[0].items()))
    places = pieces(data, name)
    assert any(data[place : place + 8].find(marks) in (0, 4) for place in places)
    assert places[0] == 0 and places[-1] == len(data)
    assert any(number.size for number in numbers(data, name)) or kind == "pth"


def test_what_a_fork_does_not_survive_is_a_fault_and_the_others_go_on(tmp_path, monkeypatch, capfd):
    """Each way of going wrong is seen: an error of another type, words of a library, a file left, a crash, a loop, too much memory."""
    deeds = {
        0: lambda: None,
        1: lambda: [][0],
        2: lambda: os.write(2, b"libpng warning"),
        3: lambda: (tmp_path / "work" / "left").write_text(""),
        4: lambda: os._exit(7),
        5: lambda: [None for _ in iter(int, 1)],
        6: lambda: b"x" * (judge.MEMORY + 2**26),
    }
    monkeypatch.setattr(campaign, "SECONDS", 2)
    monkeypatch.setattr(judge, "read", lambda kind, path: deeds[int(path.name)]())
    monkeypatch.setattr(judge, "odd_file", lambda seed, kind, index: ({str(index): b""}, "made"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    done, every = 0, [("png", index) for index in deeds]
    while done < len(every):
        done += campaign._group(0, every[done:], tmp_path)
    outcomes = [line for line in capfd.readouterr().out.splitlines() if line.startswith("{")]
    wanted = ["", "IndexError", "said aloud", "left behind: left", "ended (7)", "of the processor", "MiB"]
    assert len(outcomes) == len(wanted)
    assert '"read"' in outcomes[0]
    for line, words in zip(outcomes[1:], wanted[1:], strict=True):
        assert '"fault"' in line and words in line
