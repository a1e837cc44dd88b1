"""Formats that libvips does not read here and Pillow does, BMP and JPEG 2000: decoded, and handed on as PNG (python-pillow/Pillow)."""

import io
import struct
import warnings
from pathlib import Path

from PIL import Image

from ttpo_cli.errors import TtpoError
from ttpo_cli.imaging.decoding_errors import too_many_pixels

_FORMATS = ("BMP", "DIB", "JPEG2000")
_KEPT_MODES = ("L", "LA", "RGB", "RGBA", "I;16")
_DAMAGE = (OSError, SyntaxError, ValueError, EOFError, LookupError, MemoryError, struct.error, Image.DecompressionBombError)


def as_png(data: bytes, label: str, max_pixels: int) -> bytes:
    """The same picture as a PNG, with its profile and EXIF; depths beyond 8 bits stay those of grey pictures alone.

    Raises TtpoError for more than `max_pixels` by the header, and for damage.
    """
    with _opened(io.BytesIO(data), label) as image:
        if image.width * image.height > max_pixels:
            raise too_many_pixels(label, image.width, image.height, max_pixels)
        try:
            upright = image if image.mode in _KEPT_MODES else image.convert(_mode_for(image))
            stream = io.BytesIO()
            found = {name: image.info[name] for name in ("icc_profile", "exif") if image.info.get(name)}
            upright.save(stream, "PNG", compress_level=1, **found)
        except _DAMAGE as error:
            raise _damaged(label) from error
    return stream.getvalue()


def header_size(path: Path) -> tuple[int, int]:
    """Width and height, from the header. Raises TtpoError where there is none."""
    with _opened(io.BytesIO(path.read_bytes()), str(path)) as image:  # bytes: of a file, Pillow asks for as many as a box claims
        return image.size


def _opened(source: io.BytesIO, label: str) -> Image.Image:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the limit is the caller's
            return Image.open(source, formats=_FORMATS)
    except _DAMAGE as error:
        raise _damaged(label) from error


def _mode_for(image: Image.Image) -> str:
    return "RGBA" if image.has_transparency_data else "L" if image.mode == "1" else "RGB"


def _damaged(label: str) -> TtpoError:
    return TtpoError(f"'{label}' cannot be decoded: it is cut short or damaged; copy it again from where it came")
