"""EXIF, XMP, ICC and resolution: carried through every format, told true, as Pillow reads them."""

import io
import itertools
import struct
from dataclasses import replace

import numpy as np
import pytest
import pyvips
import torch
from PIL import Image

from ttpo_cli.imaging.exif import EXIF_DIRECTORY, MAKER_NOTE, exif_bytes, read_exif
from ttpo_cli.imaging.formats import FORMATS as FORMATS_BY_NAME
from ttpo_cli.imaging.metadata.change import Change
from ttpo_cli.imaging.metadata.true_exif import make_true
from ttpo_cli.imaging.photo import Metadata, Photo, with_pixels
from ttpo_cli.imaging.reading import read_photo
from ttpo_cli.imaging.writing import losses, write_photo
from ttpo_cli.settings.output import Encoding

FORMATS = ("png", "jpeg", "tiff", "webp")
XMP = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/" tiff:Orientation="6"
dc:format="image/jpeg"><tiff:ImageWidth>4000</tiff:ImageWidth></rdf:Description></rdf:RDF></x:xmpmeta>"""
P3 = pyvips.Image.profile_load("p3")
NOTE = b"maker's own bytes, odd in number"[:31]


def camera_exif() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F], exif[0x0110], exif[0x8298] = "Maker", "Model 7", "(c) someone"
    exif[0x4746] = 5  # a rating: libexif does not know it
    photo = exif.get_ifd(0x8769)
    photo[0x9003], photo[0x829A], photo[0xA434] = "2020:01:02 03:04:05", (1, 250), "50 mm"
    photo[0xA002], photo[0xA003] = 4000, 3000
    photo[0x9C00] = 7  # no tag that anybody knows
    photo[MAKER_NOTE] = NOTE
    photo[0xA005] = {1: "R98", 0x1001: 4000}
    gps = exif.get_ifd(0x8825)
    gps[1], gps[2], gps[5] = "N", (52.0, 30.0, 15.5), b"\0"
    return exif


def exif_blob(exif: Image.Exif) -> bytes:
    return exif.tobytes().removeprefix(b"Exif\0\0")


def loaded(blob: bytes) -> Image.Exif:
    exif = Image.Exif()
    exif.load(blob)
    return exif


def as_dict(exif: Image.Exif) -> dict:
    """Every value but the offsets of directories."""
    found = {("root", tag): value for tag, value in exif.items() if tag not in (0x8769, 0x8825)}
    nested = [0xA005] if 0xA005 in exif.get_ifd(0x8769) else []  # Pillow 12 fails where there is none
    for name in (0x8769, 0x8825, *nested):
        found |= {(name, tag): value for tag, value in exif.get_ifd(name).items() if tag != 0xA005}
    return found


def source_photo(format: str) -> Photo:
    """A photo read from a file that Pillow wrote, 20x30 as stored and 30x20 upright."""
    samples = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    stream = io.BytesIO()
    options: dict = {"exif": camera_exif(), "icc_profile": P3, "dpi": (300, 300)}
    if format == "png":
        from PIL.PngImagePlugin import PngInfo

        options["pnginfo"] = PngInfo()
        options["pnginfo"].add_itxt("XML:com.adobe.xmp", XMP.decode())
    elif format == "tiff":
        options["exif"][700] = XMP
        options["exif"] = options["exif"].tobytes()  # as an object, Pillow leaves its directories out of a TIFF
    else:
        options["xmp"] = XMP
    Image.fromarray(samples).save(stream, format, **options)
    return read_photo(stream.getvalue(), name=f"photo.{format}")


def reread(photo: Photo, format: str, **options) -> tuple[Image.Image, bytes]:
    data = write_photo(None, photo, Encoding(format=format, **options))
    assert isinstance(data, bytes)
    return Image.open(io.BytesIO(data)), data


@pytest.mark.parametrize(("before", "after"), list(itertools.product(FORMATS, FORMATS)))
def test_exif_icc_and_xmp_go_from_every_format_to_every_format(before: str, after: str) -> None:
    photo = source_photo(before)
    assert photo.notes == ()
    assert photo.pixels.shape == (1, 3, 30, 20)
    assert photo.metadata.exif is not None
    assert len(photo.metadata.exif) < 600  # from a TIFF, too, where its pieces lay far apart
    read = loaded(photo.metadata.exif)
    assert (read.get_ifd(0x8769)[0xA002], read.get_ifd(0x8769)[0xA003], read.get(0x0112, 1)) == (20, 30, 1)
    larger = with_pixels(photo, torch.rand(1, 3, 60, 40))
    image, data = reread(larger, after)
    assert losses(larger, Encoding(format=after)) == ()
    assert image.info["icc_profile"] == P3
    expected = as_dict(loaded(exif_blob(camera_exif())))
    found = as_dict(image.getexif())
    expected |= {("root", 0x0112): 1, (0x8769, 0xA002): 40, (0x8769, 0xA003): 60, (0xA005, 0x1001): 40}
    if before == "tiff":  # in which Pillow does not write a directory within a directory
        expected = {key: value for key, value in expected.items() if key[0] != 0xA005}
    found.setdefault(("root", 0x0112), 1)  # nothing said is upright, too
    assert {key: found.get(key) for key in expected} == expected
    xmp = pyvips.Image.new_from_buffer(data, "").get("xmp-data")
    type_there = FORMATS_BY_NAME[after].media_type.encode()
    assert xmp == XMP.replace(b'Orientation="6"', b'Orientation="1"').replace(b">4000<", b">40<").replace(b"image/jpeg", type_there)
    assert after != "jpeg" or data.count(b"<x:xmpmeta") == 1
    back = read_photo(data)
    assert back.pixels.shape == (1, 3, 60, 40)  # not turned again
    assert back.notes == ()
    if "webp" not in (before, after):  # which holds no resolution
        assert back.metadata.resolution == pytest.approx((300 / 25.4, 300 / 25.4), rel=1e-2)


@pytest.mark.parametrize("format", FORMATS)
def test_what_is_not_to_be_kept_is_left_out_and_the_rest_stays(format: str) -> None:
    photo = source_photo("jpeg")
    image, data = reread(photo, format, keep=frozenset({"icc"}))
    assert image.info["icc_profile"] == P3
    assert 0x010F not in image.getexif()
    assert b"xmpmeta" not in data
    image, data = reread(photo, format, keep=frozenset({"exif"}))
    assert "icc_profile" not in image.info
    assert image.getexif()[0x010F] == "Maker"
    bare, data = reread(photo, format, keep=frozenset())
    assert {key for key in bare.getexif() if key > 0x0119} <= {282, 283, 284, 296, 317, 338, 339}  # how a TIFF stores pixels
    assert b"Maker" not in data
    assert read_photo(data).metadata == Metadata(resolution=read_photo(data).metadata.resolution)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("quality", [90, 100])
def test_exif_does_not_harm_the_pixels_beside_it(format: str, alpha: bool, quality: int) -> None:
    photo = source_photo("png")
    photo = replace(photo, alpha=torch.rand(1, 1, 30, 20) if alpha else None)
    for metadata in (photo.metadata, Metadata(exif=photo.metadata.exif), Metadata(exif=photo.metadata.exif, xmp=photo.metadata.xmp)):
        _, data = reread(replace(photo, metadata=metadata), format, quality=quality)
        _, bare = reread(replace(photo, metadata=Metadata()), format, quality=quality)
        assert torch.equal(read_photo(data).pixels, read_photo(bare).pixels)
        np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(data))), np.asarray(Image.open(io.BytesIO(bare))))
        assert (read_photo(data).alpha is not None) == (alpha and format != "jpeg")


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_thumbnail_is_dropped_and_a_maker_note_stays_where_it_stood(order: str) -> None:
    """A JPEG's EXIF by hand: the first directory leads to the EXIF directory with a note, and on to a second one with a thumbnail."""
    pack = lambda layout, *values: struct.pack(order + layout, *values)  # noqa: E731
    note_at, thumbnail_at = 150, 200
    root = pack("H", 2) + pack("HHIHH", 0x0112, 3, 1, 8, 0) + pack("HHII", 0x8769, 4, 1, 60) + pack("I", 100)
    photo = pack("H", 1) + pack("HHII", MAKER_NOTE, 7, len(NOTE), note_at) + pack("I", 0)
    second = pack("H", 2) + pack("HHII", 0x0201, 4, 1, thumbnail_at) + pack("HHII", 0x0202, 4, 1, 9) + pack("I", 0)
    blob = bytearray(250)
    for place, piece in ((0, b"II*\0" if order == "<" else b"MM\0*"), (4, pack("I", 8)), (8, root), (60, photo), (100, second)):
        blob[place : place + len(piece)] = piece
    blob[note_at : note_at + len(NOTE)] = NOTE
    blob[thumbnail_at : thumbnail_at + 9] = b"THUMBNAIL"
    exif = read_exif(bytes(blob))
    make_true(exif, Change(before=(20, 30), after=(40, 60)))
    written = exif_bytes(exif)
    assert b"THUMBNAIL" not in written
    assert written[note_at : note_at + len(NOTE)] == NOTE
    again = read_exif(written)
    assert again.note_offset == note_at
    assert again.root.children[EXIF_DIRECTORY].entries[MAKER_NOTE].data == NOTE
    assert struct.unpack(order + "H", again.root.entries[0x0112].data) == (1,)
    assert exif_bytes(again) == written


def test_blocks_step_over_a_maker_note_wherever_it_stood() -> None:
    exif = read_exif(exif_blob(camera_exif()))
    expected = as_dict(loaded(exif_blob(camera_exif())))
    for offset in (8, 9, 33, 120, 200, 301, 2000):
        exif.note_offset = offset
        written = exif_bytes(exif)
        assert written[offset : offset + len(NOTE)] == NOTE
        assert as_dict(loaded(written)) == expected, offset


def test_values_of_odd_length_are_padded_to_even_offsets_in_exif_and_to_even_chunks_in_webp() -> None:
    exif = Image.Exif()
    exif[0x010E], exif[0x010F], exif[0x0110] = "even", "odd and long", "odd, too"
    blob = exif_bytes(read_exif(exif_blob(exif)))
    (count,) = struct.unpack_from(">H", blob, 8)
    offsets = [struct.unpack_from(">I", blob, 10 + 12 * index + 8)[0] for index in range(count)]
    assert [offset % 2 for offset in offsets] == [0, 0, 0]
    assert len(blob) % 2 == 1
    _, data = reread(replace(source_photo("png"), metadata=Metadata(exif=blob)), "webp")
    assert len(data) % 2 == 0
    assert struct.unpack_from("<I", data, 4) == (len(data) - 8,)


def test_exif_in_the_other_byte_order_goes_into_a_tiff() -> None:
    photo = source_photo("jpeg")
    assert photo.metadata.exif is not None
    assert photo.metadata.exif[:2] == b"MM"
    image, data = reread(photo, "tiff")
    assert data[:2] == b"II"
    assert image.getexif().get_ifd(0x8825)[2] == (52.0, 30.0, 15.5)


def test_exif_that_speaks_of_storage_does_not_reach_into_a_tiffs_own_tags() -> None:
    exif = Image.Exif()
    exif[0x010F], exif[0x0103], exif[0x0111], exif[0x011A] = "Maker", 6, 12345, 7.0  # maker, JPEG compression, an offset, a resolution
    photo = replace(source_photo("png"), metadata=Metadata(exif=exif_blob(exif), resolution=(10.0, 10.0)))
    image, data = reread(photo, "tiff")
    assert torch.equal(read_photo(data).pixels, photo.pixels)
    assert read_photo(data).metadata.resolution == pytest.approx((10, 10))
    assert image.getexif()[0x010F] == "Maker"


def test_damage_to_one_entry_loses_that_entry_and_hostile_claims_are_refused() -> None:
    blob = bytearray(exif_blob(camera_exif()))
    exif = read_exif(bytes(blob))
    assert exif.damaged == 0
    first = 10  # the first entry: its kind becomes one that does not exist
    blob[first + 2 : first + 4] = b"\0\x63"
    assert read_exif(bytes(blob)).damaged == 1
    many = b"MM\0*\0\0\0\x08" + struct.pack(">H", 100) + struct.pack(">HHII", 0x9999, 7, 1000, 8) * 100 + bytes(4)
    with pytest.raises(ValueError, match="claim more bytes"):
        read_exif(many)
    for cut in range(len(blob)):  # cut anywhere: an error or what is left, never a crash
        try:
            exif_bytes(read_exif(bytes(blob[:cut])))
        except ValueError as error:
            assert str(error)


def test_exif_and_xmp_too_long_for_jpeg_are_left_out_and_said() -> None:
    exif = camera_exif()
    exif.get_ifd(0x8769)[0x9286] = b"ASCII\0\0\0" + b"x" * 70000
    broken = XMP.replace(b"tiff:", b"x:").replace(b"ImageWidth", b"Width")[:-9] + b"x" * 70000  # what cannot be parsed cannot be divided
    photo = replace(source_photo("png"), metadata=Metadata(exif=exif_blob(exif), xmp=broken))
    assert losses(photo, Encoding(format="jpeg")) == ("left out: what JPEG cannot hold: EXIF of more than 64 KB, XMP of more than 64 KB",)
    image, _ = reread(photo, "jpeg")
    assert len(image.getexif()) == 0
    for format in ("png", "webp", "tiff"):
        assert losses(photo, Encoding(format=format)) == ()
        assert reread(photo, format)[0].getexif()[0x010F] == "Maker"
    fits = replace(photo, metadata=Metadata(xmp=XMP + b" " * 64000))
    assert losses(fits, Encoding(format="jpeg")) == ()
    assert read_photo(reread(fits, "jpeg")[1]).metadata.xmp == XMP.replace(b'"6"', b'"1"').replace(b">4000<", b">20<") + b" " * 64000


def test_a_grey_profile_stays_with_grey_and_is_left_out_of_webp_which_has_none() -> None:
    grey_profile = b"\0" * 16 + b"GRAY" + b"\0" * 16 + b"acsp" + bytes(88)
    ramp = torch.linspace(0, 1, 64).reshape(1, 1, 8, 8).repeat(1, 3, 1, 1)
    photo = Photo(ramp, None, True, 8, "png", Metadata(icc=grey_profile), "0" * 64, "photo.png")
    assert losses(photo, Encoding(format="webp")) == ("left out: what WebP cannot hold: a profile of grey values",)
    assert "icc_profile" not in reread(photo, "webp")[0].info
    for format in ("png", "jpeg", "tiff"):
        assert losses(photo, Encoding(format=format)) == ()
