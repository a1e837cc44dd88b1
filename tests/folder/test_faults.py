"""What happens to a folder while it is restored: kills with candidates kept, a disk that fills or cannot be written, folders renamed,
photos replaced while they are read, a second run, a clock set back. Nothing is lost, nothing half written, and the next run goes on.

TTPO_FAULTS=200 makes it as many of each as one likes; the suite does a few.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import pytest
from fakes import tiny_photo

from ttpo_cli.folder.journal import read_rows
from ttpo_cli.folder.pick_store import read_proposal
from ttpo_cli.imaging.reading import read_photo
from ttpo_cli.imaging.writing import write_photo
from ttpo_cli.weights.checkpoint import load_checkpoint

FAULTS = int(os.environ.get("TTPO_FAULTS", "0"))
HELPERS = Path(__file__).resolve().parents[1] / "helpers"

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


@contextmanager
def runs(album, out, *flags):
    """run(moment, deed) -> (exit status, moments that passed, its last line on standard error)."""
    command = [sys.executable, str(HELPERS / "killed_runs.py"), str(album), str(out), str(out.with_name("log")), *flags]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(HELPERS), str(HELPERS.parents[1]))), "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdin is not None and process.stdout is not None

        def run(moment=0, deed="killed"):
            process.stdin.write(f"{moment} {deed}\n")
            process.stdin.flush()
            status, moments, *words = process.stdout.readline().rstrip("\n").split(" ", 2)
            return int(status), int(moments), words[0] if words else ""

        yield run
        process.stdin.close()


def make_album(folder, count=4, first=0):
    for index in range(count):
        write_photo(folder / str(index % 2) / f"{index}.png", tiny_photo(8, 8, seed=first + index))
    return folder


def tree(root):
    """{path: content} of all files a user has, without what differs between two runs of anything: seconds, memory, places, hashes of those."""
    found = {}
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        if not path.is_file() or name in (".ttpo/journal.sqlite", ".ttpo/lock"):
            continue
        if path.name.endswith(".ttpo.json"):
            record = json.loads(path.read_text())
            for entry in (record, *record["rows"].values()):
                entry.pop("seconds")
            for name_of in ("peak_memory", "output", "source"):
                record.pop(name_of)
            found[name] = record
        else:
            found[name] = path.read_bytes()
    return found


def check_whole(*roots):
    """Every file that stands is whole: pictures decode, records parse, proposals have all their pictures. Returns how many there are."""
    count = Counter()
    for path in [path for root in roots for path in root.rglob("*") if path.is_file()]:
        if path.suffix == ".png":
            read_photo(path)
        elif path.suffix == ".json":
            json.loads(path.read_text())
        elif path.suffix == ".safetensors":
            load_checkpoint(path)
        count[path.suffix] += 1
    for root in roots:
        for folder in [path.parent for path in root.rglob("proposal.json")]:
            proposal = read_proposal(root, str(folder.relative_to(root / ".ttpo" / "candidates")))
            assert proposal is not None and all((folder / name).is_file() for name in proposal.images)
    return count


@pytest.mark.parametrize("kept", ["kept", "later"])
def test_killed_with_candidates_kept_it_ends_as_if_nobody_had_killed_it(kept, tmp_path):
    album, wanted = make_album(tmp_path / "album"), max(3, FAULTS // 2)
    flags = ("--select", "later") if kept == "later" else ("--keep-candidates", "candidates")

    def beside(name):
        return flags if kept == "later" else ("--keep-candidates", str(tmp_path / f"{name} candidates"))

    with runs(album, tmp_path / "calm", *beside("calm")) as run:
        status, moments, _ = run()
    assert status == 0
    expected = [tree(tmp_path / "calm"), tree(tmp_path / "calm candidates")]
    chance, kills, rounds = random.Random(wanted), 0, 0
    while kills < wanted:
        out, others = tmp_path / "out", tmp_path / "out candidates"
        with runs(album, out, *beside("out")) as run:
            status = -1
            while status and kills < wanted:
                status, _, _ = run(chance.randint(2, moments))
                kills += status == -signal.SIGKILL
                assert status in (0, -signal.SIGKILL)
                check_whole(out, others)
            assert run()[0] == 0
        assert [tree(out), tree(others)] == expected
        shutil.rmtree(out)
        shutil.rmtree(others, ignore_errors=True)
        rounds += 1
    assert rounds


@pytest.mark.parametrize("deed", ["moved_out", "moved_album", "replaced", "cut", "second_run", "clock_back"])
def test_whatever_happens_to_the_folders_at_any_moment_the_next_run_ends_it(deed, tmp_path):
    """Afterwards the photos are put back (and folders are where they were moved to): all is as after one calm run."""
    album = make_album(tmp_path / "album")
    originals = tmp_path / "originals"
    shutil.copytree(album, originals)
    if deed == "replaced":
        make_album(tmp_path / "replaced", first=10)
    with runs(album, tmp_path / "calm") as run:
        assert run()[0] == 0
    with runs(make_album(tmp_path / "new album", first=10), tmp_path / "calm new") as run:
        _, moments, _ = run()
    expected = tree(tmp_path / ("calm new" if deed == "replaced" else "calm"))
    chance = random.Random(deed)
    for turn in range(max(2, FAULTS // 6)):
        now = tmp_path / f"turn {turn}"
        shutil.copytree(originals, now / "album")
        if deed == "replaced":
            shutil.copytree(tmp_path / "replaced", now / "replaced")
        with runs(now / "album", now / "out") as run:
            status, _, said = run(chance.randint(2, moments - 2), deed)
        assert status in (0, 1), said
        assert "not foreseen" not in said
        check_whole(*(path for path in now.iterdir() if path.name.startswith("out")))
        assert status == 0 or deed in ("moved_out", "moved_album", "cut"), said
        if deed == "second_run" and (now / "second").exists():
            assert "another run of ttpo is at work" in (now / "second").read_text()
        if deed == "cut":
            shutil.rmtree(now / "album")
            shutil.copytree(originals, now / "album")
        if deed == "moved_album" and (now / "album moved").exists():
            os.rename(now / "album moved", now / "album")
        if deed == "moved_out" and (now / "out moved").exists():
            assert not (now / "out").exists(), "what was renamed was made again under its old name"
            os.rename(now / "out moved", now / "out")
        with runs(now / "album", now / "out") as run:
            status, _, said = run()
        assert status == 0, said
        assert tree(now / "out") == expected
        assert Counter(row.state for row in read_rows(now / "out")) == {"done": 4}
