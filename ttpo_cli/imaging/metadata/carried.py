"""What a photo's file carries besides pixels, as a value, and that value made true for another picture."""

from dataclasses import dataclass, field, replace

from ttpo_cli.imaging.exif import exif_bytes, read_exif, settle
from ttpo_cli.imaging.metadata.iptc import true_iptc
from ttpo_cli.imaging.metadata.text import Text
from ttpo_cli.imaging.xmp import settle_xmp


@dataclass(frozen=True)
class Metadata:
    """What a file carries as well as pixels. EXIF, XMP and IPTC describe the upright pixels: orientation 1, no thumbnail.

    Attributes:
        exif: a TIFF structure, without the "Exif" marker of JPEG.
        icc: the profile the pixels' values are to be read with.
        xmp: one packet.
        resolution: horizontal and vertical pixels a millimetre, None where the file says nothing.
        text: PNG's texts by keyword, and comments of JPEG and GIF.
        iptc: IPTC-IIM, its datasets without the resource of Photoshop around them.
        colour_chunks: chunks that say in a PNG what no profile says, such as that values are HDR.
        dropped: what else the file held and no output can have, in words.
    """

    exif: bytes | None = None
    icc: bytes | None = None
    xmp: bytes | None = None
    resolution: tuple[float, float] | None = None
    text: tuple[Text, ...] = ()
    iptc: bytes | None = None
    colour_chunks: tuple[tuple[str, bytes], ...] = ()
    dropped: tuple[str, ...] = field(default=(), compare=False)


def true_for(metadata: Metadata, width: int, height: int) -> Metadata:
    """The same, true for an upright picture of this size: every field that states a size is set."""
    exif, xmp, iptc = metadata.exif, metadata.xmp, metadata.iptc
    if exif is not None:
        parsed = read_exif(exif)
        settle(parsed, width, height)
        exif = exif_bytes(parsed)
    return replace(
        metadata,
        exif=exif,
        xmp=None if xmp is None else settle_xmp(xmp, width, height),
        iptc=None if iptc is None else true_iptc(iptc, width, height),
    )
