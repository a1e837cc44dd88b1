"""A photo as a value: upright float32 RGB pixels, and all else that its file said."""

from dataclasses import dataclass, replace

from torch import Tensor

from ttpo_cli.imaging.jpeg_tables import Table
from ttpo_cli.imaging.metadata.carried import Metadata
from ttpo_cli.imaging.resize import imresize


@dataclass(frozen=True)
class Photo:
    """A photo as it was read.

    Attributes:
        pixels: (1, 3, H, W) float32 in [0, 1], upright, in the colour space of metadata.icc.
        alpha: (1, 1, H, W) in [0, 1], not multiplied into the pixels; or None.
        grey: Whether the three channels are equal by nature.
        bit_depth: 8 or 16.
        format: A name of formats.FORMATS.
        content_hash: The sha256 of the file's bytes, hexadecimal.
        name: The file's name.
        extra: (1, n, H, W) in [0, 1]: channels of a TIFF that are neither colour nor transparency; None where there are none.
        notes: What a reader of the file should know.
        jpeg_table: The luminance quantisation steps of a JPEG file, row by row; None for other files.
    """

    pixels: Tensor
    alpha: Tensor | None
    grey: bool
    bit_depth: int
    format: str
    metadata: Metadata
    content_hash: str
    name: str
    notes: tuple[str, ...] = ()
    jpeg_table: Table | None = None
    extra: Tensor | None = None


def with_pixels(photo: Photo, pixels: Tensor) -> Photo:
    """The photo with other pixels, (1, 3, h, w) of any size: alpha follows by bicubic interpolation.

    The JPEG's quantisation steps do not follow: they are not those of other pixels.
    The size tags of EXIF and XMP are set when the photo is written. Raises ValueError for another shape.
    """
    if pixels.ndim != 4 or tuple(pixels.shape[:2]) != (1, 3):
        raise ValueError(f"a photo's pixels are (1, 3, H, W), got {tuple(pixels.shape)}")
    alpha, extra = (_resized(channels, pixels) for channels in (photo.alpha, photo.extra))
    return replace(photo, pixels=pixels, alpha=alpha, extra=extra, jpeg_table=None)


def _resized(channels: Tensor | None, pixels: Tensor) -> Tensor | None:
    if channels is None or channels.shape[-2:] == pixels.shape[-2:]:
        return channels
    return imresize(channels, size=(pixels.shape[-2], pixels.shape[-1])).clamp(0, 1)
