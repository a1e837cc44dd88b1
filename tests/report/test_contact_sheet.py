"""A contact sheet shows each image's own pixels over its own label."""

import pytest
import torch

from ttpo_cli.report.contact_sheet import contact_sheet, from_pillow, most_different, stacked, to_pillow


def flat(*values, height=20, width=30):
    return torch.stack([torch.full((3, height, width), value) for value in values])


def test_pillow_and_back_changes_nothing_on_the_8_bit_grid():
    image = torch.randint(0, 256, (1, 3, 5, 7)) / 255
    assert torch.equal(from_pillow(to_pillow(image)), image)


@pytest.mark.parametrize("whole", [True, False])
def test_every_image_appears_once_in_reading_order(whole):
    sheet = contact_sheet(flat(0.2, 0.4, 0.6, 0.8, 1.0), list("abcde"), columns=3, whole=whole)
    found = []
    for value in (51, 102, 153, 204, 255):
        places = (sheet[0] * 255).round().eq(value).all(dim=0).nonzero()
        assert len(places) >= 20 * 30
        found.append(tuple(places[0].tolist()))
    assert found == sorted(found)


def test_labels_are_drawn_below_their_image():
    bare = contact_sheet(flat(0.5), [""])
    labelled = contact_sheet(flat(0.5), ["label"])
    rows = (bare != labelled).any(dim=1)[0].any(dim=1).nonzero()
    assert len(rows) and int(rows.min()) >= 8 + 20


def test_a_long_label_does_not_run_into_its_neighbour():
    short, long = (contact_sheet(flat(0.5, 0.5), [label, ""], columns=2) for label in ("x", "x" * 200))
    neighbour = short.shape[-1] // 2 + 4
    assert torch.equal(short[..., neighbour:], long[..., neighbour:])
    assert not torch.equal(short[..., :neighbour], long[..., :neighbour])


def test_large_images_are_shrunk_to_the_cell_and_small_ones_never_enlarged():
    large = contact_sheet(flat(0.5, height=400, width=800), [""], cell=100)
    small = contact_sheet(flat(0.5, height=10, width=10), [""], cell=100)
    assert large.shape[-1] == 100 + 16
    assert int((small * 255).round().eq(128).all(dim=1).sum()) == 100


def test_the_crop_is_where_the_images_differ_most():
    images = flat(0.5, 0.5, 0.5, height=64, width=96)
    images[1, :, 40:56, 64:80] = 1
    top, left = most_different(images, 16)
    assert abs(top - 40) <= 2 and abs(left - 64) <= 2
    assert most_different(images, 500) == (0, 0)


def test_stacked_sheets_keep_their_pixels_and_their_order():
    first, second = torch.rand(1, 3, 4, 9), torch.rand(1, 3, 5, 6)
    sheet = stacked([first, second])
    assert sheet.shape == (1, 3, 9, 9)
    assert torch.equal(sheet[..., :4, :], first) and torch.equal(sheet[..., 4:, :6], second)
    assert sheet[..., 4:, 6:].std(dim=(-2, -1)).max() == 0
