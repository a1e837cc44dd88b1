"""Pictures for the page are made once, kept within bounds, of bounded size, and true in colour."""

import io
import threading

import pytest
import pyvips
from candidate_folders import png
from PIL import Image

from ttpo_cli.errors import TtpoError
from ttpo_cli.pick_page.previews import SIZES, Previews


@pytest.fixture
def files(tmp_path):
    paths = [tmp_path / f"{number}.png" for number in range(4)]
    for path in paths:
        path.write_bytes(png((8, 8), "red"))
    return paths


def counting(size=1000):
    made = []

    def make(file, side, quality):
        made.append((file.name, side))
        return b"x" * size

    return made, make


def test_a_picture_is_made_once_for_each_size_and_again_when_the_file_changes(files):
    made, make = counting()
    previews = Previews(make=make)
    for side in (1600, 1600, 65500, 1600):
        previews.picture(files[0], side)
    assert made == [("0.png", 1600), ("0.png", 65500)]
    files[0].write_bytes(png((9, 8), "blue"))
    previews.picture(files[0], 1600)
    assert len(made) == 3


def test_no_more_is_kept_than_there_is_room_for_and_the_least_recent_goes(files):
    made, make = counting(size=400)
    previews = Previews(room=1000, make=make)
    for number in (0, 1, 0, 2, 0, 1):
        previews.picture(files[number], 1600)
    assert [name for name, _ in made] == ["0.png", "1.png", "2.png", "1.png"]


def test_one_that_is_larger_than_the_room_is_shown_nevertheless(files):
    _, make = counting(size=5000)
    assert len(Previews(room=1000, make=make).picture(files[0], 1600)) == 5000


def test_many_who_ask_at_once_wait_for_one(files):
    made, make = counting()
    go = threading.Barrier(8)

    def slow(file, side, quality):
        threading.Event().wait(0.05)
        return make(file, side, quality)

    previews, got = Previews(make=slow), []

    def want():
        go.wait()
        got.append(previews.picture(files[0], 1600))

    threads = [threading.Thread(target=want) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1 and len(got) == 8


def test_a_failure_is_told_and_does_not_stay(files):
    calls = []

    def make(file, side, quality):
        calls.append(file)
        if len(calls) == 1:
            raise TtpoError("damaged")
        return b"sound"

    previews = Previews(make=make)
    with pytest.raises(TtpoError, match="damaged"):
        previews.picture(files[0], 1600)
    assert previews.picture(files[0], 1600) == b"sound"
    files[1].unlink()
    with pytest.raises(TtpoError, match="is gone"):
        previews.picture(files[1], 1600)


def test_a_large_16_bit_picture_is_shown_small_and_whole_with_the_colours_it_has(tmp_path):
    path = tmp_path / "00.png"
    deep = pyvips.Image.black(2000, 900, bands=3).linear(1, [60000, 30000, 9000]).cast("ushort").copy(interpretation="rgb16")
    deep.write_to_file(str(path))
    previews = Previews()
    for size, expected in (("view", (1600, 720)), ("full", (2000, 900))):
        shown = Image.open(io.BytesIO(previews.picture(path, SIZES[size])))
        assert (shown.format, shown.mode, shown.size) == ("JPEG", "RGB", expected)
        assert all(abs(a - b / 257) <= 2 for a, b in zip(shown.getpixel((50, 50)), (60000, 30000, 9000), strict=True))


def test_fine_colour_is_not_thinned_out(tmp_path):
    """Candidates differ in grain: red and green dots, equally bright, stay apart."""
    picture = Image.new("RGB", (64, 64))
    picture.putdata([(200, 60, 60) if (x + y) % 2 else (60, 130, 60) for y in range(64) for x in range(64)])
    picture.save(tmp_path / "00.png")
    shown = Image.open(io.BytesIO(Previews().picture(tmp_path / "00.png", SIZES["view"])))
    one, other = shown.getpixel((20, 20)), shown.getpixel((21, 20))
    assert abs(one[0] - other[0]) > 90
