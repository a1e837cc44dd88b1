"""Single key presses from the terminal on standard input, unechoed and without Enter: termios on POSIX, msvcrt on Windows."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_ESCAPE = "\x1b"
_INTERRUPT = "\x03"

if sys.platform == "win32":
    import msvcrt

    @contextmanager
    def key_presses() -> Iterator[Callable[[], str]]:
        """Yields a function that waits for a key and returns it; "" for a key that is not a character. Ctrl-C raises KeyboardInterrupt."""
        while msvcrt.kbhit():  # typed before there was a question
            msvcrt.getwch()
        yield _windows_key

    def _windows_key() -> str:
        key = msvcrt.getwch()
        if key in ("\x00", "\xe0"):  # an arrow or a function key, whose second half follows
            msvcrt.getwch()
            return ""
        if key == _INTERRUPT:
            raise KeyboardInterrupt
        return key

else:
    import termios
    import tty

    @contextmanager
    def key_presses() -> Iterator[Callable[[], str]]:
        """Yields a function that waits for keys and returns them; "" for a key that is not a character.

        What was typed before is dropped: it did not answer this question. Ctrl-C, and a terminal that went away, raise KeyboardInterrupt.
        """
        terminal = sys.stdin.fileno()
        before = termios.tcgetattr(terminal)
        try:
            tty.setcbreak(terminal, termios.TCSAFLUSH)
            yield lambda: _posix_keys(terminal)
        finally:
            termios.tcsetattr(terminal, termios.TCSADRAIN, before)

    def _posix_keys(terminal: int) -> str:
        read = os.read(terminal, 64)
        if not read or _INTERRUPT.encode() in read:
            raise KeyboardInterrupt
        keys = read.decode(errors="ignore")
        return "" if keys.startswith(_ESCAPE) else keys
