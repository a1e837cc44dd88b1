"""What became of the photos of one command: records, what was passed over, failures, and the exit code they come to."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ttpo_cli.cli.terminal.console import Terminal
from ttpo_cli.cli.terminal.errors import foreseen
from ttpo_cli.errors import TtpoError
from ttpo_cli.folder.not_read import in_words

if TYPE_CHECKING:
    from ttpo_cli.folder.not_read import NotRead
    from ttpo_cli.report.page import PagePhoto


@dataclass
class RunSummary:
    """Filled as the command goes on."""

    terminal: Terminal
    records: list[dict[str, Any]] = field(default_factory=list)
    skipped: list[dict[str, str]] = field(default_factory=list)
    failures: list[dict[str, Any]] = field(default_factory=list)
    not_read: list[dict[str, str]] = field(default_factory=list)
    strict: bool = False
    pages: "list[PagePhoto]" = field(default_factory=list)

    @contextmanager
    def attempt(self, label: str) -> Iterator[None]:
        """What can be foreseen to go wrong with one photo, or with the report, is reported, and does not stop the others."""
        try:
            yield
        except Exception as error:
            failure = foreseen(error)
            if failure is None:
                raise
            self.fail(label, *failure)

    def fail(self, label: str, text: str, exit_code: int) -> None:
        """One photo failed, for this reason."""
        self.terminal.error(text if label in text else f"{label}: {text}")
        self.failures.append({"source": label, "error": text, "exit_code": exit_code})

    def pass_over(self, found: Sequence["NotRead"], strict: bool) -> None:
        """What looks like a photo and is not read, which ends the command in exit code 1 where that is asked for."""
        for line in in_words(found):
            self.terminal.say(line)
        self.not_read += [{"source": str(entry.source), "why": entry.reason} for entry in found]
        self.strict = strict

    def exit_code(self) -> int:
        """0, or the one code that all failures share, or 1."""
        codes = {failure["exit_code"] for failure in self.failures}
        if self.strict and self.not_read:
            codes.add(TtpoError.exit_code)
        return codes.pop() if len(codes) == 1 else min(len(codes), 1)
