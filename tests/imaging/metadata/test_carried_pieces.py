"""Texts, comments and IPTC go where the output format holds them; whatever is dropped is named in one note."""

import io
import itertools
import struct
import zlib

import numpy as np
import pytest
from metadata_files import CAPTION, chunk, dataset, jpeg_with, png_with, resource, with_index
from PIL import Image, PngImagePlugin

from ttpo_cli.errors import UsageError
from ttpo_cli.imaging.containers.jpeg import jpeg_segments
from ttpo_cli.imaging.containers.png import png_chunks
from ttpo_cli.imaging.metadata.iptc import PHOTOSHOP, iptc_of, resources
from ttpo_cli.imaging.metadata.text import LONGEST, Text
from ttpo_cli.imaging.photo import Photo
from ttpo_cli.imaging.reading import read_photo
from ttpo_cli.imaging.writing import losses, write_photo
from ttpo_cli.settings.output import Encoding

EMOJI = "Gr\u00f6\u00dfe \U0001f600"


def written(photo: Photo, format: str, **options) -> bytes:
    data = write_photo(None, photo, Encoding(format=format, **options))
    assert isinstance(data, bytes)
    return data


def pillow_texts(data: bytes) -> dict[str, str]:
    image = Image.open(io.BytesIO(data))
    assert isinstance(image, PngImagePlugin.PngImageFile)
    image.load()
    return {name: str(value) for name, value in image.text.items()}


def texts_png() -> bytes:
    info = PngImagePlugin.PngInfo()
    info.add_text("Title", "My photo")
    info.add_text("parameters", "a cat, steps 20\nSeed: 7", zip=True)
    info.add_itxt("Description", EMOJI, lang="de", tkey="Beschreibung", zip=True)
    info.add_itxt("Comment", EMOJI)
    stream = io.BytesIO()
    Image.new("RGB", (16, 12), "teal").save(stream, "PNG", pnginfo=info)
    return stream.getvalue()


def test_texts_of_every_kind_stay_in_a_png_as_pillow_reads_them() -> None:
    photo = read_photo(texts_png())
    data = written(photo, "png")
    assert pillow_texts(data) == pillow_texts(texts_png())
    assert [part.name for part in png_chunks(data) if part.name.endswith("Xt")] == ["tEXt", "zTXt", "iTXt", "iTXt"]
    assert read_photo(data).metadata.text == photo.metadata.text
    assert photo.metadata.text[2] == Text("Description", EMOJI, "iTXt", language="de", translated="Beschreibung", compressed=True)
    assert losses(photo) == () and photo.notes == ()


def test_a_comment_goes_between_png_jpeg_and_gif_and_other_texts_are_named() -> None:
    photo = read_photo(texts_png())
    data = written(photo, "jpeg")
    assert [part.data.decode() for part in jpeg_segments(data) if part.name == "COM"] == [EMOJI]
    assert losses(photo, Encoding(format="jpeg")) == ("left out: what JPEG cannot hold: texts (Title, parameters, Description)",)
    back = read_photo(data)
    assert [(text.keyword, text.text) for text in back.metadata.text] == [("Comment", EMOJI)]
    assert pillow_texts(written(back, "png")) == {"Comment": EMOJI}
    assert losses(back, Encoding(format="webp")) == ("left out: what WebP cannot hold: texts (Comment)",)
    stream = io.BytesIO()
    Image.new("P", (8, 8)).save(stream, "GIF", comment=b"shot on film")
    gif = read_photo(stream.getvalue())
    assert pillow_texts(written(gif, "png")) == {"Comment": "shot on film"}


@pytest.mark.parametrize("before", ["latin-1", "utf-8"])
def test_text_that_is_not_utf8_is_read_as_latin_1_and_text_never_changes_on_the_way(before: str) -> None:
    photo = read_photo(png_with((b"tEXt", b"Author\0" + "J\u00fcrgen \u00c3\u00a9t\u00e9".encode(before))))
    assert photo.metadata.text[0].text == "J\u00fcrgen \u00c3\u00a9t\u00e9"
    again = read_photo(written(photo, "png"))
    assert again.metadata.text[0].text == photo.metadata.text[0].text
    broken = read_photo(png_with((b"iTXt", b"Author\0\0\0\0\0J\xfcrgen")))
    assert broken.metadata.text[0].text == "J\u00fcrgen"
    comment = read_photo(jpeg_with((0xFE, b"J\xfcrgen\0")))
    assert comment.metadata.text[0].text == "J\u00fcrgen"


@pytest.mark.parametrize(
    "bad",
    [
        (b"zTXt", b"Bomb\0\0" + zlib.compress(bytes(LONGEST + 1), 9)),
        (b"iTXt", b"Bomb\0\1\0\0\0" + zlib.compress(b"x" * (LONGEST + 1), 9)),
        (b"zTXt", b"Broken\0\0nothing compressed"),
        (b"zTXt", b"Cut\0\0" + zlib.compress(b"words" * 100)[:-9]),
        (b"iTXt", b"Short\0"),
        (b"tEXt", b"\0no keyword"),
        (b"tEXt", b"k" * 80 + b"\0too long"),
    ],
    ids=["zTXt bomb", "iTXt bomb", "no stream", "cut", "short", "no keyword", "long keyword"],
)
def test_a_text_that_cannot_be_read_is_said_and_the_others_stay(bad: tuple[bytes, bytes]) -> None:
    photo = read_photo(png_with((b"tEXt", b"Title\0One"), bad))
    assert [text.keyword for text in photo.metadata.text] == ["Title"]
    assert any("1 of its texts" in note for note in photo.notes)


def test_many_bombs_together_are_bounded_too() -> None:
    half = (b"zTXt", b"Half\0\0" + zlib.compress(b"x" * (LONGEST // 2 + 1), 9))
    photo = read_photo(png_with(*[half] * 40))
    assert len(photo.metadata.text) == 1 and any("39 of its texts" in note for note in photo.notes)


def iptc_files() -> dict[str, bytes]:
    tiff = io.BytesIO()
    Image.new("RGB", (16, 12)).save(tiff, "TIFF", tiffinfo={33723: CAPTION})
    block = resource(0x03ED, bytes(16)) + resource(0x0404, CAPTION, b"odd") + resource(0x0425, bytes(16))
    hexadecimal = b"\niptc\n%8d\n%s\n" % (len(block), block.hex().encode())
    return {
        "jpeg": jpeg_with((0xED, PHOTOSHOP + block)),
        "jpeg in pieces": jpeg_with((0xED, PHOTOSHOP + block[:70]), (0xED, PHOTOSHOP + block[70:])),
        "tiff": tiff.getvalue(),
        "tiff by numbers": tiff_with_long_iptc(),
        "png of ImageMagick": png_with((b"tEXt", b"Raw profile type iptc\0" + hexadecimal)),
    }


def tiff_with_long_iptc() -> bytes:
    """IPTC stored as 32-bit numbers, as Photoshop and libtiff do."""
    padded = CAPTION + bytes(-len(CAPTION) % 4)
    stream = io.BytesIO()
    Image.new("RGB", (16, 12)).save(stream, "TIFF", tiffinfo={33723: padded})
    data = bytearray(stream.getvalue())
    at = next(at for kind in (1, 7) if (at := data.find(struct.pack("<HHI", 33723, kind, len(padded)))) > 0)
    struct.pack_into("<HI", data, at + 2, 4, len(padded) // 4)
    return bytes(data)


@pytest.mark.parametrize(("before", "after"), list(itertools.product(iptc_files(), ("jpeg", "tiff"))))
def test_iptc_goes_from_every_format_that_holds_it_to_every_one(before: str, after: str) -> None:
    photo = read_photo(iptc_files()[before])
    assert photo.metadata.iptc is not None and photo.metadata.iptc.startswith(CAPTION)
    data = written(photo, after)
    assert losses(photo, Encoding(format=after)) == ()
    if after == "jpeg":
        (segment,) = (part.data for part in jpeg_segments(data) if part.name == "APP13")
        assert iptc_of(segment[len(PHOTOSHOP) :]) == CAPTION
        assert [number for number, _ in resources(segment[len(PHOTOSHOP) :])] == [0x0404]  # no digest that is no longer true
    else:
        assert bytes(Image.open(io.BytesIO(data)).tag_v2[33723]) == CAPTION
    assert read_photo(data).metadata.iptc == CAPTION
    assert np.array_equal(read_photo(data).pixels, read_photo(written(photo, after, keep=frozenset())).pixels)


@pytest.mark.parametrize("format", ["png", "webp"])
def test_iptc_that_the_output_cannot_hold_is_named(format: str) -> None:
    photo = read_photo(iptc_files()["jpeg"])
    assert losses(photo, Encoding(format=format))[0].endswith("cannot hold: IPTC")
    assert losses(photo, Encoding(format=format, keep=frozenset({"exif"}))) == ()  # not wanted, so not missed


def test_long_iptc_goes_into_several_segments_and_comes_back() -> None:
    long = CAPTION + dataset(2, 120, b"x" * 150_000)
    photo = read_photo(jpeg_with((0xED, PHOTOSHOP + resource(0x0404, CAPTION))))
    photo = Photo(**{**vars(photo), "metadata": type(photo.metadata)(iptc=long)})
    data = written(photo, "jpeg")
    assert sum(part.name == "APP13" for part in jpeg_segments(data)) == 3
    assert read_photo(data).metadata.iptc == long


def test_previews_and_descriptions_of_stored_pixels_leave_iptc_and_its_layout_is_that_of_the_picture() -> None:
    stale = (
        dataset(2, 131, b"P") + dataset(3, 20, b"\0\x20") + dataset(2, 200, b"\0\1") + dataset(2, 202, b"PREVIEW") + dataset(7, 10, b"x")
    )
    photo = read_photo(jpeg_with((0xED, PHOTOSHOP + resource(0x0404, CAPTION + stale))))
    assert photo.metadata.iptc == CAPTION + dataset(2, 131, b"L")
    assert "its thumbnail" in photo.metadata.dropped


def test_what_is_not_to_be_kept_is_not_carried() -> None:
    photo = read_photo(jpeg_with((0xED, PHOTOSHOP + resource(0x0404, CAPTION)), (0xFE, b"shot on film")))
    for keep, iptc, comment in ((frozenset({"text"}), False, True), (frozenset({"iptc"}), True, False)):
        back = read_photo(written(photo, "jpeg", keep=keep))
        assert (back.metadata.iptc is not None, bool(back.metadata.text)) == (iptc, comment)
    with pytest.raises(UsageError, match="iptc"):
        written(photo, "jpeg", keep=frozenset({"iptcc"}))


def dropped(data: bytes) -> tuple[str, ...]:
    return read_photo(data).metadata.dropped


def test_gain_map_film_thumbnails_and_further_pictures_are_named() -> None:
    plain = jpeg_with()
    gain_map = jpeg_with((0xE1, b"http://ns.adobe.com/xap/1.0/\0<x xmlns:hdrgm='http://ns.adobe.com/hdr-gain-map/1.0/'/>"))
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    stale = bytearray(exif.tobytes().removeprefix(b"Exif\0\0"))
    stale += struct.pack(">HHHIII", 1, 0x0100, 4, 1, 16, 0)
    struct.pack_into(">I", stale, 8 + 2 + 12, len(stale) - 18)
    assert dropped(plain) == ()
    assert dropped(with_index(plain, gain_map)) == ("its gain map",)
    assert dropped(with_index(gain_map, plain)) == ("its gain map",)  # the first picture says what the second is
    assert dropped(jpeg_with((0xE2, b"urn:iso:std:iso:ts:21496:-1\0\0\0\0\0"))) == ("its gain map",)
    assert dropped(with_index(plain, plain)) == ("the further picture of the file",)
    assert dropped(with_index(plain, plain, plain)) == ("the 2 further pictures of the file",)
    assert dropped(with_index(plain, plain, types=[0x010002])) == ("its thumbnail",)
    assert dropped(jpeg_with(behind=b"\0\0\0\x18ftypmp42" + bytes(900))) == ("the film of its motion photo",)
    assert dropped(with_index(plain, gain_map) + b"\0\0\0\x18ftypisom" + bytes(90)) == ("its gain map", "the film of its motion photo")
    assert dropped(jpeg_with(behind=b"SEFT of a phone")) == ("15 bytes behind its end",)
    assert dropped(jpeg_with(behind=bytes(500))) == ()
    assert dropped(jpeg_with((0xE0, b"JFXX\0\x10"))) == ("its thumbnail",)
    assert dropped(jpeg_with((0xE1, b"Exif\0\0" + bytes(stale)))) == ("its thumbnail",)
    assert dropped(jpeg_with((0xED, PHOTOSHOP + resource(0x040C, b"thumb")))) == ("its thumbnail",)
    assert dropped(jpeg_with((0xED, PHOTOSHOP + resource(2000, bytes(26), b"Path 1")))) == ("a clipping path",)
    assert dropped(jpeg_with((0xEB, b"JP\0\1\0\0\0\1\0\0\0\x40jumb"))) == ("its content credentials (C2PA)",)
    assert dropped(jpeg_with((0xE1, b"FLIR\0\1\2"), (0xEC, b"Ducky\0"))) == ("APP1 FLIR", "APP12 Ducky")


def test_an_index_that_points_at_nothing_names_no_picture_and_none_is_written() -> None:
    plain = jpeg_with()
    whole = with_index(plain, plain)
    cut = whole[: -len(plain)]
    assert dropped(cut) == ()
    assert b"MPF\0" not in written(read_photo(whole), "jpeg")
    for end in range(20, 100, 7):  # an index cut short
        at = whole.index(b"MPF\0")
        read_photo(whole[: at - 2] + struct.pack(">H", end + 2) + whole[at : at + end] + plain[2:])


def test_chunks_that_nothing_carries_are_named_in_one_note() -> None:
    data = png_with((b"tIME", bytes(7)), (b"caBX", b"jumbf"), (b"prVt", b"x"), (b"tEXt", b"Title\0One"))
    photo = read_photo(data)
    assert losses(photo, Encoding(format="jpeg")) == (
        "left out: the chunk tIME, its content credentials (C2PA), the chunk prVt; what JPEG cannot hold: texts (Title)",
    )


def test_tags_of_a_tiff_that_nothing_carries_are_named() -> None:
    stream = io.BytesIO()
    info = {37724: b"layers", 34735: (1, 1, 0, 0), 50838: (4,), 65000: "mine", 269: "a document"}
    Image.new("RGB", (16, 12)).save(stream, "TIFF", tiffinfo=info)
    photo = read_photo(stream.getvalue())
    assert set(photo.metadata.dropped) == {"Photoshop's layers", "its GeoTIFF tags", "ImageJ's metadata", "the TIFF tag 65000"}
    assert Image.open(io.BytesIO(written(photo, "tiff"))).tag_v2[269] == "a document"


def test_exif_behind_the_pixels_of_a_png_is_read_and_its_orientation_applied() -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Maker"
    photo = read_photo(png_with((b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0")), behind_pixels=True))
    assert photo.pixels.shape[-2:] == (32, 24)
    assert photo.metadata.exif is not None and b"Maker" in photo.metadata.exif


def test_exif_of_imagemagicks_older_pngs_is_read() -> None:
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    blob = exif.tobytes() if exif.tobytes().startswith(b"Exif") else b"Exif\0\0" + exif.tobytes()
    text = b"\nexif\n%8d\n%s\n" % (len(blob), blob.hex().encode())
    photo = read_photo(png_with((b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(text))))
    assert photo.metadata.exif is not None and b"Maker" in photo.metadata.exif
    assert photo.metadata.text == ()
    damaged = read_photo(png_with((b"tEXt", b"Raw profile type exif\0\nexif\n 9\n00")))
    assert damaged.notes == ("its raw profile 'exif' is damaged and was left out",)


def test_the_first_of_several_exif_segments_counts_and_a_broken_one_is_said() -> None:
    first, second = Image.Exif(), Image.Exif()
    first[0x010F], second[0x010F] = "First", "Second"
    blobs = [b"Exif\0\0" + each.tobytes().removeprefix(b"Exif\0\0") for each in (first, second)]
    photo = read_photo(jpeg_with(*[(0xE1, blob) for blob in blobs]))
    assert photo.metadata.exif is not None and b"First" in photo.metadata.exif
    photo = read_photo(jpeg_with((0xE1, b"Exif\0\0nothing"), (0xE1, blobs[1])))
    assert photo.metadata.exif is not None and b"Second" in photo.metadata.exif
    assert "its EXIF is damaged (no TIFF header) and was left out" in photo.notes


def test_what_is_cut_anywhere_in_its_metadata_never_crashes() -> None:
    whole = jpeg_with((0xED, PHOTOSHOP + resource(2000, b"x") + resource(0x0404, CAPTION)), (0xFE, b"comment"))
    for cut in range(2, 200):
        list(jpeg_segments(whole[:cut]))
    block = resource(0x0404, CAPTION) + resource(2000, b"abc")
    for cut in range(len(block)):
        iptc_of(block[:cut])
    png = texts_png()
    for cut in range(8, len(png)):
        list(png_chunks(png[:cut]))
    assert chunk(b"tEXt", b"") in png_with((b"tEXt", b""))
