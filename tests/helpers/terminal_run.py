"""`ttpo` with the tiny engine on a pseudo terminal, and what types the keys and reads the screen of a person.

python terminal_run.py reads runs from standard input, one JSON object a line: words, folder, environment, terminal, and stdout, a file for
standard output. It makes each run in a fork, since libraries load slowly, and answers with its exit code.
"""

import json
import os
import select
import subprocess
import sys
import time
from pathlib import Path

PATIENCE = 60.0
_HIDDEN = ("DISPLAY", "WAYLAND_DISPLAY", "KITTY_WINDOW_ID", "TERM_PROGRAM", "LC_TERMINAL", "TMUX", "STY", "NO_COLOR")


class TerminalRunner:
    """The process that makes the runs."""

    def __init__(self):
        here = Path(__file__).resolve().parent
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(here.parents[1]), str(here)))}
        pipe = subprocess.PIPE
        self.process = subprocess.Popen([sys.executable, __file__], stdin=pipe, stdout=pipe, env=environment)

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=PATIENCE)
        self.process.stdout.close()

    def start(self, folder, *words, **environment):
        return TerminalRun(self.process, folder, words, environment)


class TerminalRun:
    """One run: `type` presses keys, `read_until` waits for words on the terminal, `end` returns (exit code, stdout)."""

    def __init__(self, runner, folder, words, environment):
        self.runner, self.seen, self.code = runner, "", None
        self.ours, self.theirs = os.openpty()
        self.stdout = Path(folder) / "stdout.txt"
        run = {"words": words, "folder": str(folder), "environment": {"TERM": "xterm", **environment}}
        run |= {"terminal": os.ttyname(self.theirs), "stdout": str(self.stdout)}
        runner.stdin.write((json.dumps(run) + "\n").encode())
        runner.stdin.flush()

    def type(self, keys):
        os.write(self.ours, keys.encode())

    def read_until(self, words):
        """What came on the terminal up to and with these words."""
        deadline = time.monotonic() + PATIENCE
        while words not in self.seen:
            if time.monotonic() > deadline or not self._more():
                self.runner.kill()
                raise AssertionError(f"no '{words}' in: {self.seen}")
        head, _, self.seen = self.seen.partition(words)
        return head + words

    def end(self):
        while self._more():
            pass
        os.close(self.ours)
        os.close(self.theirs)
        return self.code, self.stdout.read_text()

    def _more(self):
        """Read on; False once the run has ended and all was read."""
        readable = select.select(
            [self.ours, *([self.runner.stdout] if self.code is None else [])], [], [], PATIENCE if self.code is None else 0
        )[0]
        if self.ours in readable:
            self.seen += os.read(self.ours, 65536).decode(errors="replace")
        elif readable:
            self.code = int(self.runner.stdout.readline())
        return bool(readable)


def run(words, folder, environment, terminal, stdout):
    """In a fork: never returns."""
    from ttpo_cli.cli.app import program

    for name in _HIDDEN:
        os.environ.pop(name, None)
    os.environ.update(environment)
    os.chdir(folder)
    shown = os.open(terminal, os.O_RDWR)
    os.dup2(shown, 0)
    os.dup2(shown, 2)
    os.dup2(os.open(stdout, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 1)
    code = program(words)
    sys.stdout.flush()
    os._exit(code)


def main():
    from fakes import tiny_engine

    import ttpo_cli.folder.run
    import ttpo_cli.report.contact_sheet
    import ttpo_cli.report.provenance
    import ttpo_cli.report.table  # noqa: F401 - all that a run imports, so that forks start at once
    from ttpo_cli import pipeline

    pipeline.load_engine = lambda *arguments, **named: tiny_engine()
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            run(**json.loads(line))
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
