"""`ttpo` with the tiny engine in a process of its own on a pseudo terminal, and a person's hands and eyes on the other side.

python asked_run.py WORD... is the program itself.
"""

import os
import select
import subprocess
import sys
import time
from pathlib import Path

PATIENCE = 60.0


class Sitting:
    """One run of the program: `type` presses keys, `read_until` waits for words on the terminal, `end` returns (exit code, stdout)."""

    def __init__(self, *words, cwd, **environment):
        import pty

        self.ours, theirs = pty.openpty()
        held = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY", "KITTY_WINDOW_ID", "TMUX")}
        tests = Path(__file__).resolve().parent
        paths = os.pathsep.join((str(tests.parent), str(tests)))
        self.program = subprocess.Popen(
            [sys.executable, __file__, *words],
            stdin=theirs,
            stderr=theirs,
            stdout=subprocess.PIPE,
            cwd=cwd,
            env={**held, "TERM": "xterm", "PYTHONPATH": paths, **environment},
            start_new_session=True,
        )
        os.close(theirs)
        self.seen = ""

    def type(self, keys):
        os.write(self.ours, keys.encode())

    def read_until(self, words):
        """What came on the terminal up to and with these words."""
        deadline = time.monotonic() + PATIENCE
        while words not in self.seen:
            if time.monotonic() > deadline or not self._more():
                self.program.kill()
                raise AssertionError(f"no '{words}' in: {self.seen}")
        head, _, self.seen = self.seen.partition(words)
        return head + words

    def end(self):
        while self._more():
            pass
        told, _ = self.program.communicate(timeout=PATIENCE)
        os.close(self.ours)
        return self.program.returncode, told.decode()

    def _more(self):
        """Read on; False where nothing comes any more."""
        while not select.select([self.ours], [], [], 0.2)[0]:
            if self.program.poll() is not None:
                return False
        try:
            self.seen += os.read(self.ours, 65536).decode(errors="replace")
        except OSError:  # Linux's end of a pseudo terminal
            return False
        return True


def main():
    from fakes import tiny_engine

    from ttpo_cli import pipeline
    from ttpo_cli.cli.app import program

    pipeline.load_engine = lambda *arguments, **named: tiny_engine()
    sys.exit(program(sys.argv[1:]))


if __name__ == "__main__":
    main()
