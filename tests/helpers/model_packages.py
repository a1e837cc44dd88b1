"""A distribution of tests that carries a model's two files, and breaks whatever imports it."""

import hashlib
from pathlib import Path

PARAM, BIN = b"7767517\n1 1\n", bytes(range(64))
FILES = {"made_up_model/models/NET.param": PARAM, "made_up_model/models/NET.bin": BIN}
PACKAGE = {
    "distribution": "made-up-model",
    "version": ">=1.0,<2",
    "files": {path: hashlib.sha256(content).hexdigest() for path, content in FILES.items()},
}


def install_model(site: Path, version: str = "1.0.1", listed: tuple[str, ...] = tuple(FILES), record: bool = True) -> Path:
    """Lay the distribution out in `site` as pip does; gives the folder of its files. listed: in its RECORD, which is left out without
    `record`."""
    for path, content in FILES.items():
        (site / path).parent.mkdir(parents=True, exist_ok=True)
        (site / path).write_bytes(content)
    (site / "made_up_model" / "__init__.py").write_text("raise RuntimeError('imported')\n")
    facts = site / f"made_up_model-{version}.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: made-up-model\nVersion: {version}\n")
    if record:
        (facts / "RECORD").write_text("".join(f"{path},,\n" for path in listed))
    return site / "made_up_model" / "models"
