"""What became of the photos of one command: records, what was passed over, failures, and the exit code they come to."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ttpo_cli.cli.terminal.console import Terminal
from ttpo_cli.cli.terminal.errors import foreseen

if TYPE_CHECKING:
    from ttpo_cli.report.page import PagePhoto


@dataclass
class RunSummary:
    """Filled as the command goes on."""

    terminal: Terminal
    records: list[dict[str, Any]] = field(default_factory=list)
    skipped: list[dict[str, str]] = field(default_factory=list)
    failures: list[dict[str, Any]] = field(default_factory=list)
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

    def exit_code(self) -> int:
        """0, or the one code that all failures share, or 1."""
        codes = {failure["exit_code"] for failure in self.failures}
        return codes.pop() if len(codes) == 1 else min(len(codes), 1)
