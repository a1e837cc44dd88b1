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
from pathlib import Path

import pytest
from fakes import tiny_photo

from ttpo_cli.folder.journal import has_journal, read_rows
from ttpo_cli.folder.pick_store import read_proposal
from ttpo_cli.imaging.reading import read_photo
from ttpo_cli.imaging.writing import write_photo
from ttpo_cli.weights.checkpoint import load_checkpoint

FAULTS = int(os.environ.get("TTPO_FAULTS", "0"))
HELPERS = Path(__file__).resolve().parents[1] / "helpers"

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """run(album, out, flags, moment, deed) -> (exit status, moments that passed, its last line on standard error)."""
    command = [sys.executable, str(HELPERS / "killed_runs.py"), str(tmp_path_factory.mktemp("log") / "log")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(HELPERS), str(HELPERS.parents[1]))), "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdin is not None and process.stdout is not None

        def one(album, out, flags=("--no-ttpo",), moment=0, deed="killed"):
            line = {"album": str(album), "out": str(out), "flags": list(map(str, flags)), "moment": moment, "deed": deed}
            process.stdin.write(json.dumps(line) + "\n")
            process.stdin.flush()
            status, moments, *words = process.stdout.readline().rstrip("\n").split(" ", 2)
            return int(status), int(moments), words[0] if words else ""

        yield one
        process.stdin.close()


def make_album(folder, count=4, first=0):
    for index in range(count):
        write_photo(folder / str(index % 2) / f"{index}.png", tiny_photo(8, 8, seed=first + index))
    return folder


def tree(root):
    """{path: content} of all files a user has, without what differs between two runs of anything: seconds, memory, places."""
    found = {}
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        if not path.is_file() or (path.parent.name == ".ttpo" and path.name in ("journal.sqlite", "lock")):
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
def test_killed_with_candidates_kept_it_ends_as_if_nobody_had_killed_it(kept, run, tmp_path):
    album, wanted = make_album(tmp_path / "album", 2), max(3, FAULTS // 2)

    def flags(name):
        return ("--select", "later") if kept == "later" else ("--keep-candidates", tmp_path / f"{name} candidates")

    status, moments, _ = run(album, tmp_path / "calm", flags("calm"))
    assert status == 0
    expected = [tree(tmp_path / "calm"), tree(tmp_path / "calm candidates")]
    chance, kills = random.Random(wanted), 0
    while kills < wanted:
        out, others, status = tmp_path / "out", tmp_path / "out candidates", -1
        while status and kills < wanted:
            status, _, _ = run(album, out, flags("out"), chance.randint(2, moments))
            kills += status == -signal.SIGKILL
            assert status in (0, -signal.SIGKILL)
            check_whole(out, others)
        assert run(album, out, flags("out"))[0] == 0
        assert [tree(out), tree(others)] == expected
        shutil.rmtree(out)
        shutil.rmtree(others, ignore_errors=True)


@pytest.mark.parametrize("deed", ["moved_out", "moved_album", "replaced", "cut", "second_run", "clock_back"])
def test_whatever_happens_to_the_folders_at_any_moment_the_next_run_ends_it(deed, run, tmp_path):
    """Afterwards the photos are put back, and folders under their names: all is as after one calm run."""
    originals = make_album(tmp_path / "originals")
    wanted = make_album(tmp_path / "replaced", first=10) if deed == "replaced" else originals
    status, moments, _ = run(wanted, tmp_path / "calm")
    assert status == 0
    expected, chance = tree(tmp_path / "calm"), random.Random(deed)
    for turn in range(max(2, FAULTS // 6)):
        now = tmp_path / f"turn {turn}"
        album, out = now / "album", now / "out"
        shutil.copytree(originals, album)
        if deed == "replaced":
            shutil.copytree(wanted, now / "replaced")
        status, _, said = run(album, out, moment=chance.randint(2, moments - 2), deed=deed)
        assert status == 0 or (status == 1 and deed in ("moved_out", "moved_album", "cut")), said
        assert "not foreseen" not in said
        check_whole(*(path for path in now.iterdir() if path.name.startswith("out")))
        if deed == "second_run" and (now / "second").exists():
            assert "another run of ttpo is at work" in (now / "second").read_text()
        if deed == "cut":
            shutil.rmtree(album)
            shutil.copytree(originals, album)
        for folder in (album, out):
            moved = folder.with_name(f"{folder.name} moved")
            if folder == out and moved.exists() and not has_journal(moved):
                shutil.rmtree(moved)  # renamed before the run had begun in it
            elif moved.exists():
                assert not folder.exists(), "what was renamed was made again under its old name"
                moved.rename(folder)
        status, _, said = run(album, out)
        assert status == 0, said
        assert tree(out) == expected
        assert Counter(row.state for row in read_rows(out)) == {"done": 4}


ON_A_DISK = """
import json, subprocess, sys
sys.path[:0] = [sys.argv[1]]
import test_faults as faults
json.dump(faults.on_small_disks(*map(faults.Path, sys.argv[2:4]), int(sys.argv[4])), sys.stdout)
"""


def on_small_disks(album, disk, steps):
    """In a mount namespace of its own: runs on disks that hold ever more of what a run writes, then on one that cannot be written.

    Returns a row a disk: what the run said there, and whether the next one, with room, ended as a calm run.
    """
    import tempfile

    def mount(*options):
        subprocess.run(["mount", "-t", "tmpfs", *options, "none", str(disk)], check=True)

    class Logs:
        def mktemp(self, name):
            return Path(tempfile.mkdtemp())

    serving = run.__wrapped__(Logs())  # pyright: ignore[reportAttributeAccessIssue]
    one = next(serving)
    mount("-o", "size=64m")
    flags = ("--keep-candidates", disk / "candidates", "--candidates-per-strength", "1")
    status, _, said = one(album, disk / "out", flags)
    assert status == 0, said
    expected = tree(disk)
    needed = sum(-(-path.stat().st_size // 4096) + 1 for path in disk.rglob("*"))
    rows = []
    for pages in sorted({max(2, needed * step // (steps + 1)) for step in range(1, steps + 1)}):
        subprocess.run(["umount", str(disk)], check=True)
        mount("-o", f"size={4 * pages}k")
        status, _, said = one(album, disk / "out", flags)
        check_whole(disk / "out", disk / "candidates")
        left = [path.name for path in disk.rglob("*.part")]
        mount("-o", "remount,size=64m")
        again, _, words = one(album, disk / "out", flags)
        rows.append({"pages": pages, "status": status, "said": said, "left": left, "again": again, "same": tree(disk) == expected})
        assert again == 0, words
    mount("-o", "remount,ro")
    write_photo(album / "new.png", tiny_photo(8, 8, seed=77))
    status, _, said = one(album, disk / "out", flags)
    rows.append({"pages": 0, "status": status, "said": said, "left": [], "again": 0, "same": tree(disk) == expected})
    serving.close()
    return rows


def test_a_disk_that_fills_at_any_write_or_cannot_be_written_is_said_and_the_next_run_ends_it(tmp_path):
    if shutil.which("unshare") is None or subprocess.run(["unshare", "-Urm", "true"], capture_output=True, check=False).returncode:
        pytest.skip("needs a mount namespace, for a small disk of its own")
    album, disk = make_album(tmp_path / "album", 2), tmp_path / "disk"
    disk.mkdir()
    here = str(Path(__file__).parent)
    command = ["unshare", "-Urm", sys.executable, "-c", ON_A_DISK, here, str(album), str(disk), str(max(4, FAULTS))]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(HELPERS), str(HELPERS.parents[1]))), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    *full, readonly = json.loads(done.stdout)
    assert len([row for row in full if row["status"]]) >= 3
    for row in full:  # the largest may hold it all
        assert row["left"] == [] and row["same"], row
        assert row["status"] == 0 or (row["status"] == 1 and any(word in row["said"] for word in ("some space", "make room", "full"))), row
    assert readonly["status"] == 1 and "ead-only" in readonly["said"].replace("readonly", "read-only") and readonly["same"], readonly
