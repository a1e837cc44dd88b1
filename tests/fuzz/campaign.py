"""Many odd files, read in processes that may die: a server that loads everything once, and a fork of it for each group of cases.

`python -m tests.fuzz.campaign` is the server; `campaign` starts it, and names as a fault whatever a fork did not survive.
"""

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from tests.fuzz.judge import Case, bounded, judged

GROUP = 40
SECONDS = 10  # of the processor, for one case
PATIENCE = 120  # seconds by the clock, on a machine that does other things


def campaign(seed: int, cases: list[tuple[str, int]], folder: Path) -> Iterator[Case]:
    """Each case as it ends, in order."""
    (folder / "tmp").mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "TMPDIR": str(folder / "tmp"), "TTPO_HOME": str(folder / "home"), "OMP_NUM_THREADS": "1"}
    environment |= {"VIPS_CONCURRENCY": "1", "MALLOC_ARENA_MAX": "2"}
    command = [sys.executable, "-m", "tests.fuzz.campaign"]
    root = Path(__file__).resolve().parents[2]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root, env=environment) as server:
        assert server.stdin is not None and server.stdout is not None
        server.stdin.write(json.dumps({"seed": seed, "folder": str(folder), "cases": cases}) + "\n")
        server.stdin.close()
        for line in server.stdout:
            yield Case(**json.loads(line))
    if server.returncode:
        raise RuntimeError(f"the server of the campaign ended with {server.returncode}")


def _serve() -> None:
    task = json.loads(sys.stdin.readline())
    waiting = [(kind, index) for kind, index in task["cases"]]
    while waiting:
        done = _group(task["seed"], waiting[:GROUP], Path(task["folder"]))
        waiting = waiting[done:]


def _group(seed: int, cases: list[tuple[str, int]], folder: Path) -> int:
    """Read these in a fork, until one ends it; returns how many have an outcome."""
    reading, writing = os.pipe()
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        os.close(reading)
        code = 1
        with suppress(BaseException):
            _read_all(seed, cases, folder, writing)
            code = 0
        os._exit(code)
    os.close(writing)
    done, stuck = _passed_on(reading), False
    if done < 0:
        done, stuck = -done - 1, True
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    os.close(reading)
    if done < len(cases):
        code = os.waitstatus_to_exitcode(status)
        slow = f"over {SECONDS} s of the processor" if code == -signal.SIGPROF else f"the process ended ({code})"
        why = f"over {PATIENCE} s" if stuck else slow
        _say(Case(*cases[done], "", "fault", why))
        done += 1
    return done


def _passed_on(reading: int) -> int:
    """Pass on the outcomes of a fork; how many, or -1 - how many where it did nothing for too long."""
    done, rest = 0, b""
    while True:
        if not select.select([reading], [], [], PATIENCE)[0]:
            return -1 - done
        data = os.read(reading, 65536)
        if not data:
            return done
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            sys.stdout.write(line.decode() + "\n")
            done += 1
        sys.stdout.flush()


def _read_all(seed: int, cases: list[tuple[str, int]], folder: Path, writing: int) -> None:
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    bounded()
    for kind, index in cases:
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        try:
            case = judged(seed, kind, index, folder / "work")
        except BaseException as error:  # noqa: BLE001 - the judge's own faults are told too
            case = Case(kind, index, "", "fault", f"the judge failed: {traceback.format_exception(error)[-3:]}")
        signal.setitimer(signal.ITIMER_PROF, 0)
        os.write(writing, json.dumps(asdict(case)).encode() + b"\n")


def _say(case: Case) -> None:
    sys.stdout.write(json.dumps(asdict(case)) + "\n")
    sys.stdout.flush()


def run(seed: int, cases: list[tuple[str, int]]) -> list[Case]:
    """All cases, in a folder that goes."""
    with tempfile.TemporaryDirectory(prefix="ttpo-fuzz-") as folder:
        return list(campaign(seed, cases, Path(folder)))


if __name__ == "__main__":
    _serve()
