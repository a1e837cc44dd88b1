"""Old files and the program of today: copies of tests/fixtures/first_wave, one command line at a time, and how near two pictures are.

Only the program itself is imported, since its modules move. Everything is computed with one thread, as the files were made.
"""

import json
import lzma
import shutil
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from ttpo_cli.cli.app import program

FIRST_WAVE = Path(__file__).resolve().parents[1] / "fixtures" / "first_wave"
_PRESENT: dict[str, Any] = {}
# What the first wave did without an option for it, where the defaults are others now.
DEFAULTS_OF_THEN = (
    "--backbone lfc-sr-small --shrink 1 --default-megapixels 0 --candidates-shrinks= --guard-degradation off --prior-autocast bf16 "
    "--stages-megapixels 0"
)


@dataclass
class Wave:
    """The first wave's files in a folder of one test, which is the current one."""

    folder: Path
    capsys: pytest.CaptureFixture[str]

    def take(self, *names: str) -> None:
        """Copy folders or files of the first wave here, those kept as .xz unpacked."""
        for name in names:
            source = FIRST_WAVE / name
            for path in sorted(entry for entry in [source, *source.rglob("*")] if entry.is_file()):
                place = self.folder / path.relative_to(FIRST_WAVE)
                place.parent.mkdir(parents=True, exist_ok=True)
                if path.suffix == ".xz":
                    place.with_suffix("").write_bytes(lzma.decompress(path.read_bytes()))
                else:
                    shutil.copyfile(path, place)

    def run(self, line: str, code: int | None = 0) -> str:
        """Standard output of one command line; a code of None may be any."""
        self.capsys.readouterr()
        words = line.split()
        if words[0] == "restore":  # what a line gives itself comes later and holds
            words[1:1] = DEFAULTS_OF_THEN.split()
        given = program(words)
        shown = self.capsys.readouterr()
        assert code is None or given == code, f"ttpo {line}: exit code {given}\n{shown.out}\n{shown.err}"
        self.code, self.told = given, shown.err
        return shown.out

    def json(self, line: str, code: int | None = 0) -> Any:
        """What a command line says with --json."""
        return json.loads(self.run(line, code))

    def read(self, path: str) -> Any:
        """A file of JSON."""
        return json.loads((self.folder / path).read_text("utf-8"))

    def repeats(self, record: dict[str, Any], whole_machine: bool = False) -> bool:
        """Whether a record's circumstances are the present ones, so that its numbers come again bit by bit: versions of what computes,
        device, CPU and threads. whole_machine: kernel and number of cores too."""
        present = self.present()
        kept = present["machine"].keys() if whole_machine else ("cpu", "threads", "cuda")
        versions = {name: version for name, version in record["versions"].items() if name not in ("ttpo", "python")}
        return (
            versions == {name: metadata.version(name) for name in versions}
            and record["device"] == present["device"]
            and all(record["machine"][name] == present["machine"][name] for name in kept)
        )

    def present(self) -> dict[str, Any]:
        """Device and machine of today, as a sidecar of today tells them."""
        if not _PRESENT:
            photo = self.folder / "present.png"
            Image.new("RGB", (8, 8)).save(photo)
            self.run(f"restore {photo} -o {self.folder / 'present_out.png'} --backbone none --no-ttpo -q")
            _PRESENT.update(json.loads((self.folder / "present_out.png.ttpo.json").read_text("utf-8")))
        return _PRESENT

    def assert_same_picture(self, now: str, then: str, record: dict[str, Any]) -> None:
        """Equal samples where the record's circumstances are the present ones; elsewhere at most one grey level of 255 apart on average."""
        pictures = [np.asarray(Image.open(path)).astype(float) for path in (now, then)]
        assert pictures[0].shape == pictures[1].shape
        apart = np.abs(pictures[0] - pictures[1])
        if self.repeats(record):
            assert apart.max() == 0, f"{now}: {apart.mean():.3f} of 255 from the first wave's on average, {apart.max():.0f} at most"
        assert apart.mean() <= 1, f"{now}: {apart.mean():.3f} of 255 from the first wave's on average"

    def contents(self, folder: str) -> dict[str, bytes]:
        """Every file below a folder that is not a journal or lock, by its path in it."""
        files = [path for path in Path(folder).rglob("*") if path.is_file() and not path.name.startswith(("journal", "lock"))]
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files if path.suffix != ".lock"}


@pytest.fixture
def wave(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.chdir(tmp_path)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield Wave(tmp_path, capsys)
    torch.set_num_threads(threads)
