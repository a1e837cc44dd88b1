"""What tests of every part share: the folder of third-party data beside the checkout, where there is one."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """`shared/data` beside the checkout; a test that needs it skips where it is absent."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("needs shared/data beside the checkout: benchmark photos that the project does not contain")
    return folder


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The suite closes by saying how much of it the missing data kept from running."""
    skipped = [report for report in terminalreporter.stats.get("skipped", []) if "shared/data" in str(report.longrepr)]
    if skipped:
        terminalreporter.write_line(f"{len(skipped)} tests skipped: ../shared/data is absent", yellow=True)
