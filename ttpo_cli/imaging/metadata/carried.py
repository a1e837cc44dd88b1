"""What a photo's file carries besides pixels, as a value, and that value made true for another picture."""

from dataclasses import dataclass, field, replace

from ttpo_cli.imaging.exif import exif_bytes, read_exif
from ttpo_cli.imaging.metadata.change import Change, Size
from ttpo_cli.imaging.metadata.iptc import true_iptc
from ttpo_cli.imaging.metadata.text import Text, true_texts
from ttpo_cli.imaging.metadata.true_exif import make_true
from ttpo_cli.imaging.metadata.true_xmp import TrueXmp, true_xmp


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
        size: width and height of the picture that the rest describes, None where nobody said.
        dropped: what else the file held and no output can have, in words.
        damage: what could not be made true, in words.
    """

    exif: bytes | None = None
    icc: bytes | None = None
    xmp: bytes | None = None
    resolution: tuple[float, float] | None = None
    text: tuple[Text, ...] = ()
    iptc: bytes | None = None
    colour_chunks: tuple[tuple[str, bytes], ...] = ()
    size: Size | None = field(default=None, compare=False)
    dropped: tuple[str, ...] = field(default=(), compare=False)
    damage: tuple[str, ...] = field(default=(), compare=False)


def true_for(metadata: Metadata, change: Change, media_type: str | None = None) -> Metadata:
    """The same, true for the picture after the change: every field that speaks of size, place, storage or contents.

    media_type: of the file that it goes into, None for not yet known. What goes with the fields joins `dropped`.
    """
    exif, xmp, iptc = metadata.exif, metadata.xmp, metadata.iptc
    if exif is not None:
        parsed = read_exif(exif)
        make_true(parsed, change)
        exif = exif_bytes(parsed)
    described = TrueXmp(None) if xmp is None else true_xmp(xmp, change, media_type)
    resolution = metadata.resolution
    return replace(
        metadata,
        exif=exif,
        xmp=described.packet,
        iptc=None if iptc is None else true_iptc(iptc, *change.after),
        text=true_texts(metadata.text),
        resolution=resolution[::-1] if resolution is not None and change.sideways else resolution,
        size=change.after,
        dropped=tuple(dict.fromkeys((*metadata.dropped, *described.dropped))),
        damage=(*metadata.damage, *described.notes),
    )
