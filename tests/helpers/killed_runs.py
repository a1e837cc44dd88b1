"""Runs of `ttpo restore ALBUM -o OUT` with the tiny engine, each in a fork that kills itself with SIGKILL at a given moment.

python killed_runs.py ALBUM OUT LOG reads a moment a line from stdin and answers with the exit status and the number of moments that passed.
A moment is a step towards a file under OUT: one opened, made, renamed, removed, a statement of the journal begun or ended, a photo begun.
"""

import itertools
import os
import signal
import sys

from fakes import tiny_engine

import ttpo_cli.folder.run  # noqa: F401 - all that a run imports, so that forks start at once
import ttpo_cli.report.provenance  # noqa: F401
import ttpo_cli.report.table  # noqa: F401
from ttpo_cli import pipeline
from ttpo_cli.cli.app import program
from ttpo_cli.folder.journal import FolderJournal

_EVENTS = {"open", "os.rename", "os.remove", "os.mkdir"}


def counted(out, fatal):
    """Count the moments of this process from now on; at number `fatal` it dies. Returns the counter."""
    moments = itertools.count(1)
    last = [0]

    def moment():
        last[0] = next(moments)
        if last[0] == fatal:
            os.kill(os.getpid(), signal.SIGKILL)

    def hook(event, arguments):
        if event in _EVENTS and isinstance(arguments[0], str) and arguments[0].startswith(out):
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


def run(album, out, log, fatal):
    """One run in this process; the photos that reach the network are lines of the log."""
    last, moment = counted(out, fatal)
    restore = pipeline.restore_photo

    def logged(photo, *arguments):
        with open(log, "a") as stream:  # noqa: PTH123 - a short line, appended at once
            stream.write(photo.content_hash + "\n")
        moment()
        return restore(photo, *arguments)

    pipeline.restore_photo = logged
    pipeline.load_engine = lambda *arguments, **named: tiny_engine()
    code = program(["restore", album, "--recursive", "-o", out, "-q"])
    return code, last[0]


def main():
    album, out, log = sys.argv[1:]
    for line in sys.stdin:
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            code, moments = run(album, out, log, int(line))
            os.write(writing, str(moments).encode())
            os._exit(code)
        os.close(writing)
        moments = os.read(reading, 100).decode()
        os.close(reading)
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)} {moments or 0}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
