"""The pictures of the page: sRGB JPEG of a candidate, made when first asked for, once however many ask, and kept while there is room."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

from ttpo_cli.errors import TtpoError
from ttpo_cli.folder.journal import stamp
from ttpo_cli.imaging.preview import preview

# Longest sides: what a screen shows at once, and the whole picture (a JPEG cannot be larger).
SIZES = {"view": 1600, "full": 65500}
_QUALITY = 95  # candidates differ in grain, which lower qualities take away
_ROOM = 256 << 20  # bytes
_AT_ONCE = 2
_Key = tuple[str, str, int]  # file, its stamp, side


class Previews:
    """Any thread may ask. room: bytes of JPEG that are kept, the least recently shown going first."""

    def __init__(self, room: int = _ROOM, make: Callable[[Path, int, int], bytes] = preview) -> None:
        self._room, self._make = room, make
        self._kept: OrderedDict[_Key, bytes] = OrderedDict()
        self._being_made: dict[_Key, threading.Lock] = {}
        self._turn, self._decoders = threading.Lock(), threading.Semaphore(_AT_ONCE)

    def picture(self, file: Path, side: int) -> bytes:
        """The JPEG of a picture, no side above `side`. Raises TtpoError for a file that cannot be decoded, or is gone."""
        try:
            key = (str(file), stamp(file), side)
        except OSError as error:
            raise TtpoError(f"'{file.name}' is gone: run `ttpo restore` again") from error
        with self._turn:
            alone = self._being_made.setdefault(key, threading.Lock())
        with alone:
            data = self._look(key)
            if data is None:
                with self._decoders:
                    data = self._make(file, side, _QUALITY)
                self._keep(key, data)
        return data

    def _look(self, key: _Key) -> bytes | None:
        with self._turn:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def _keep(self, key: _Key, data: bytes) -> None:
        with self._turn:
            self._kept[key] = data
            while len(self._kept) > 1 and sum(map(len, self._kept.values())) > self._room:
                oldest, _ = self._kept.popitem(last=False)
                self._being_made.pop(oldest, None)
