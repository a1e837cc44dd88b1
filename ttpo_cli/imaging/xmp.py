"""XMP made to describe upright pixels: its copies of the EXIF orientation and sizes are set, all else stays (ISO 16684-1)."""

import re


def settle_xmp(xmp: bytes, width: int, height: int) -> bytes:
    """The packet with tiff:Orientation 1 and the sizes it states, as attributes or as elements, set to width x height."""
    values = {b"tiff:Orientation": 1}
    values |= {b"tiff:ImageWidth": width, b"tiff:ImageLength": height, b"exif:PixelXDimension": width, b"exif:PixelYDimension": height}
    for name, value in values.items():
        # The value follows ="..., ='... or the element's >.
        xmp = re.sub(rb"(\b" + name + rb"\s*(?:=\s*[\"']|>)\s*)\d+", rb"\g<1>%d" % value, xmp)
    return xmp
