"""A folder run killed with SIGKILL at random moments: no half file, no photo done twice, none lost, final bytes as if nobody had killed it.

TTPO_KILL_PHOTOS=1000 TTPO_KILLS=20 make it as large as one likes.
"""

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import pytest
from fakes import tiny_photo

from ttpo_cli.imaging.reading import read_photo
from ttpo_cli.imaging.writing import write_photo

PHOTOS, KILLS = int(os.environ.get("TTPO_KILL_PHOTOS", "12")), int(os.environ.get("TTPO_KILLS", "8"))
HELPERS = Path(__file__).resolve().parents[1] / "helpers"

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


@contextmanager
def runs(album, out, log):
    """run(moment) -> (exit status, moments that passed, 0 where it was killed)."""
    command = [sys.executable, str(HELPERS / "killed_runs.py"), str(log)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(HELPERS), str(HELPERS.parents[1]))), "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdin is not None and process.stdout is not None

        def run(moment):
            process.stdin.write(json.dumps({"album": str(album), "out": str(out), "moment": moment}) + "\n")
            process.stdin.flush()
            status, moments = process.stdout.readline().split()[:2]
            return int(status), int(moments)

        yield run
        process.stdin.close()


def pictures(out):
    """{name: (bytes' hash, inode, time)} of the pictures that stand in the folder."""
    found = {}
    for path in out.rglob("*.png"):
        facts = path.stat()
        found[str(path.relative_to(out))] = (hashlib.sha256(path.read_bytes()).hexdigest(), facts.st_ino, facts.st_mtime_ns)
    return found


def files(out):
    return {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if path.is_file() and ".ttpo" not in path.parts}


def sidecars_apart(out):
    """The files with what differs between two runs of anything taken out: seconds, memory, and the folder's own name."""
    apart = files(out)
    for name in [name for name in apart if name.endswith(".json")]:
        record = json.loads(apart[name])
        for entry in (record, *record["rows"].values()):
            entry.pop("seconds")
        del record["peak_memory"], record["output"]
        apart[name] = json.dumps(record).encode()
    return apart


def test_killed_at_random_moments_it_ends_as_if_nobody_had_killed_it(tmp_path):
    album, log = tmp_path / "album", tmp_path / "log"
    hashes = {}
    for index in range(PHOTOS):
        path = album / str(index % 3) / f"{index}.png"
        write_photo(path, tiny_photo(seed=index))
        hashes[f"{index % 3}/{index}.png"] = read_photo(path).content_hash
    calm, killed = tmp_path / "calm", tmp_path / "killed"
    with runs(album, calm, tmp_path / "calm log") as run:
        status, moments = run(0)
    assert status == 0 and moments > 10 * PHOTOS

    chance, standing, halfway = random.Random(PHOTOS), {}, []
    with runs(album, killed, log) as run:
        for _ in range(KILLS):
            before = len(log.read_text().splitlines()) if log.exists() else 0
            status, _ = run(chance.randint(1, 2 * moments // KILLS))
            if status == 0:
                break
            assert status == -signal.SIGKILL
            begun = set(log.read_text().splitlines()[before:]) if log.exists() else set()
            assert not {hashes[name] for name in standing} & begun, "a photo was done twice"
            now = pictures(killed)
            assert {name: now.get(name) for name in standing} == standing, "a finished picture was lost or written again"
            for name in now.keys() - standing.keys():
                read_photo(killed / name)  # raises for half a file
            standing = now
            halfway.append(0 < len(standing) < PHOTOS)
        assert len(halfway) > KILLS // 2 and any(halfway), "the kills came too early or too late to prove anything"
        assert run(0)[0] == 0
    assert {name: facts for name, facts in pictures(killed).items() if name in standing} == standing
    assert sidecars_apart(killed) == sidecars_apart(calm)
    assert Counter(name.rpartition(".")[2] for name in files(killed)) == {"png": PHOTOS, "json": PHOTOS}
