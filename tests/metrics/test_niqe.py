"""NIQE against its published value, against pyiqa as a second implementation, and its properties."""

import numpy as np
import pytest
import scipy.io
import torch

from ttpo_cli.errors import UsageError, WeightsError
from ttpo_cli.imaging.filters import gaussian_blur
from ttpo_cli.imaging.reading import read_photo
from ttpo_cli.metrics import natural_scene
from ttpo_cli.metrics.catalog import load_metric
from ttpo_cli.metrics.metric import score
from ttpo_cli.metrics.natural_scene import contrast_normalised
from ttpo_cli.metrics.niqe import PYIQA_TILT, NiqeModel, fit_aggd, niqe, niqe_features, rounded_luma
from ttpo_cli.metrics.niqe_model import load_niqe_model

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def published(shared_data):
    return shared_data / "iqa" / "niqe" / "niqe_pris_params.npz"


@pytest.fixture(scope="module")
def mat(published, tmp_path_factory):
    """The published model under the keys of the authors' release, as pyiqa wants it."""
    path = tmp_path_factory.mktemp("niqe") / "niqe.mat"
    with np.load(published) as arrays:
        scipy.io.savemat(path, {"mu_prisparam": arrays["mu_pris_param"], "cov_prisparam": arrays["cov_pris_param"]})
    return path


def textured(seed=0, height=200, width=300):
    """Noise with a photo's falling spectrum: enough for features that are defined."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(1, 3, height, width, generator=generator)
    smooth = gaussian_blur(noise, 1.0)
    return (0.5 + 0.25 * smooth + 0.02 * noise).clamp(0, 1)


def standard_model():
    return NiqeModel(torch.zeros(36, dtype=torch.float64), torch.eye(36, dtype=torch.float64))


def test_the_published_value_of_baboon_holds_to_five_decimals_in_exact_arithmetic(shared_data, published):
    image = read_photo(shared_data / "iqa" / "niqe" / "baboon.png").pixels
    model = load_niqe_model(published).model
    assert niqe(image, model, tilt=0.0).item() == pytest.approx(5.72957338, abs=1e-5)  # MATLAB R2021a, quoted by BasicSR
    assert niqe(image, model).item() == pytest.approx(5.7296, abs=1e-3)


def test_it_equals_pyiqas_within_a_thousandth_on_photos_with_and_without_clipped_areas(shared_data, published, mat):
    pyiqa = pytest.importorskip("pyiqa")
    other = pyiqa.create_metric("niqe", device=CPU, pretrained_model_path=str(mat), color_space="ycbcr")
    model = load_niqe_model(published).model
    photos = [shared_data / "iqa" / "niqe" / "baboon.png", *sorted((shared_data / "benchmark" / "Set5_x4").glob("*_HR.png"))]
    for photo in photos:
        image = read_photo(photo).pixels
        assert niqe(image, model).item() == pytest.approx(float(other(image)), abs=1e-3), photo.name


def test_it_equals_pyiqas_default_grey_when_given_that_grey(shared_data, published, mat):
    pyiqa = pytest.importorskip("pyiqa")
    other = pyiqa.create_metric("niqe", device=CPU, pretrained_model_path=str(mat))
    image = read_photo(shared_data / "iqa" / "niqe" / "baboon.png").pixels
    weights = torch.tensor([0.299, 0.587, 0.114])[:, None, None]
    grey = ((image * weights).sum(dim=1, keepdim=True) * 255).round()
    # Studio swing of a grey image is 219 / 255 of it plus 16: the image whose Y is that grey again.
    as_rgb = ((grey - 16) / 219).expand(-1, 3, -1, -1)
    assert niqe(as_rgb, load_niqe_model(published).model).item() == pytest.approx(float(other(image)), abs=1e-3)


def partly_flat():
    """A texture with a flat area that fills a whole block of 96 px, and a nearly flat one, of one level or two."""
    image = textured(3, 288, 288)
    image[..., 60:200, 90:220] = 0.75
    image[..., 200:250, 40:140] = (0.5 + 0.004 * textured(4, 50, 100)).clamp(0, 1)
    return image


def test_flat_areas_and_undefined_blocks_count_as_pyiqa_counts_them():
    arch = pytest.importorskip("pyiqa.archs.niqe_arch")
    model = standard_model()
    theirs = arch.calculate_niqe(partly_flat(), color_space="ycbcr", mu_pris_param=model.mean[None], cov_pris_param=model.covariance[None])
    assert niqe(partly_flat(), model).item() == pytest.approx(float(theirs), abs=1e-4)


def test_contrast_is_normalised_in_nearly_flat_areas_as_pyiqa_does_it():
    functions = pytest.importorskip("pyiqa.archs.func_util")
    grey = rounded_luma(partly_flat())
    theirs = functions.normalize_img_with_gauss(grey, padding="replicate")
    assert torch.allclose(contrast_normalised(grey, PYIQA_TILT), theirs, rtol=0, atol=1e-6)


def test_the_three_file_formats_hold_the_same_model(published, mat, tmp_path):
    from ttpo_cli.weights.checkpoint import save_checkpoint

    first, second = load_niqe_model(published), load_niqe_model(mat)
    saved = tmp_path / "model.safetensors"
    save_checkpoint(saved, {"mean": first.model.mean, "covariance": first.model.covariance}, {"pristine": 3.5, "scale": 2.0})
    third = load_niqe_model(saved)
    for other in (second, third):
        assert torch.equal(first.model.mean, other.model.mean) and torch.equal(first.model.covariance, other.model.covariance)
    assert (third.pristine, third.scale) == (3.5, 2.0) and first.pristine is None


@pytest.mark.parametrize("name", ["missing.npz", "empty.npz", "text.npz", "text.mat", "empty.mat", "text.safetensors", "model.pkl"])
def test_a_file_that_is_no_model_is_an_error_of_one_line(tmp_path, name):
    path = tmp_path / name
    if not name.startswith("missing"):
        path.write_bytes(b"" if name.startswith("empty") else b"no model at all " * 40)
    with pytest.raises(WeightsError) as caught:
        load_niqe_model(path)
    assert name in str(caught.value) and "\n" not in str(caught.value)


def test_a_model_of_other_features_is_refused_with_its_shape(tmp_path):
    path = tmp_path / "small.npz"
    np.savez(path, mu_pris_param=np.zeros((1, 35)), cov_pris_param=np.eye(35))
    with pytest.raises(WeightsError, match="36"):
        load_niqe_model(path)


def test_a_batch_scores_as_its_images_do_alone():
    images = torch.cat([textured(0), textured(1)])
    together = niqe(images, standard_model())
    alone = torch.cat([niqe(image[None], standard_model()) for image in images])
    assert torch.allclose(together, alone, rtol=0, atol=1e-9)


def test_strips_change_nothing(monkeypatch):
    image = textured(height=400, width=200)
    whole = niqe_features(image)
    monkeypatch.setattr(natural_scene, "_PIXELS_AT_ONCE", 1)
    assert torch.allclose(niqe_features(image), whole, rtol=0, atol=1e-9, equal_nan=True)


def test_pixels_beyond_whole_blocks_do_not_count():
    image = textured(height=200, width=300)
    assert torch.equal(niqe(image, standard_model()), niqe(image[..., :192, :288], standard_model()))


def test_an_image_below_96_pixels_is_told_the_size_it_needs():
    metric = load_metric("niqe", CPU)
    with pytest.raises(UsageError, match="96x96 px, this image has 200x95"):
        score(metric, torch.rand(1, 3, 95, 200))


def test_one_block_is_judged_and_one_colour_is_not_a_number():
    assert torch.isfinite(niqe(textured(height=96, width=96), standard_model())).all()
    assert torch.isnan(niqe(torch.full((1, 3, 200, 200), 0.5), standard_model())).all()


def test_a_block_of_one_colour_is_left_out():
    image = textured(height=96, width=288)
    image[..., 176:] = 0.5
    assert torch.isfinite(niqe(image, standard_model())).all()
    assert torch.isnan(niqe_features(image)[0, 2]).any()


def test_the_aggd_fit_finds_the_shape_and_the_sides_of_what_it_is_given():
    generator = torch.Generator().manual_seed(0)
    gaussian = torch.randn(1, 400, 400, generator=generator, dtype=torch.float64)
    laplacian = torch.empty_like(gaussian).exponential_(generator=generator) * gaussian.sign()
    for values, shape in ((gaussian, 2.0), (laplacian, 1.0)):
        assert fit_aggd(values)[0].item() == pytest.approx(shape, abs=0.03)
    _, left, right = fit_aggd(torch.where(gaussian < 0, 3 * gaussian, gaussian))
    assert (left / right).item() == pytest.approx(3, rel=0.02)


def test_the_embedded_model_prefers_a_photo_to_its_blurred_and_noisy_versions(shared_data):
    metric = load_metric("niqe", CPU)
    assert metric.pristine is not None and metric.scale is not None and metric.lower_is_better
    image = read_photo(shared_data / "iqa" / "niqe" / "baboon.png").pixels
    noise = torch.randn(image.shape, generator=torch.Generator().manual_seed(0))
    levels = [score(metric, other).item() for other in (image, gaussian_blur(image, 1.0), gaussian_blur(image, 2.0), image + noise / 10)]
    assert levels[0] < levels[1] < levels[2] and levels[0] < levels[3]
