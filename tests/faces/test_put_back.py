"""A face that a restorer leaves as it is leaves the photo as it is; one that it changes changes the photo there alone, without a seam."""

import math

import pytest
import torch
from torch.nn import functional

from ttpo_cli.faces.alignment import DLIB, FFHQ, Similarity, aligned, sampled, to_template
from ttpo_cli.faces.face import Face, turned_back
from ttpo_cli.faces.put_back import change, feathered, put_back

GENERATOR = torch.Generator().manual_seed(3)


def made_up(size=80.0, at=(60.0, 60.0), turn=0.0):
    """A face with the template's own points, of this size, turned by radians."""
    points = (torch.tensor(FFHQ.points, dtype=torch.float64) / 512 - 0.5) * size * 2
    turned = torch.stack(
        (math.cos(turn) * points[:, 0] - math.sin(turn) * points[:, 1], math.sin(turn) * points[:, 0] + math.cos(turn) * points[:, 1]),
        dim=1,
    )
    centre = torch.tensor(at, dtype=torch.float64)
    return Face(box=(at[0] - size / 2, at[1] - size / 2, at[0] + size / 2, at[1] + size / 2), points=turned + centre, score=1.0)


def smooth(height, width):
    return functional.interpolate(torch.rand(1, 3, 6, 6, generator=GENERATOR), size=(height, width), mode="bicubic").clamp(0, 1)


@pytest.mark.parametrize("turn", [0.0, 0.4, math.pi / 2, math.pi])
@pytest.mark.parametrize("at", [(60.0, 60.0), (0.0, 30.0), (119.0, 2.0)])
def test_a_restorer_that_changes_nothing_gives_the_photo_back(turn, at):
    photo = torch.rand(1, 3, 110, 120, generator=GENERATOR)
    face = made_up(at=at, turn=turn)
    result = put_back(photo, [change(photo, face, aligned(photo, face, FFHQ))])
    assert (result - photo).abs().max() * 255 < 1


@pytest.mark.parametrize("size", [12.0, 24.0, 300.0])
def test_also_of_tiny_faces_and_of_one_larger_than_the_photo(size):
    photo = smooth(110, 120)
    face = made_up(size=size)
    assert (put_back(photo, [change(photo, face, aligned(photo, face, FFHQ))]) - photo).abs().max() * 255 < 1


def test_a_restorer_that_interpolates_gives_the_photo_back_within_a_level():
    """The aligned face as an 8-bit file of it would hold it."""
    photo = smooth(110, 120)
    faces = [made_up(at=(40.0, 60.0)), made_up(at=(80.0, 60.0))]
    rounded = [change(photo, face, (aligned(photo, face, FFHQ) * 255).round() / 255) for face in faces]
    assert (put_back(photo, rounded) - photo).abs().max() * 255 <= 1


def test_a_real_face_comes_back_in_a_turned_photo(astronaut, face):
    turned = torch.rot90(astronaut, 1, (2, 3))
    x, y = face.points.T
    lying = Face(box=face.box, points=torch.stack((y, 512 - x), dim=1), score=1.0)
    assert (put_back(turned, [change(turned, lying, aligned(turned, lying, FFHQ))]) - turned).abs().max() * 255 < 1
    assert (aligned(turned, lying, FFHQ) - aligned(astronaut, face, FFHQ)).abs().mean() < 1e-3


def test_a_change_shows_no_seam_and_stays_in_its_place():
    """A face made brighter by 0.2: no two neighbouring pixels of the change differ by more than a hundredth, and the corners stay."""
    photo = torch.full((1, 3, 240, 240), 0.4)
    face = made_up(size=100.0, at=(120.0, 120.0), turn=0.3)
    result = put_back(photo, [change(photo, face, aligned(photo, face, FFHQ) + 0.2)])
    difference = result - photo
    assert difference[..., 120, 120] == pytest.approx(torch.full((1, 3), 0.2), abs=1e-3)
    assert difference[..., :8, :8].abs().max() == 0
    steps = max(float(difference.diff(dim=axis).abs().max()) for axis in (2, 3))
    assert 0 < steps < 0.01


def test_neighbours_share_what_both_change():
    """Two faces of the same place, each made brighter by 0.2: the photo is brighter by 0.2, not by 0.4."""
    photo = torch.full((1, 3, 200, 200), 0.4)
    face = made_up(size=80.0, at=(100.0, 100.0))
    both = [change(photo, face, aligned(photo, face, FFHQ) + 0.2) for _ in range(2)]
    assert put_back(photo, both)[..., 100, 100] == pytest.approx(torch.full((1, 3), 0.6), abs=1e-3)
    assert torch.allclose(put_back(photo, both), put_back(photo, both[::-1]))


def test_a_face_outside_the_photo_changes_nothing():
    photo = torch.rand(1, 3, 40, 40, generator=GENERATOR)
    face = made_up(size=20.0, at=(500.0, 500.0))
    assert torch.equal(put_back(photo, [change(photo, face, torch.ones(1, 3, 512, 512))]), photo)


def test_finer_detail_than_an_aligned_face_holds_stays():
    """A face four times as large as its aligned image: what is brightened keeps the pattern of single pixels."""
    row = torch.arange(600) % 2
    photo = (0.4 + 0.1 * (row[:, None] ^ row[None, :]).float()).expand(1, 3, -1, -1).contiguous()
    face = made_up(size=300.0, at=(300.0, 300.0))
    small = FFHQ.at(128)
    result = put_back(photo, [change(photo, face, aligned(photo, face, small) + 0.1)])
    middle = result[0, 0, 290:310, 290:310]
    assert middle.std() == pytest.approx(float(photo[0, 0, 290:310, 290:310].std()), rel=0.02)
    assert middle.mean() == pytest.approx(0.55, abs=0.005)


def test_the_points_of_an_aligned_face_are_the_templates(astronaut, face):
    for template in (FFHQ, DLIB):
        x, y = to_template(face, template)(*face.points.T)
        assert (torch.stack((x, y), dim=1) - torch.tensor(template.points, dtype=torch.float64)).norm(dim=1).max() < 0.06 * template.side


def test_a_similarity_is_found_again_and_undone():
    mapping = Similarity(a=1.5, b=-0.7, shift_x=12.0, shift_y=-3.0)
    x, y = torch.rand(2, 9, dtype=torch.float64, generator=GENERATOR)
    back = mapping.inverse(*mapping(x, y))
    assert torch.allclose(torch.stack(back), torch.stack((x, y)))
    points = torch.tensor(FFHQ.points, dtype=torch.float64)
    found = to_template(Face(box=(0, 0, 1, 1), points=torch.stack(mapping.inverse(*points.T), dim=1), score=1.0), FFHQ)
    assert [found.a, found.b, found.shift_x, found.shift_y] == pytest.approx([1.5, -0.7, 12.0, -3.0])


def test_sampling_where_pixels_are_gives_the_pixels_and_shrinking_averages():
    photo = torch.rand(1, 3, 30, 40, generator=GENERATOR)
    same = sampled(photo, Similarity(1.0, 0.0, 0.0, 0.0), (10, 12), (5, 7))
    assert torch.allclose(same, photo[..., 5:15, 7:19], atol=1e-5)
    row = torch.arange(64) % 2
    checks = (row[:, None] ^ row[None, :]).float().expand(1, 3, -1, -1)
    assert sampled(checks, Similarity(4.0, 0.0, 0.0, 0.0), (16, 16)) == pytest.approx(torch.full((1, 3, 16, 16), 0.5), abs=0.05)


def test_the_mask_is_one_on_the_face_and_nothing_at_the_edge():
    x, y = (torch.tensor(FFHQ.points, dtype=torch.float64) / 512).T
    assert feathered(x, y).min() > 0.95
    edge = torch.linspace(0, 1, 50, dtype=torch.float64)
    for other in (0.0, 1.0):
        assert feathered(edge, torch.full_like(edge, other)).max() == 0 and feathered(torch.full_like(edge, other), edge).max() == 0


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_a_face_of_a_turned_photo_is_turned_back(turns):
    photo = torch.zeros(1, 1, 40, 60)
    photo[..., 10, 50] = 1
    where = torch.rot90(photo, turns, (2, 3))[0, 0].nonzero()[0].double().flip(0) + 0.5
    face = Face(box=(*where.tolist(), *(where + 4).tolist()), points=where.repeat(5, 1), score=1.0)
    back = turned_back(face, turns, 40, 60)
    assert back.points[0].tolist() == [50.5, 10.5]
    assert (back.box[2] - back.box[0], back.box[3] - back.box[1]) == (4, 4)
