"""Colours that a file states by numbers: the written file looks as the input did to a viewer that honours them."""

import io
import struct
import zlib

import numpy as np
import pytest
import pyvips
from metadata_files import chunk, jpeg_with, png16_with, png_with, segment
from PIL import Image, ImageCms

from ttpo_cli.imaging.containers.png import png_chunks
from ttpo_cli.imaging.icc import REC709, SRGB, is_usable, matrix_profile, srgb_values, to_xyz
from ttpo_cli.imaging.metadata.colour import CURVES, PRIMARIES
from ttpo_cli.imaging.photo import Photo
from ttpo_cli.imaging.reading import read_photo
from ttpo_cli.imaging.writing import write_photo
from ttpo_cli.settings.output import Encoding

# Every step of 8 bits lies on one of 16, so that a profile can be tried with 8.
VALUES = np.random.default_rng(2).integers(0, 256, (32, 32, 3)).astype(np.uint16) * 257
# Display P3 and BT.2020 to sRGB in linear light, as CSS Color 4 publishes them by way of XYZ (rounded).
P3_TO_SRGB = np.array([[1.2249, -0.2247, 0.0], [-0.0421, 1.0421, 0.0], [-0.0196, -0.0786, 1.0979]])
REC2020_TO_SRGB = np.array([[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]])
P3, REC2020 = ((0.68, 0.32), (0.265, 0.69), (0.15, 0.06)), ((0.708, 0.292), (0.17, 0.797), (0.131, 0.046))
D65 = (0.3127, 0.329)


def gama(gamma: float) -> tuple[bytes, bytes]:
    return b"gAMA", struct.pack(">I", round(gamma * 100000))


def chrm(primaries, white=D65) -> tuple[bytes, bytes]:
    return b"cHRM", struct.pack(">8I", *(round(value * 100000) for point in (white, *primaries) for value in point))


def shown(data: bytes) -> np.ndarray:
    """What a viewer with colour management shows of a file, in sRGB's values: its 16 bits where it has no profile, else 8 through lcms."""
    image = pyvips.Image.new_from_buffer(data, "")
    values = image.numpy()
    values = values.astype(float) / np.iinfo(values.dtype).max
    if not image.get_typeof("icc-profile-data"):
        return values
    eight = Image.fromarray(np.round(values * 255).astype(np.uint8))
    profiles = io.BytesIO(image.get("icc-profile-data")), ImageCms.createProfile("sRGB")
    seen = ImageCms.profileToProfile(eight, *profiles, renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC)
    return np.asarray(seen) / 255


def written(photo: Photo, format: str = "png", **options) -> bytes:
    data = write_photo(None, photo, Encoding(format=format, **options))
    assert isinstance(data, bytes)
    return data


def expected(light: np.ndarray, matrix: np.ndarray | None = None) -> np.ndarray:
    return srgb_values(light if matrix is None else light @ matrix.T)


@pytest.mark.parametrize(
    "chunks",
    [
        [gama(0.45455)],
        [gama(0.45455), chrm(REC709[:3])],
        [chrm(REC709[:3])],
        [(b"sRGB", b"\0"), gama(1.0), chrm(P3)],  # sRGB goes before
        [(b"cICP", bytes((1, 13, 0, 1))), gama(1.0), chrm(P3)],
        [gama(0.0)],
        [(b"gAMA", b"\0")],
        [(b"cICP", bytes((2, 2, 0, 1)))],
    ],
    ids=["gamma", "gamma and primaries", "primaries", "sRGB", "cICP", "no gamma", "short", "unspecified"],
)
def test_what_is_srgb_or_says_nothing_changes_neither_values_nor_profile(chunks) -> None:
    photo = read_photo(png16_with(VALUES, *chunks))
    assert photo.metadata.icc is None and photo.notes == ()
    np.testing.assert_allclose(photo.pixels[0].permute(1, 2, 0).numpy(), VALUES / 65535, atol=1e-6)


@pytest.mark.parametrize("gamma", [1.0, 0.25])
def test_linear_light_and_rare_gammas_are_exchanged_for_srgbs_curve(gamma: float) -> None:
    photo = read_photo(png16_with(VALUES, gama(gamma)))
    assert photo.metadata.icc is None
    assert "exchanged for sRGB's curve" in photo.notes[0]
    np.testing.assert_allclose(shown(written(photo)), expected((VALUES / 65535) ** (1 / gamma)), atol=2e-4)


@pytest.mark.parametrize(("gamma", "exponent"), [(0.55556, 1.8), (0.41667, 2.4)])
def test_a_gamma_of_a_screen_stays_and_becomes_a_profile_in_every_format(gamma: float, exponent: float) -> None:
    photo = read_photo(png16_with(VALUES, gama(gamma)))
    np.testing.assert_allclose(photo.pixels[0].permute(1, 2, 0).numpy(), VALUES / 65535, atol=1e-6)
    for format in ("png", "tiff"):
        np.testing.assert_allclose(shown(written(photo, format)), expected((VALUES / 65535) ** exponent), atol=1.1 / 255)
    for format in ("jpeg", "webp"):
        image = pyvips.Image.new_from_buffer(written(photo, format), "")
        assert image.get("icc-profile-data") == photo.metadata.icc


@pytest.mark.parametrize(
    ("chunks", "matrix", "light"),
    [
        ([chrm(P3)], P3_TO_SRGB, SRGB.light),
        ([chrm(P3), gama(0.45455)], P3_TO_SRGB, lambda stored: stored**2.2),
        ([chrm(P3), gama(1.0)], P3_TO_SRGB, lambda stored: stored),
        ([chrm(REC2020), gama(0.5)], REC2020_TO_SRGB, lambda stored: stored**2.0),
        ([(b"cICP", bytes((12, 13, 0, 1))), (b"sRGB", b"\0")], P3_TO_SRGB, SRGB.light),
        ([(b"cICP", bytes((9, 8, 0, 1)))], REC2020_TO_SRGB, lambda stored: stored),
        ([(b"cICP", bytes((12, 4, 0, 1)))], P3_TO_SRGB, lambda stored: stored**2.2),
        ([(b"cICP", bytes((9, 14, 0, 1)))], REC2020_TO_SRGB, CURVES[1].light),
    ],
    ids=["P3", "P3 2.2", "P3 linear", "2020", "cICP P3", "cICP 2020 linear", "cICP P3 2.2", "cICP 2020"],
)
def test_wide_primaries_look_as_they_did(chunks, matrix, light) -> None:
    photo = read_photo(png16_with(VALUES, *chunks))
    assert photo.metadata.icc is not None and is_usable(photo.metadata.icc)
    linear = light(VALUES / 65535)
    inside = ((linear @ matrix.T > 0.04) & (linear @ matrix.T < 0.99)).all(axis=-1)  # of sRGB
    assert inside.sum() > 100
    np.testing.assert_allclose(shown(written(photo))[inside], expected(linear, matrix)[inside], atol=3 / 255)
    ignored = np.abs(expected(linear, matrix) - VALUES / 65535)[inside].max()
    assert ignored > 10 / 255  # so much it would differ


def test_cicp_goes_before_a_profile_and_a_profile_before_the_other_chunks() -> None:
    profile = (b"iCCP", b"p\0\0" + zlib.compress(pyvips.Image.profile_load("p3")))
    assert read_photo(png16_with(VALUES, profile, (b"sRGB", b"\0"), gama(1.0))).metadata.icc == pyvips.Image.profile_load("p3")
    assert read_photo(png16_with(VALUES, (b"cICP", bytes((1, 13, 0, 1))), profile)).metadata.icc is None
    wide = read_photo(png16_with(VALUES, (b"cICP", bytes((9, 13, 0, 1))), profile)).metadata.icc
    assert wide == matrix_profile("From the photo's file", PRIMARIES[9], SRGB)


def test_a_grey_picture_has_its_gamma_applied_so_that_every_format_holds_it() -> None:
    photo = read_photo(png16_with(VALUES[..., 1], gama(1.0), chrm(P3)))
    assert photo.grey and photo.metadata.icc is None
    np.testing.assert_allclose(shown(written(photo)), expected(VALUES[..., 1] / 65535), atol=2e-4)
    assert read_photo(written(photo, "webp")).metadata.icc is None


def test_an_8_bit_linear_picture_with_transparency_keeps_its_alpha() -> None:
    rgba = np.random.default_rng(1).integers(0, 256, (8, 8, 4), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(rgba).save(stream, "PNG")
    data = stream.getvalue()
    photo = read_photo(data[:33] + chunk(*gama(1.0)) + data[33:])
    assert photo.alpha is not None
    np.testing.assert_allclose(photo.alpha[0, 0].numpy(), rgba[..., 3] / 255, atol=1e-6)
    np.testing.assert_allclose(photo.pixels[0].permute(1, 2, 0).numpy(), srgb_values(rgba[..., :3] / 255), atol=1e-6)


def test_the_narrow_range_is_spread() -> None:
    narrow = np.round(16 * 256 + VALUES / 65535 * 219 * 256).astype(np.uint16)
    photo = read_photo(png16_with(narrow, (b"cICP", bytes((1, 13, 0, 0)))))
    np.testing.assert_allclose(photo.pixels[0].permute(1, 2, 0).numpy(), VALUES / 65535, atol=2e-5)
    eight = np.round(16 + VALUES / 65535 * 219).astype(np.uint8)
    photo = read_photo(png_with((b"cICP", bytes((1, 13, 0, 0))), samples=eight))
    np.testing.assert_allclose(photo.pixels[0].permute(1, 2, 0).numpy(), VALUES / 65535, atol=0.6 / 219)


@pytest.mark.parametrize(("transfer", "name", "white"), [(16, "PQ", 0.5807), (18, "HLG", 0.75)])
def test_hdr_stays_as_it_is_in_png_and_has_its_white_in_other_formats(transfer: int, name: str, white: float) -> None:
    light = [(b"mDCV", bytes(24)), (b"cLLI", bytes(8))]
    photo = read_photo(png16_with(VALUES, (b"cICP", bytes((9, transfer, 0, 1))), *light))
    assert name in photo.notes[0] and photo.metadata.dropped == ()
    np.testing.assert_allclose(photo.pixels[0].permute(1, 2, 0).numpy(), VALUES / 65535, atol=1e-6)
    data = written(photo)
    chunks = {part.name: part.data for part in png_chunks(data)}
    assert chunks["cICP"] == bytes((9, transfer, 0, 1)) and {"mDCV", "cLLI", "iCCP"} <= set(chunks)
    assert read_photo(data).metadata.colour_chunks == photo.metadata.colour_chunks
    # BT.2408: diffuse white is 203 cd/m2, 58 % of PQ's values and 75 % of HLG's.
    flat = read_photo(png16_with(np.full((8, 8, 3), round(white * 65535), np.uint16), (b"cICP", bytes((9, transfer, 0, 1)))))
    np.testing.assert_allclose(shown(written(flat, "tiff")), 1, atol=0.01)
    assert "cICP" not in {part.name for part in png_chunks(written(photo, keep=frozenset({"exif"})))}


def test_numbers_that_are_not_known_are_carried_on_and_said() -> None:
    photo = read_photo(png16_with(VALUES, (b"cICP", bytes((9, 10, 0, 1)))))
    assert "primaries 9, transfer 10" in photo.notes[0]
    assert photo.metadata.colour_chunks == (("cICP", bytes((9, 10, 0, 1))),)


@pytest.mark.parametrize("primaries", [((0.3, 0.3),) * 3, ((0.64, 0.0), *REC709[1:3]), ((30.0, 30.0), *REC709[1:3])])
def test_primaries_that_cannot_be_are_left_out_and_said(primaries) -> None:
    photo = read_photo(png16_with(VALUES, chrm(primaries)))
    assert photo.metadata.icc is None
    assert photo.notes == ("its cHRM chunk names no colours that can be, and was left out",)


def test_the_matrices_of_known_primaries_are_the_published_ones() -> None:
    back = np.linalg.inv(to_xyz(REC709))
    np.testing.assert_allclose(back @ to_xyz(PRIMARIES[12]), P3_TO_SRGB, atol=4e-4)
    np.testing.assert_allclose(back @ to_xyz(PRIMARIES[9]), REC2020_TO_SRGB, atol=4e-4)
    for primaries in PRIMARIES.values():
        assert is_usable(matrix_profile("any", primaries, SRGB))


def avif(primaries: int, transfer: int) -> bytes:
    """An AVIF whose colour box says these numbers."""
    stream = io.BytesIO()
    Image.fromarray((VALUES >> 8).astype(np.uint8)).save(stream, "AVIF", quality=100, subsampling="4:4:4")
    data = stream.getvalue()
    at = data.index(b"nclx") + 4
    return data[:at] + struct.pack(">HH", primaries, transfer) + data[at + 4 :]


def test_an_avif_without_a_profile_keeps_the_colours_of_its_numbers() -> None:
    assert read_photo(avif(1, 13)).metadata.icc is None
    wide = read_photo(avif(12, 13))
    assert wide.metadata.icc == matrix_profile("From the photo's file", PRIMARIES[12], SRGB)
    assert dict(read_photo(avif(9, 16)).metadata.colour_chunks) == {"cICP": bytes((9, 16, 0, 1))}


GOOD, GREY = pyvips.Image.profile_load("srgb"), matrix_profile("grey", REC709, SRGB).replace(b"mntrRGB ", b"mntrGRAY")


def with_profile(format: str, profile: bytes) -> bytes:
    if format == "png":
        return png_with((b"iCCP", b"p\0\0" + zlib.compress(profile)))
    if format == "jpeg":
        return jpeg_with((0xE2, b"ICC_PROFILE\0\1\1" + profile))
    stream = io.BytesIO()
    Image.fromarray((VALUES >> 8).astype(np.uint8)).save(stream, format, icc_profile=profile)
    return stream.getvalue()


@pytest.mark.parametrize("format", ["png", "jpeg", "tiff", "webp", "avif"])
@pytest.mark.parametrize(
    ("profile", "note"),
    [
        (b"bad", "its colour profile is damaged and was left out"),
        (GOOD[:100], "its colour profile is damaged and was left out"),
        (GOOD[:300], "its colour profile is damaged and was left out"),
        (bytes(36) + GOOD[36:], "its colour profile is damaged and was left out"),
        (GREY, "its colour profile is for GRAY and not for RGB, and was left out"),
    ],
    ids=["three bytes", "no header", "cut", "no size", "grey"],
)
def test_a_profile_that_cannot_be_used_gets_the_same_note_in_every_format(format: str, profile: bytes, note: str) -> None:
    photo = read_photo(with_profile(format, profile))
    assert photo.metadata.icc is None
    assert photo.notes in ((note,), ("it is a AVIF file, which ttpo reads and does not write", note))
    assert read_photo(with_profile(format, GOOD)).metadata.icc == GOOD


def test_a_profile_that_does_not_unpack_or_lacks_a_piece_is_said() -> None:
    note = ("its colour profile is damaged and was left out",)
    assert read_photo(png_with((b"iCCP", b"p\0\0no stream"))).notes == note
    assert read_photo(png_with((b"iCCP", b"p\0\0" + zlib.compress(bytes(2**25 + 1))))).notes == note
    assert read_photo(jpeg_with((0xE2, b"ICC_PROFILE\0\1\2" + GOOD[:300]))).notes == note
    pieces = [(0xE2, b"ICC_PROFILE\0" + bytes((index + 1, 2)) + part) for index, part in enumerate((GOOD[:300], GOOD[300:]))]
    assert read_photo(jpeg_with(*reversed(pieces))).metadata.icc == GOOD
    assert segment(0xE2, b"")[:2] == b"\xff\xe2"


def test_after_a_profile_that_cannot_be_used_the_other_chunks_count() -> None:
    photo = read_photo(png16_with(VALUES, (b"iCCP", b"p\0\0" + zlib.compress(b"bad")), chrm(P3)))
    assert photo.metadata.icc == matrix_profile("From the photo's file", PRIMARIES[12], SRGB)
    assert photo.notes[0] == "its colour profile is damaged and was left out"


def test_a_profile_of_ours_is_one_to_lcms() -> None:
    profile = ImageCms.ImageCmsProfile(io.BytesIO(matrix_profile("P3", PRIMARIES[12], SRGB)))
    assert ImageCms.getProfileDescription(profile).strip() == "P3"
    known = ImageCms.ImageCmsProfile(io.BytesIO(pyvips.Image.profile_load("p3"))).profile
    for name in ("red_colorant", "green_colorant", "blue_colorant"):
        np.testing.assert_allclose(getattr(profile.profile, name)[0], getattr(known, name)[0], atol=2e-3)
