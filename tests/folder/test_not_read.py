"""Files that look like photos: which are read, which are not, and why."""

from pathlib import Path

import pytest

from ttpo_cli.folder.not_read import NotRead, in_words, looks_like_photo, why_not_read

JPEG = b"\xff\xd8\xff\xe0" + bytes(60)
CASES = {
    "a.jpg": (b"", None),  # damage is an error of that photo
    "a.gif": (b"GIF89a", None),
    "a.mpo": (JPEG, None),
    "a.heic": (JPEG, None),
    "named": (JPEG, None),
    "b.heic": (b"\0\0\0\x18ftypheic" + bytes(50), "HEIC"),
    "c.dng": (b"II*\0" + bytes(50), "camera raw"),
    "d.psd": (b"8BPS\0\1" + bytes(50), "Photoshop"),
    "e.tga": (bytes(60), "a TGA image"),
    "f.jxl": (b"\xff\x0a" + bytes(50), "JPEG XL"),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_read_and_what_is_not(tmp_path, name):
    content, reason = CASES[name]
    (tmp_path / name).write_bytes(content)
    assert looks_like_photo(tmp_path / name)
    found = why_not_read(tmp_path / name)
    assert (found is None) == (reason is None)
    assert reason is None or (reason in found and "convert it" in found)


@pytest.mark.parametrize(
    ("name", "content"), [("notes.txt", JPEG), ("README", b"a text"), ("Thumbs.db", bytes(60)), ("film.mov", bytes(9))]
)
def test_what_does_not_look_like_a_photo_is_left_alone(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    assert not looks_like_photo(tmp_path / name)


def test_a_line_a_reason():
    found = [NotRead(source=Path(f"{i}.heic"), inside=Path(f"{i}.heic"), root=Path("o"), reason="is new") for i in range(5)]
    other = NotRead(source=Path("a.dng"), inside=Path("deep/a.dng"), root=Path("o"), reason="is raw")
    assert list(in_words([*found, other])) == [
        "not read: 5 files (0.heic, 1.heic, 2.heic, ...): is new",
        "not read: 1 file (deep/a.dng): is raw",
    ]
