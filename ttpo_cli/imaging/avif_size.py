"""The sizes that an AVIF file states for its pictures (ISO/IEC 23008-12, 6.5.3: ispe), looked at before a library reads them."""

import struct

from ttpo_cli.imaging.decoding_errors import too_many_pixels

_BOX = b"ispe"


def check_stated_size(data: bytes, label: str, max_pixels: int) -> None:
    """Refuse a file that states more pixels for any of its pictures: libvips would report sizes it cannot hold past us, on standard error.

    Raises TtpoError.
    """
    at = data.find(_BOX)
    while 0 <= at <= len(data) - 16:
        width, height = struct.unpack_from(">II", data, at + 8)
        if width * height > max_pixels:
            raise too_many_pixels(label, width, height, max_pixels)
        at = data.find(_BOX, at + 1)
