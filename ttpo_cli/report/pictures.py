"""The pictures next to a folder's page: previews named after what they show, made once, and swept when nothing shows it any more."""

import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ttpo_cli.errors import TtpoError
from ttpo_cli.imaging.atomic import atomic_write
from ttpo_cli.imaging.preview import preview
from ttpo_cli.progress import OnCount

THUMBNAIL, VIEW = 320, 1600
_NAME = re.compile(r"[0-9a-f]{16}-\d+\.jpg")
_THREADS = 4  # decoding leaves Python's lock alone


def picture_name(sha256: str, side: int) -> str:
    """The file of a preview: what it shows, by its hash, and how large."""
    return f"{sha256[:16]}-{side}.jpg"


def make_pictures(folder: Path, wanted: Iterable[tuple[Path, str, int]], on_made: OnCount) -> Iterator[str]:
    """Make the previews of (file, its sha256, side) that are not in the folder yet, and remove those that are not wanted any more.

    on_made(done, of how many). Yields the names that could not be made, since the photo is gone or damaged.
    """
    names = {picture_name(sha256, side): (path, side) for path, sha256, side in wanted}
    if folder.is_dir():
        for file in folder.iterdir():
            if _NAME.fullmatch(file.name) and file.name not in names:
                file.unlink(missing_ok=True)
    missing = {name: entry for name, entry in names.items() if not (folder / name).exists()}

    def make(name: str) -> str | None:
        path, side = missing[name]
        try:
            atomic_write(folder / name, preview(path, side), overwrite=True)
        except TtpoError:
            return name
        return None

    with ThreadPoolExecutor(_THREADS) as threads:
        for done, failed in enumerate(threads.map(make, missing), 1):
            on_made(done, len(missing))
            if failed is not None:
                yield failed
