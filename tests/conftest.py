"""What tests of every part share: the folder of third-party data beside the checkout, where there is one."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from PIL import Image

if "PYTEST_XDIST_WORKER" in os.environ:  # workers share the cores, and so do the programs they start: one thread each is faster for all
    os.environ["OMP_NUM_THREADS"] = "1"
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def own_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test reads or writes what the user keeps. Variables that a command sets for its process, as --offline does, end with the test."""
    before = dict(os.environ)
    os.environ["XDG_CONFIG_HOME"] = str(tmp_path_factory.getbasetemp() / "config")
    os.environ["TTPO_HOME"] = str(tmp_path_factory.getbasetemp() / "home")
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """`shared/data` beside the checkout; a test that needs it skips where it is absent."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("needs shared/data beside the checkout: benchmark photos that the project does not contain")
    return folder


@pytest.fixture(scope="session")
def photo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three small soft-edged pictures as PNG: enough to train on."""
    folder = tmp_path_factory.mktemp("photos")
    generator = torch.Generator().manual_seed(0)
    for index in range(3):
        coarse = torch.rand(1, 3, 12, 12, generator=generator)
        image = torch.nn.functional.interpolate(coarse, size=(96, 80), mode="bicubic").clamp(0, 1)
        Image.fromarray((image[0].permute(1, 2, 0) * 255).byte().numpy()).save(folder / f"{index}.png")
    return folder


def pytest_configure() -> None:
    """A suite run in the background has inherited that Ctrl-C is ignored, and so would the programs in which tests press it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The suite closes by saying how much of it the missing data kept from running."""
    skipped = [report for report in terminalreporter.stats.get("skipped", []) if "shared/data" in str(report.longrepr)]
    if skipped:
        terminalreporter.write_line(f"{len(skipped)} tests skipped: ../shared/data is absent", yellow=True)
