"""One odd file read in this process: its outcome, and whether anything of it is a fault."""

import contextlib
import os
import re
import resource
import shutil
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz.damage import odd_file
from tests.fuzz.reading import command, read, run
from tests.fuzz.samples import samples
from ttpo_cli.cli.terminal.errors import foreseen
from ttpo_cli.errors import TtpoError

MEMORY = 2**30  # bytes that reading one may take beyond what the process holds
COMMANDS_EVERY = 25  # of so many cases one goes through a whole command
LONGEST = 700  # letters of a clear line
_LIBRARY_WORDS = re.compile(r"Vips\w*:|unable to (call|load|read|write)|Traceback|\b0x[0-9a-f]{10}|<class '|object at 0|not foreseen")


@dataclass(frozen=True)
class Case:
    """One odd file and what became of it. outcome: read, refused or fault; said: the line, or what the fault is; memory: peak bytes."""

    kind: str
    index: int
    made: str
    outcome: str
    said: str
    seconds: float = 0.0
    memory: int = 0


def judged(seed: int, kind: str, index: int, folder: Path) -> Case:
    """Make case `index`, read it, look at what it said and left."""
    made, words = odd_file(seed, kind, index)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    paths = [folder / name for name in made]
    for path, data in zip(paths, made.values(), strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    whole = index % COMMANDS_EVERY == COMMANDS_EVERY - 1
    arguments = command(kind, paths[0], folder / "written") if whole else None
    if not (folder / "photo.png").exists():
        (folder / "photo.png").write_bytes(samples("png")[1]["photo.png"])
    before, began = _files(folder), time.process_time()
    _forget_peak()
    held = _memory("VmRSS")
    with _standard_error() as said_aloud:
        outcome, said = _attempted(lambda: read(kind, paths[0])) if arguments is None else _commanded(arguments)
    seconds, memory = time.process_time() - began, _memory("VmHWM") - held
    left = sorted(_files(folder) - before) if outcome == "refused" or arguments is None else []
    left = [] if kind in ("journal", "picks", "list") else left  # beside those, a lock and a journal are in their place
    faults = [said] if outcome == "fault" else _faults(said if outcome == "refused" else "", said_aloud() if arguments is None else "")
    faults += [f"left behind: {', '.join(left)}"] if left else []
    faults += [f"took {memory / 2**20:.0f} MiB"] if memory > MEMORY else []
    return Case(kind, index, words, "fault" if faults else outcome, "; ".join(faults) or said, round(seconds, 3), memory)


def bounded() -> None:
    """Limit this process's memory to what it has and twice what a case may take, so that a fault is an error and no full machine."""
    held = _memory("VmSize") + 3 * MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (held, held))


def _attempted(reading: Callable[[], object]) -> tuple[str, str]:
    try:
        reading()
    except TtpoError as error:
        return "refused", str(error)
    except Exception as error:  # noqa: BLE001 - that is what is looked for
        place = traceback.extract_tb(error.__traceback__)[-1]
        own = [frame for frame in traceback.extract_tb(error.__traceback__) if "ttpo_cli" in frame.filename]
        at = own[-1] if own else place
        name = Path(at.filename).name
        known = " (foreseen by the command line)" if foreseen(error) is not None else ""
        return "fault", f"{type(error).__name__} at {name}:{at.lineno}{known}: {' '.join(str(error).split())[:160]}"
    return "read", ""


def _commanded(arguments: list[str]) -> tuple[str, str]:
    with _standard_error() as said:
        code = run(arguments)
    text = said()
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("warning: ")]
    if code == 0:
        return "read", ""
    if code not in (1, 2, 3, 4) or "not foreseen" in text or not any(line.startswith("error: ") for line in lines):
        return "fault", f"{arguments[0]} ended with {code}: {text[-300:]}"
    return "refused", next(line for line in lines if line.startswith("error: ")).removeprefix("error: ")


def _faults(line: str, aloud: str) -> list[str]:
    """What is wrong with a line for people, and what a library said past us."""
    faults = [f"said aloud: {' '.join(aloud.split())[:160]}"] if aloud.strip() else []
    if line and ("\n" in line or len(line) > LONGEST or ":" not in line or _LIBRARY_WORDS.search(line) or not line.isprintable()):
        faults.append(f"not a clear line: {line[:300]!r}")
    return faults


def _files(folder: Path) -> set[str]:
    places = (folder, Path(os.environ["TMPDIR"]))
    return {str(path.relative_to(place)) for place in places for path in place.rglob("*")}


@contextlib.contextmanager
def _standard_error() -> Iterator[Callable[[], str]]:
    """What anything in this process, libraries of C too, writes to standard error and output meanwhile."""
    path = Path(os.environ["TMPDIR"]).parent / f"said-{os.getpid()}"
    kept = os.dup(2), os.dup(1)
    with path.open("w+b") as stream:
        os.dup2(stream.fileno(), 2)
        os.dup2(stream.fileno(), 1)
        try:
            yield lambda: path.read_text("utf-8", errors="replace")
        finally:
            for number, descriptor in zip((2, 1), kept, strict=True):
                os.dup2(descriptor, number)
                os.close(descriptor)


def _memory(name: str) -> int:
    """Bytes of this process: VmRSS now, VmHWM at most, VmSize of addresses."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(name))


def _forget_peak() -> None:
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
