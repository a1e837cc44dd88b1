"""`--select ask`: the candidates on a sheet that the terminal or a viewer shows, and the keys by which a person chooses among them."""

import io
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ttpo_cli.cli.choice import Choice, press
from ttpo_cli.cli.terminal.console import Terminal
from ttpo_cli.cli.terminal.keys import key_presses
from ttpo_cli.cli.terminal.picture import inline_image, inline_protocol
from ttpo_cli.cli.viewer import open_picture
from ttpo_cli.errors import UsageError

if TYPE_CHECKING:
    from ttpo_cli.preference.chooser import Offer

_CELL = 512
_HELP = "best: its number; worst: shift and its number, or d and it; Enter: so be it; s: the metrics choose; u: undo; z: at 100 %; q: stop"


# Said in the record of a photo that nobody could be asked about.
UNASKED = "done in regions or without candidates, so there was nothing to pick: the metrics chose"


def check_person(candidates: bool) -> None:
    """Raises UsageError where nobody can be asked, or about nothing."""
    if not candidates:
        raise UsageError("--select ask is about candidates, and --no-ttpo makes none: leave out one of them")
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError("--select ask needs a terminal to show candidates and read keys from: use --select later, and `ttpo picks add`")


@dataclass
class Person:
    """Who sits at this terminal. shown: how many sheets were shown, each a file of its own until the program ends."""

    terminal: Terminal
    folder: tempfile.TemporaryDirectory = field(default_factory=lambda: tempfile.TemporaryDirectory(prefix="ttpo-"))
    shown: int = 0

    def ask(self, name: str, take_back: Callable[[], str] | None, offer: "Offer") -> tuple[int, ...]:
        """(preferred, dispreferred), or () where the metrics are to choose. take_back: undoes the pick before this one, and says so.

        Raises KeyboardInterrupt where the person stops.
        """
        with self.terminal.paused(), key_presses() as read:
            whole = True
            self._show(name, offer, whole)
            self._write(f"{_HELP}\n")
            choice = Choice(len(offer.labels))
            while True:
                self._tell(choice)
                for key in read():
                    after = press(choice, key)
                    if isinstance(after, Choice):
                        choice = after
                    elif after == "zoom":
                        whole = not whole
                        self._show(name, offer, whole)
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

    def _show(self, name: str, offer: "Offer", whole: bool) -> None:
        """Inside the terminal where it can; else in a viewer; the file's name is told unless it is seen here."""
        from ttpo_cli.report.contact_sheet import contact_sheet, to_pillow

        labels = [label if row else "0 restored" for row, label in enumerate(offer.labels)]
        stream = io.BytesIO()
        to_pillow(contact_sheet(offer.images.cpu(), labels, cell=_CELL, whole=whole)).save(stream, "PNG")
        seen = f"{name}: {len(labels)} images, 0 to {len(labels) - 1}"
        protocol = inline_protocol(os.environ)
        if protocol is not None:
            self._write(f"\n{seen}\n{inline_image(stream.getvalue(), protocol, shutil.get_terminal_size().columns)}")
            return
        self.shown += 1
        path = Path(self.folder.name) / f"candidates-{self.shown}.png"
        path.write_bytes(stream.getvalue())
        self._write(f"\n{seen}, {'opened' if open_picture(path) else 'to be looked at'}: {path}\n")

    def _tell(self, choice: Choice) -> None:
        """The choice so far, on one line that is written over."""
        best, worst = ("-" if row is None else row for row in (choice.preferred, choice.dispreferred))
        self._write(f"\r\x1b[Kbest {best}, worst {worst if not choice.worst_next else '?'}{f'  ({choice.said})' if choice.said else ''} ")

    @staticmethod
    def _write(text: str) -> None:
        sys.stderr.write(text)
        sys.stderr.flush()
