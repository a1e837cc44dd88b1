"""Runs of `ttpo restore ALBUM -o OUT` with the tiny engine, each in a fork to which something happens at a given moment.

python killed_runs.py LOG reads lines of JSON, {album, out, flags, moment, deed}, and answers each with the exit status, the number of
moments that passed, and the run's last line on standard error. A moment is a step towards a file under OUT or ALBUM: one opened, made,
renamed, removed, a statement of the journal begun or ended, a photo begun. Moment 0 never comes. The deeds are in DEEDS; the first is
SIGKILL.
"""

import itertools
import json
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from fakes import tiny_engine

import ttpo_cli.folder.run  # noqa: F401 - all that a run imports, so that forks start at once
import ttpo_cli.report.provenance  # noqa: F401
import ttpo_cli.report.table  # noqa: F401
from ttpo_cli import pipeline
from ttpo_cli.cli.app import program
from ttpo_cli.folder.journal import FolderJournal

_EVENTS = {"open", "os.rename", "os.remove", "os.mkdir"}


def killed(album, out, flags):
    os.kill(os.getpid(), signal.SIGKILL)


def moved_out(album, out, flags):
    """Somebody renames the output folder."""
    Path(out).rename(f"{out} moved")


def moved_album(album, out, flags):
    """Somebody renames the folder of photos."""
    Path(album).rename(f"{album} moved")


def replaced(album, out, flags):
    """Another program saves every photo of `replaced/` over the one of the same name."""
    for path in sorted((Path(album).parent / "replaced").rglob("*.png")):
        target = Path(album) / path.relative_to(Path(album).parent / "replaced")
        shutil.copyfile(path, target.with_name("saved by another program"))
        os.replace(target.with_name("saved by another program"), target)


def cut(album, out, flags):
    """Another program begins to write every photo anew, and has not ended."""
    for path in Path(album).rglob("*.png"):
        path.write_bytes(path.read_bytes()[:60])


def second_run(album, out, flags):
    """Somebody starts the same again in another process; its exit status and last line go to the file `second` beside the album."""
    said = Path(album).parent / "second"
    child = os.fork()
    if child == 0:
        with said.open("w") as stream:
            os.dup2(stream.fileno(), 2)
            code = program(["restore", album, "--recursive", "-o", out, "-q", *flags])
            stream.write(f"{code}\n")
        os._exit(0)
    os.waitpid(child, 0)


def clock_back(album, out, flags):
    """The clock of this run is set back by ten years."""
    import time

    now = time.time
    time.time = lambda: now() - 315_360_000


DEEDS = {deed.__name__: deed for deed in (killed, moved_out, moved_album, replaced, cut, second_run, clock_back)}


def counted(folders, fatal, deed):
    """Count the moments of this process from now on; at number `fatal` the deed is done. Returns the counter."""
    moments = itertools.count(1)
    last = [0]

    def moment():
        last[0] = next(moments)
        if last[0] == fatal:
            deed()

    def hook(event, arguments):
        if event in _EVENTS and isinstance(arguments[0], str) and arguments[0].startswith(folders):
            moment()

    ask = FolderJournal._ask

    def asked(self, *arguments):
        moment()
        answer = ask(self, *arguments)
        moment()
        return answer

    FolderJournal._ask = asked
    sys.addaudithook(hook)
    return last, moment


def run(log, album, out, flags=(), moment=0, deed="killed"):
    """One run in this process; the photos that reach the network are lines of the log."""
    last, reached = counted((out, album), moment, lambda: DEEDS[deed](album, out, flags))
    restore = pipeline.restore_photo

    def logged(photo, *arguments):
        with open(log, "a") as stream:  # noqa: PTH123 - a short line, appended at once
            stream.write(photo.content_hash + "\n")
        reached()
        return restore(photo, *arguments)

    pipeline.restore_photo = logged
    pipeline.load_engine = lambda *arguments, **named: tiny_engine()
    code = program(["restore", album, "--recursive", "-o", out, "-q", *flags])
    return code, last[0]


def main():
    log = sys.argv[1]
    for line in sys.stdin:
        reading, writing = os.pipe()
        said = tempfile.TemporaryFile()  # noqa: SIM115 - a fork's standard error, read when it has ended
        child = os.fork()
        if child == 0:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            os.dup2(said.fileno(), 2)
            code, moments = run(log, **json.loads(line))
            os.write(writing, str(moments).encode())
            os._exit(code)
        os.close(writing)
        moments = os.read(reading, 100).decode()
        os.close(reading)
        _, status = os.waitpid(child, 0)
        said.seek(0)
        lines = said.read().decode(errors="replace").strip().splitlines()
        said.close()
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)} {moments or 0} {' '.join((lines or [''])[-1].split())}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
