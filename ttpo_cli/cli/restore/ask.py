"""`--select ask`: the candidates on a sheet that the terminal or a viewer shows, and the keys by which a person chooses among them."""

import io
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from ttpo_cli.cli.terminal.console import Terminal
from ttpo_cli.cli.terminal.keys import key_presses
from ttpo_cli.cli.terminal.picture import inline_image, inline_protocol, open_picture
from ttpo_cli.preference.chooser import ScoredCandidates
from ttpo_cli.report.contact_sheet import contact_sheet, to_pillow

# Shift and a digit, 0 to 9, on a US keyboard; on others `d` and the digit say the same.
_SHIFTED = ")!@#$%^&*("

_ENDS: dict[str, Literal["skip", "stop", "zoom"]] = {"s": "skip", "q": "stop", "z": "zoom"}

Event = Literal["done", "skip", "stop", "zoom", "back"]


@dataclass(frozen=True)
class Choice:
    """Among `count` images, numbered from 0. worst_next: the next digit names the worst. number: (digits, whether shifted, whether of the
    worst) of the number being typed, which a further digit may lengthen. said: why the last key did nothing. before: where `u` leads."""

    count: int
    preferred: int | None = None
    dispreferred: int | None = None
    worst_next: bool = False
    number: tuple[str, bool, bool] | None = None
    said: str = ""
    before: "Choice | None" = None

    @property
    def pair(self) -> tuple[int, int] | None:
        """(preferred, dispreferred) once both are named and differ."""
        whole = self.preferred is not None and self.dispreferred is not None and self.preferred != self.dispreferred
        return (self.preferred, self.dispreferred) if whole else None  # type: ignore[return-value]


def press(choice: Choice, key: str) -> Choice | Event:
    """The state after a key, or what the person wants: done, skip (the metrics choose), stop, zoom, back (u with nothing to undo)."""
    quiet = replace(choice, said="")
    if key in _ENDS:
        return _ENDS[key]
    if key in ("\r", "\n"):
        return "done" if choice.pair else replace(choice, said=_what_is_missing(choice))
    if key == "u":
        return choice.before or "back"
    if key in ("b", "d"):
        return replace(quiet, worst_next=key == "d", number=None, before=choice)
    if key and key in _SHIFTED:
        return _digit(quiet, str(_SHIFTED.index(key)), True)
    return _digit(quiet, key, False) if key.isascii() and key.isdigit() else choice


def _digit(choice: Choice, digit: str, shifted: bool) -> Choice:
    """Name an image, or lengthen the number that names one while it remains one of them."""
    digits, worst = digit, shifted or choice.worst_next
    if choice.number is not None and choice.number[1] == shifted and int(choice.number[0] + digit) < choice.count:
        digits, worst = choice.number[0] + digit, choice.number[2]
    if int(digits) >= choice.count:
        return replace(choice, said=f"there is no image {digits}")
    typing = None if digits == "0" else (digits, shifted, worst)
    after = replace(choice, worst_next=False, number=typing, before=choice)
    return replace(after, dispreferred=int(digits)) if worst else replace(after, preferred=int(digits))


def _what_is_missing(choice: Choice) -> str:
    if choice.preferred is None:
        return "name the best first, or s: the metrics choose"
    return "name the worst too" if choice.dispreferred is None else "best and worst are the same image"


_CELL = 512

_HELP = "best: its number; worst: shift and its number, or d and it; Enter: accept; s: the metrics choose; u: undo; z: at 100 %; q: stop"


@dataclass
class Person:
    """The person at the terminal. shown: how many sheets were shown, each a file of its own until the program ends."""

    terminal: Terminal
    folder: tempfile.TemporaryDirectory = field(default_factory=lambda: tempfile.TemporaryDirectory(prefix="ttpo-"))
    shown: int = 0

    def ask(self, name: str, take_back: Callable[[], str] | None, scored: ScoredCandidates) -> tuple[int, ...]:
        """(preferred, dispreferred), or () where the metrics are to choose. take_back: undoes the pick before this one, and says so.

        Raises KeyboardInterrupt where the person stops.
        """
        with self.terminal.paused(), key_presses() as read:
            whole = True
            self._show(name, scored, whole)
            self._write(f"{_HELP}\n")
            choice = Choice(len(scored.labels))
            while True:
                self._show_choice(choice)
                for key in read():
                    after = press(choice, key)
                    if isinstance(after, Choice):
                        choice = after
                    elif after == "zoom":
                        whole = not whole
                        self._show(name, scored, whole)
                    elif after == "back":
                        self._write(f"\n{take_back() if take_back else 'nothing to undo'}\n")
                    else:
                        return self._ended(after, choice, name)

    def _ended(self, event: str, choice: Choice, name: str) -> tuple[int, ...]:
        self._write("\n")
        if event == "stop":
            raise KeyboardInterrupt
        if event == "skip":
            self._write(f"{name}: the metrics choose\n")
            return ()
        assert choice.pair is not None  # `press` says done only then
        return choice.pair

    def _show(self, name: str, scored: ScoredCandidates, whole: bool) -> None:
        """Inside the terminal where it can; else in a viewer; the file's name is shown unless the picture is seen here."""
        labels = [label if row else "0 restored" for row, label in enumerate(scored.labels)]
        stream = io.BytesIO()
        to_pillow(contact_sheet(scored.images.cpu(), labels, cell=_CELL, whole=whole)).save(stream, "PNG")
        seen = f"{name}: {len(labels)} images, 0 to {len(labels) - 1}"
        protocol = inline_protocol(os.environ)
        if protocol is not None:
            self._write(f"\n{seen}\n{inline_image(stream.getvalue(), protocol, shutil.get_terminal_size().columns)}")
            return
        self.shown += 1
        path = Path(self.folder.name) / f"candidates-{self.shown}.png"
        path.write_bytes(stream.getvalue())
        self._write(f"\n{seen}, {'opened' if open_picture(path) else 'to be looked at'}: {path}\n")

    def _show_choice(self, choice: Choice) -> None:
        """The choice so far, on one line that is written over."""
        best, worst = ("-" if row is None else row for row in (choice.preferred, choice.dispreferred))
        self._write(f"\r\x1b[Kbest {best}, worst {worst if not choice.worst_next else '?'}{f'  ({choice.said})' if choice.said else ''} ")

    @staticmethod
    def _write(text: str) -> None:
        sys.stderr.write(text)
        sys.stderr.flush()
