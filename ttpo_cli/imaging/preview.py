"""A small sRGB JPEG of any photo file, to look at in a browser: upright, its colour profile applied, transparency over white."""

from pathlib import Path

import pyvips

from ttpo_cli.errors import TtpoError

_QUALITY = 88  # from 90 on, colours are as sharp as brightness


def preview(path: Path, side: int, quality: int = _QUALITY) -> bytes:
    """The photo with no side above `side` pixels, never enlarged. Raises TtpoError for a file that cannot be decoded."""
    try:
        image = pyvips.Image.thumbnail(str(path), side, height=side, size="down", output_profile="srgb", fail_on="error")
        if image.hasalpha():
            image = image.flatten(background=[255])
        return image.jpegsave_buffer(Q=quality, keep=0)
    except pyvips.Error as error:
        raise _not_to_be_shown(path, error) from error


def picture_size(path: Path) -> tuple[int, int]:
    """Width and height as `preview` shows it, from the header alone. Raises TtpoError for a file that is not a picture."""
    try:
        image = pyvips.Image.new_from_file(str(path)).autorot()
    except pyvips.Error as error:
        raise _not_to_be_shown(path, error) from error
    return image.width, image.height


def _not_to_be_shown(path: Path, error: pyvips.Error) -> TtpoError:
    return TtpoError(f"'{path}' cannot be shown ({' '.join(error.message.split())}): restore it again, or copy it again")
