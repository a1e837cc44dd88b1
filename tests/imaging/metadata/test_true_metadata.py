"""Fields that speak of size, place or contents are true of the written file, as exiftool reads it where it is installed, and as we do."""

import hashlib
import io
import json
import shutil
import struct
import subprocess
from pathlib import Path

import pytest
import torch
from metadata_files import SAMPLES, jpeg_with, png_with
from PIL import Image
from PIL.TiffImagePlugin import IFDRational

from ttpo_cli.imaging.containers.jpeg import jpeg_segments
from ttpo_cli.imaging.metadata.change import Change
from ttpo_cli.imaging.metadata.true_xmp import true_xmp
from ttpo_cli.imaging.metadata.xmp_rules import GONE, GPANO, PLACED
from ttpo_cli.imaging.photo import with_pixels
from ttpo_cli.imaging.reading import read_photo
from ttpo_cli.imaging.writing import losses, write_photo
from ttpo_cli.imaging.xmp_tree import properties, read_tree
from ttpo_cli.settings.output import Encoding

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
NAMESPACES = {
    "tiff": "http://ns.adobe.com/tiff/1.0/",
    "exif": "http://ns.adobe.com/exif/1.0/",
    "crs": "http://ns.adobe.com/camera-raw-settings/1.0/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "dc": "http://purl.org/dc/elements/1.1/",
    "hdrgm": "http://ns.adobe.com/hdr-gain-map/1.0/",
    "GPano": GPANO,
    "GCamera": "http://ns.google.com/photos/1.0/camera/",
    "Container": "http://ns.google.com/photos/1.0/container/",
    "Item": "http://ns.google.com/photos/1.0/container/item/",
    "mwg-rs": "http://www.metadataworkinggroup.com/schemas/regions/",
    "stDim": "http://ns.adobe.com/xap/1.0/sType/Dimensions#",
    "stArea": "http://ns.adobe.com/xmp/sType/Area#",
    "MP": "http://ns.microsoft.com/photo/1.2/",
    "MPRI": "http://ns.microsoft.com/photo/1.2/t/RegionInfo#",
    "MPReg": "http://ns.microsoft.com/photo/1.2/t/Region#",
    "ext": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
}


def packet(attributes: str = "", content: str = "", names: dict[str, str] = NAMESPACES) -> bytes:
    declared = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in names.items())
    inner = f'<rdf:Description rdf:about="" {declared} {attributes}>{content}</rdf:Description>'
    return f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{RDF}">{inner}</rdf:RDF></x:xmpmeta>'.encode()


def exif(orientation: int, area: tuple[int, ...] = (10, 20, 8, 6)) -> bytes:
    """Of a stored picture of 32 by 24."""
    made = Image.Exif()
    made[0x0112], made[0x010F] = orientation, "Maker"
    made[0x0103], made[0x0213] = 6, 2
    made[0x011A], made[0x011B] = 300.0, 150.0
    photo = made.get_ifd(0x8769)
    photo[0xA002], photo[0xA003], photo[0x9102] = 32, 24, IFDRational(4, 1)
    photo[0x9214], photo[0xA214] = area, (10, 20)
    photo[0xA20E], photo[0xA20F] = IFDRational(1000, 1), IFDRational(500, 1)
    return b"Exif\0\0" + made.tobytes().removeprefix(b"Exif\0\0")


def result(data: bytes, scale: int = 4, format: str = "jpeg") -> bytes:
    """The file as it is written, so many times as large."""
    photo = read_photo(data)
    height, width = photo.pixels.shape[-2:]
    written = write_photo(None, with_pixels(photo, torch.rand(1, 3, scale * height, scale * width)), Encoding(format=format))
    assert isinstance(written, bytes)
    return written


def said(data: bytes) -> dict[str, str]:
    """The simple properties of a file's XMP by prefix and name, as our reader gives them."""
    xmp = read_photo(data).metadata.xmp
    root = None if xmp is None else read_tree(xmp)
    prefixes = {uri: prefix for prefix, uri in NAMESPACES.items()}
    found = {} if root is None else {each.name: each.slot.value for each in properties(root) if each.slot is not None}
    return {f"{prefixes.get(name.split(' ')[0])}:{name.split(' ')[1]}": value for name, value in found.items()}


def regions(data: bytes) -> dict[str, str]:
    """Local name -> value of every simple field within the photo's properties."""
    xmp = read_photo(data).metadata.xmp
    root = None if xmp is None else read_tree(xmp)
    assert root is not None
    return {name.split(" ")[1]: slot.value for one in root.descendants() for name, slot in one.own_fields().items()}


def by_exiftool(data: bytes, folder: Path) -> dict[str, object]:
    """What exiftool reads, numbers as they are; skips where it is not installed."""
    if shutil.which("exiftool") is None:
        pytest.skip("needs exiftool")
    path = folder / "photo.jpg"
    path.write_bytes(data)
    done = subprocess.run(["exiftool", "-j", "-n", "-G1", "-struct", str(path)], capture_output=True, text=True, check=True)
    assert "Warning" not in done.stdout
    return json.loads(done.stdout)[0]


def xmp_jpeg(xmp: bytes, orientation: int | None = None, area: tuple[int, ...] = (10, 20, 8, 6)) -> bytes:
    segments = [] if orientation is None else [(0xE1, exif(orientation, area))]
    return jpeg_with(*segments, (0xE1, b"http://ns.adobe.com/xap/1.0/\0" + xmp))


SIZES = {"tiff:ImageWidth": "32", "tiff:ImageLength": "24", "exif:PixelXDimension": "32", "exif:PixelYDimension": "24"}
STALE = {
    "hdrgm:Version": "1.0",
    "GCamera:MotionPhoto": "1",
    "GCamera:MicroVideoOffset": "5000",
    "exif:CompressedBitsPerPixel": "4/1",
    "tiff:Compression": "6",
}


@pytest.mark.parametrize("shape", ["attributes", "elements", "other prefixes"])
def test_sizes_and_orientation_are_set_and_promises_taken_out(shape: str, tmp_path: Path) -> None:
    stated = {**SIZES, "tiff:Orientation": "6", "dc:format": "image/png", "xmp:Rating": "4", **STALE}
    attributes = " ".join(f'{name}="{value}"' for name, value in stated.items())
    elements = "".join(f"<{name}>{value}</{name}>" for name, value in stated.items())
    item = '<rdf:li rdf:parseType="Resource"><Container:Item Item:Semantic="GainMap"/></rdf:li>'
    items = f"<Container:Directory><rdf:Seq>{item}</rdf:Seq></Container:Directory>"
    xmp = packet("", elements + items) if shape == "elements" else packet(attributes, items)
    if shape == "other prefixes":
        for prefix in NAMESPACES:
            xmp = xmp.replace(f"xmlns:{prefix}=".encode(), f"xmlns:q{prefix}=".encode())
            for around in (b" ", b"<", b"</"):
                xmp = xmp.replace(around + f"{prefix}:".encode(), around + f"q{prefix}:".encode())
    written = result(xmp_jpeg(xmp))
    values = {name: {"32": "128", "24": "96"}[value] for name, value in SIZES.items()}
    assert said(written) == {**values, "tiff:Orientation": "1", "dc:format": "image/jpeg", "xmp:Rating": "4"}
    assert not any(uri.encode() + b'"' in written and b"GainMap" in written for uri in GONE)
    read = by_exiftool(written, tmp_path)
    assert read["XMP-tiff:ImageWidth"] == 128 and read["XMP-exif:ExifImageHeight"] == 96 and read["XMP-dc:Format"] == "image/jpeg"
    assert not [name for name in read if name.startswith(("XMP-hdrgm", "XMP-GCamera", "XMP-Container"))]


def panorama(width: int, height: int) -> bytes:
    numbers = {"CroppedAreaImageWidthPixels": width, "CroppedAreaImageHeightPixels": height, "FullPanoWidthPixels": 51}
    numbers |= {"FullPanoHeightPixels": 24, "CroppedAreaLeftPixels": 7, "CroppedAreaTopPixels": 0}
    return packet(" ".join(f'GPano:{name}="{value}"' for name, value in numbers.items()) + ' GPano:ProjectionType="equirectangular"')


def test_a_panoramas_sizes_grow_with_the_picture_and_go_where_it_was_turned(tmp_path: Path) -> None:
    written = result(xmp_jpeg(panorama(32, 24)), scale=3)
    found = said(written)
    assert found["GPano:CroppedAreaImageWidthPixels"] == "96" and found["GPano:CroppedAreaLeftPixels"] == "21"
    assert found["GPano:FullPanoWidthPixels"] == "153" and found["GPano:ProjectionType"] == "equirectangular"
    assert not any(name.startswith("GPano") for name in said(result(xmp_jpeg(panorama(32, 24), 6))))
    assert said(result(xmp_jpeg(panorama(24, 32), 6)))["GPano:CroppedAreaImageWidthPixels"] == "96"  # it spoke of the upright one
    assert by_exiftool(written, tmp_path)["XMP-GPano:FullPanoWidthPixels"] == 153


def test_parts_of_a_panorama_stay_within_the_whole_at_every_size() -> None:
    xmp = packet('GPano:CroppedAreaImageWidthPixels="32" GPano:FullPanoWidthPixels="33" GPano:CroppedAreaLeftPixels="1"')
    for width in range(33, 130):
        made = true_xmp(xmp, Change(before=(32, 24), after=(width, 24))).packet
        root = None if made is None else read_tree(made)
        assert root is not None
        found = {each.name.split()[1]: int(each.slot.value) for each in properties(root) if each.slot is not None}
        assert found["CroppedAreaImageWidthPixels"] == width
        assert found["CroppedAreaLeftPixels"] + width <= found["FullPanoWidthPixels"]


def faces(width: int = 32, height: int = 24, unit: str = "normalized", place=(0.25, 0.1, 0.2, 0.1), nested: bool = False) -> bytes:
    x, y, w, h = place
    area = f'stArea:x="{x}" stArea:y="{y}" stArea:w="{w}" stArea:h="{h}" stArea:unit="{unit}"'
    if nested:
        fields = "".join(f"<{pair.replace('=', '>').replace(chr(34), '')}</{pair.split('=')[0]}>" for pair in area.split(" "))
        inner = f'<mwg-rs:Area rdf:parseType="Resource">{fields}</mwg-rs:Area>'
    else:
        inner = f"<mwg-rs:Area {area}/>"
    return packet(
        "",
        f'<mwg-rs:Regions rdf:parseType="Resource"><mwg-rs:AppliedToDimensions stDim:w="{width}" stDim:h="{height}" stDim:unit="pixel"/>'
        f'<mwg-rs:RegionList><rdf:Bag><rdf:li><rdf:Description mwg-rs:Name="Anna">{inner}</rdf:Description></rdf:li></rdf:Bag>'
        f"</mwg-rs:RegionList></mwg-rs:Regions>",
    )


# Where a face at 0.25, 0.1 of the stored picture comes to lie, by the meaning of each orientation (TIFF 6.0, page 36).
TURNED = {1: (0.25, 0.1), 2: (0.75, 0.1), 3: (0.75, 0.9), 4: (0.25, 0.9), 5: (0.1, 0.25), 6: (0.9, 0.25), 7: (0.9, 0.75), 8: (0.1, 0.75)}


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("nested", [False, True])
def test_faces_are_turned_with_the_picture(orientation: int, nested: bool, tmp_path: Path) -> None:
    written = result(xmp_jpeg(faces(nested=nested), orientation))
    found = regions(written)
    sideways = orientation >= 5
    assert (float(found["x"]), float(found["y"])) == pytest.approx(TURNED[orientation])
    assert found["Name"] == "Anna"
    read = by_exiftool(written, tmp_path)["XMP-mwg-rs:RegionInfo"]
    assert isinstance(read, dict)
    assert (read["AppliedToDimensions"]["W"], read["AppliedToDimensions"]["H"]) == ((96, 128) if sideways else (128, 96))
    area = read["RegionList"][0]["Area"]
    assert (area["X"], area["Y"]) == pytest.approx(TURNED[orientation])
    assert (area["W"], area["H"]) == pytest.approx((0.1, 0.2) if sideways else (0.2, 0.1))


def test_a_face_lies_where_its_pixels_lie() -> None:
    """The check against pixels, not formulas: a white spot at the face's centre stays under it."""
    samples = SAMPLES * 0
    samples[4:8, 6:10] = 255  # its centre at 8 of 32 and 6 of 24
    for orientation in range(1, 9):
        segments = [(0xE1, exif(orientation)), (0xE1, b"http://ns.adobe.com/xap/1.0/\0" + faces(place=(8 / 32, 6 / 24, 0.125, 1 / 6)))]
        photo = read_photo(jpeg_with(*segments, samples=samples))
        root = read_tree(photo.metadata.xmp or b"")
        assert root is not None
        found = {name.split()[1]: slot.value for one in root.descendants() for name, slot in one.own_fields().items() if "Area#" in name}
        height, width = photo.pixels.shape[-2:]
        weights = photo.pixels[0, 1]
        along = float((weights.sum(dim=1) * (torch.arange(height) + 0.5)).sum() / weights.sum()) / height
        across = float((weights.sum(dim=0) * (torch.arange(width) + 0.5)).sum() / weights.sum()) / width
        assert (float(found["x"]), float(found["y"])) == pytest.approx((across, along), abs=0.02)


def test_faces_of_the_upright_picture_stay_and_those_in_pixels_grow() -> None:
    found = regions(result(xmp_jpeg(faces(24, 32), 6)))
    assert (float(found["x"]), float(found["y"])) == (0.25, 0.1)
    found = regions(result(xmp_jpeg(faces(unit="pixel", place=(8, 6, 4, 2)))))
    assert (found["x"], found["y"]) == ("32", "24")


def test_regions_of_microsoft_and_of_iptc_are_turned() -> None:
    content = (
        '<MP:RegionInfo rdf:parseType="Resource"><MPRI:Regions><rdf:Bag><rdf:li MPReg:Rectangle="0.1, 0.2, 0.3, 0.4" '
        'MPReg:PersonDisplayName="Anna"/></rdf:Bag></MPRI:Regions></MP:RegionInfo>'
    )
    found = regions(result(xmp_jpeg(packet("", content), 6)))
    assert found["Rectangle"] == "0.4, 0.1, 0.4, 0.3"
    boundary = (
        '<ext:RegionBoundary rdf:parseType="Resource"><ext:rbShape>{}</ext:rbShape><ext:rbUnit>{}</ext:rbUnit>{}</ext:RegionBoundary>'
    )
    region = '<ext:ImageRegion><rdf:Bag><rdf:li rdf:parseType="Resource">{}</rdf:li></rdf:Bag></ext:ImageRegion>'
    corner = "<ext:rbX>8</ext:rbX><ext:rbY>6</ext:rbY><ext:rbW>4</ext:rbW><ext:rbH>3</ext:rbH>"
    found = regions(result(xmp_jpeg(packet("", region.format(boundary.format("rectangle", "pixel", corner))), 6)))
    # 8..12 of 32 across and 6..9 of 24 down: after a turn to the right 15..18 of 24 across and 8..12 of 32 down; all four times as large.
    assert [found[name] for name in ("rbX", "rbY", "rbW", "rbH")] == ["60", "32", "12", "16"]
    circle = "<ext:rbX>0.25</ext:rbX><ext:rbY>0.5</ext:rbY><ext:rbRx>0.3</ext:rbRx>"
    found = regions(result(xmp_jpeg(packet("", region.format(boundary.format("circle", "relative", circle))), 6)))
    assert [found[name] for name in ("rbX", "rbY", "rbRx")] == ["0.5", "0.25", "0.4"]


def test_a_raw_developers_places_go_where_the_picture_was_turned_and_tones_stay() -> None:
    xmp = packet('crs:CropTop="0.1" crs:HasCrop="True" crs:Exposure2012="+0.50"')
    assert said(result(xmp_jpeg(xmp, 6))) == {"crs:Exposure2012": "+0.50"}
    assert said(result(xmp_jpeg(xmp, 1)))["crs:CropTop"] == "0.1"
    assert all(name.startswith(NAMESPACES["crs"]) for name in PLACED)


@pytest.mark.parametrize(
    ("area", "orientation", "expected"),
    [
        ((10, 20, 8, 6), 1, (40, 80, 32, 24)),
        ((10, 20, 8, 6), 6, (16, 40, 24, 32)),
        ((10, 20, 8), 3, (88, 16, 32)),
        ((10, 20), 8, (80, 88)),
    ],
)
def test_exif_is_scaled_turned_and_cleaned(area, orientation: int, expected, tmp_path: Path) -> None:
    written = result(jpeg_with((0xE1, exif(orientation, area))))
    read = Image.open(io.BytesIO(written)).getexif()
    photo = read.get_ifd(0x8769)
    size = (96, 128) if orientation >= 5 else (128, 96)
    assert photo[0x9214] == expected and (photo[0xA002], photo[0xA003]) == size
    assert read[0x0112] == 1 and read[0x0213] == 1 and 0x0103 not in read and 0x9102 not in photo
    assert (read[0x011A], read[0x011B]) == ((150, 300) if orientation >= 5 else (300, 150))
    assert (photo[0xA20E], photo[0xA20F]) == ((2000, 4000) if orientation >= 5 else (4000, 2000))
    found = by_exiftool(written, tmp_path)
    assert found["ExifIFD:SubjectArea"] == " ".join(map(str, expected))
    assert (found["ExifIFD:ExifImageWidth"], found["ExifIFD:ExifImageHeight"]) == size


def test_a_subject_is_placed_by_the_size_that_exif_states() -> None:
    """A program that only made the picture smaller left both as they were."""
    stale = exif(1, (100, 200, 80, 60))
    whole = Image.Exif()
    whole.load(stale)
    photo = whole.get_ifd(0x8769)
    photo[0xA002], photo[0xA003] = 320, 240
    written = result(jpeg_with((0xE1, b"Exif\0\0" + whole.tobytes().removeprefix(b"Exif\0\0"))))
    assert Image.open(io.BytesIO(written)).getexif().get_ifd(0x8769)[0x9214] == (40, 80, 32, 24)


def test_exif_in_xmp_is_scaled_and_turned() -> None:
    lists = "<exif:SubjectArea><rdf:Seq>{}</rdf:Seq></exif:SubjectArea>".format("".join(f"<rdf:li>{n}</rdf:li>" for n in (10, 20, 8, 6)))
    xmp = packet('exif:FocalPlaneXResolution="1000/1" exif:FocalPlaneYResolution="500/1"', lists)
    made = true_xmp(xmp, Change(before=(32, 24), after=(96, 128), orientation=6)).packet
    assert made is not None and b"<rdf:li>16</rdf:li><rdf:li>40</rdf:li><rdf:li>24</rdf:li><rdf:li>32</rdf:li>" in made
    assert b'FocalPlaneXResolution="2000/1"' in made and b'FocalPlaneYResolution="4000/1"' in made


def extended(main: bytes, further: bytes, lose: int | None = None) -> bytes:
    name = hashlib.md5(further).hexdigest().upper()
    main = main.replace(
        b'rdf:about=""', b'rdf:about="" xmlns:note="http://ns.adobe.com/xmp/note/" note:HasExtendedXMP="%s"' % name.encode()
    )
    pieces = [further[at : at + 200] for at in range(0, len(further), 200)]
    head = [name.encode() + struct.pack(">II", len(further), 200 * index) for index in range(len(pieces))]
    segments = [(0xE1, b"http://ns.adobe.com/xmp/extension/\0" + one + two) for one, two in zip(head, pieces, strict=True)]
    if lose is not None:
        del segments[lose]
    return jpeg_with((0xE1, b"http://ns.adobe.com/xap/1.0/\0" + main), *reversed(segments))


def test_extended_xmp_is_joined_made_true_and_divided_again(tmp_path: Path) -> None:
    further = packet('GPano:FullPanoWidthPixels="64" tiff:ImageWidth="32"', "<dc:source>" + "x" * 300 + "</dc:source>")
    photo = read_photo(extended(packet('xmp:Rating="4"'), further))
    assert photo.notes == ()
    written = result(extended(packet('xmp:Rating="4"'), further))
    found = said(written)
    assert (found["xmp:Rating"], found["tiff:ImageWidth"], found["GPano:FullPanoWidthPixels"]) == ("4", "128", "256")
    assert b"HasExtendedXMP" not in written
    long = packet('xmp:Rating="4"', "<dc:source>" + "y" * 150_000 + "</dc:source><dc:relation>short</dc:relation>")
    data = png_with((b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + long))
    assert losses(read_photo(data), Encoding(format="jpeg")) == ()
    written = result(data)
    assert sum(part.data.startswith(b"http://ns.adobe.com/xmp/extension/") for part in jpeg_segments(written)) == 3
    found = said(written)
    assert found["dc:source"] == "y" * 150_000 and found["xmp:Rating"] == "4" and found["dc:relation"] == "short"
    assert said(result(written, 1, "png"))["dc:source"] == "y" * 150_000
    assert len(str(by_exiftool(written, tmp_path)["XMP-dc:Source"])) == 150_000


def test_extended_xmp_of_which_a_piece_is_missing_is_said() -> None:
    photo = read_photo(extended(packet('xmp:Rating="4"'), packet("", "<dc:source>" + "x" * 300 + "</dc:source>"), lose=1))
    assert photo.notes == ("a part of its XMP is missing or damaged and was left out",)
    assert b"HasExtendedXMP" not in (photo.metadata.xmp or b"") and b"Rating" in (photo.metadata.xmp or b"")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-32"])
def test_xmp_in_another_encoding_is_made_true_too(encoding: str) -> None:
    text = packet('tiff:ImageWidth="32"', "<dc:source>Gr\u00f6\u00dfe</dc:source>".encode().decode()).decode().encode(encoding)
    found = said(result(xmp_jpeg(text)))
    assert found == {"tiff:ImageWidth": "128", "dc:source": "Gr\u00f6\u00dfe"}


def test_xmp_that_is_damaged_goes_only_where_it_may_be_untrue() -> None:
    harmless = read_photo(xmp_jpeg(b'<x xmlns:dc="http://purl.org/dc/elements/1.1/">cut'))
    assert harmless.metadata.xmp is not None
    doubtful = read_photo(xmp_jpeg(packet('tiff:Orientation="6"')[:-20]))
    assert doubtful.metadata.xmp is None
    assert doubtful.notes == ("its XMP is damaged and was left out, since it may say what is no longer true",)
    doctype = read_photo(xmp_jpeg(b'<!DOCTYPE a [<!ENTITY b "c">]>' + panorama(32, 24)))
    assert doctype.metadata.xmp is None


def test_what_leaves_with_its_properties_is_named() -> None:
    names = {**NAMESPACES, "GDepth": "http://ns.google.com/photos/1.0/depthmap/", "GImage": "http://ns.google.com/photos/1.0/image/"}
    xmp = packet('GDepth:Data="AAAA" GImage:Data="BBBB" GDepth:Format="RangeInverse"', "<xmp:Thumbnails/>", names)
    photo = read_photo(xmp_jpeg(xmp))
    assert photo.metadata.dropped == ("its depth map", "the picture within its XMP", "its thumbnail")
    assert b"GDepth:" not in (photo.metadata.xmp or b"")


def test_texts_that_describe_the_stored_picture_are_left_out() -> None:
    texts = [(b"tEXt", name + b"\0value") for name in (b"exif:Orientation", b"Thumb::Image::Width", b"png:IHDR.width,height", b"Title")]
    assert [text.keyword for text in read_photo(png_with(*texts)).metadata.text] == ["Title"]


def test_cutting_a_packet_anywhere_never_crashes() -> None:
    whole = faces()
    for cut in range(0, len(whole), 7):
        true_xmp(whole[:cut], Change(before=(32, 24), after=(96, 128), orientation=6))
