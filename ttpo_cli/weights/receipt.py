"""What was found the first time something was fetched: for files without a published hash, the measure of every later time."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path

from ttpo_cli.errors import WeightsError
from ttpo_cli.imaging.atomic import atomic_write
from ttpo_cli.weights.sha256 import file_sha256

NAME = "receipt.json"


@dataclass(frozen=True)
class Arrived:
    """One file as it arrived. published: its hash was known beforehand, not only found."""

    bytes: int
    sha256: str
    published: bool


@dataclass(frozen=True)
class Receipt:
    """Where an entry's files came from, and what they were.

    Attributes:
        source: the address, or repository and commit of a hub.
        date: the day of the download, UTC.
        files: by path inside the folder or repository.
        repo, commit: of a hub, None for an address.
    """

    source: str
    date: str
    files: dict[str, Arrived]
    repo: str | None = None
    commit: str | None = None


def today() -> str:
    return datetime.now(timezone.utc).date().isoformat()


def write_receipt(folder: Path, receipt: Receipt) -> None:
    """Write the receipt of what lies in, or is described by, `folder`. Raises TtpoError where it cannot."""
    atomic_write(folder / NAME, (json.dumps(asdict(receipt), indent=2) + "\n").encode(), overwrite=True)


def read_receipt(folder: Path) -> Receipt | None:
    """The receipt in an entry's folder, or None where there is none yet. Raises WeightsError for one that cannot be understood."""
    path = folder / NAME
    if not path.is_file():
        return None
    try:
        stored = json.loads(path.read_text("utf-8"))
        files = {
            name: Arrived(int(file["bytes"]), str(file["sha256"]), bool(file["published"])) for name, file in stored.pop("files").items()
        }
        return Receipt(files=files, **stored)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise WeightsError(f"'{path}' is damaged: `ttpo models fetch {folder.name}` fetches its weights and makes a new one") from error


def cleared_receipt(folder: Path) -> Receipt | None:
    """As `read_receipt`, where everything is to be removed: a damaged one is deleted, and is None."""
    try:
        return read_receipt(folder)
    except WeightsError:
        (folder / NAME).unlink()
        return None


def missing(folder: Path, receipt: Receipt) -> list[str]:
    """Files of the receipt that `folder` lacks."""
    return [name for name in receipt.files if not (folder / name).is_file()]


def changed(folder: Path, receipt: Receipt, *, thorough: bool) -> list[str]:
    """Files whose length, or with `thorough` whose hash, is another than when they arrived."""
    return [
        name
        for name, arrived in receipt.files.items()
        if (folder / name).stat().st_size != arrived.bytes or (thorough and file_sha256(folder / name) != arrived.sha256)
    ]


def remembered(name: str, receipt: Receipt) -> str:
    """What the receipt knows of a file that nobody else vouches for, for a message; name: of its entry."""
    sha256 = next(iter(receipt.files.values())).sha256
    return (
        f"On {receipt.date} it was sha256 {sha256[:12]}..., and nobody publishes another measure: if its maker replaced it, "
        f"`ttpo models remove {name} --forget` makes room for the new one"
    )


def recorded_sha256(receipt: Receipt | None, name: str) -> str | None:
    """What the receipt says a file's hash was when it arrived; None where it says nothing."""
    arrived = None if receipt is None else receipt.files.get(name)
    return None if arrived is None else arrived.sha256


def verified(folder: Path, name: str, origin: str, published: str | None, recorded: str | None) -> Arrived:
    """Hash a file that arrived. One that differs from its published or recorded hash is deleted, and WeightsError raised."""
    path = folder / name
    arrived = Arrived(bytes=path.stat().st_size, sha256=file_sha256(path), published=published is not None)
    if any(expected is not None and expected != arrived.sha256 for expected in (published, recorded)):
        path.resolve().unlink()
        path.unlink(missing_ok=True)
        raise WeightsError(f"{name} of {origin} is not the file its sha256 names: fetch it again")
    return arrived


def delete_files(files: Iterable[Path], snapshot: Path | None, receipt: Receipt | None) -> bool:
    """Delete files, and of a snapshot those that the receipt names: the links, and the blobs they lead to. False where there were none."""
    links = [] if snapshot is None or receipt is None else [snapshot / name for name in receipt.files]
    found = [path for path in (*links, *(link.resolve() for link in links), *files) if path.is_file() or path.is_symlink()]
    for path in found:
        path.unlink(missing_ok=True)
    return bool(found)
