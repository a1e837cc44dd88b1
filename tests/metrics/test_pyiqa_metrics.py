"""The adapter to pyiqa: what loads by name, what needs a file, and that nothing is downloaded, unpickled or printed."""

import os
import socket

import pytest
import torch

from ttpo_cli.errors import UsageError, WeightsError
from ttpo_cli.imaging.reading import read_photo
from ttpo_cli.metrics.catalog import METRICS, load_metric, metric_names
from ttpo_cli.metrics.metric import score

pytest.importorskip("pyiqa")
CPU = torch.device("cpu")
OF_PYIQA = ("psnry", "ssim", "ssimc", "ms_ssim", "cw_ssim", "fsim", "gmsd", "mad", "msswd", "nlpd", "vif", "vsi")


@pytest.fixture
def no_cache(monkeypatch, tmp_path):
    """pyiqa's cache, empty; and a list of the host names that were asked for."""
    asked = []
    monkeypatch.setattr("pyiqa.utils.download_util.DEFAULT_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *arguments, **options: asked.append(arguments) or [])
    return asked


def pair(side=48):
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(2, 3, side, side + 4, generator=generator)
    return (image + 0.1 * torch.randn(image.shape, generator=generator)).clamp(0, 1), image


@pytest.mark.parametrize("name", [name for name in OF_PYIQA if name not in ("ms_ssim", "cw_ssim", "mad")])
def test_metrics_without_weights_load_by_name_and_score_each_image_of_a_batch(name, capsys):
    metric = load_metric(name, CPU)
    image, reference = pair()
    values = score(metric, image, reference)
    assert values.shape == (2,) and torch.isfinite(values).all()
    assert metric.needs_reference and name in METRICS
    perfect = score(metric, reference, reference)
    assert bool((perfect <= values).all() if metric.lower_is_better else (perfect >= values).all())
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(("name", "least"), [("ms_ssim", 161), ("cw_ssim", 64), ("mad", 16), ("vif", 33), ("ssim", 11)])
def test_an_image_too_small_is_told_the_size_and_the_smallest_is_judged(name, least):
    metric = load_metric(name, CPU)
    small, reference = pair(least - 1)
    with pytest.raises(UsageError, match=f"at least {least}x{least} px"):
        score(metric, small[:1], reference[:1])
    image, reference = pair(least)
    assert torch.isfinite(score(metric, image[:1], reference[:1])).all()


def test_random_projections_are_the_same_each_time_and_leave_the_callers_random_numbers_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    first = load_metric("msswd", CPU)
    assert torch.equal(torch.rand(3), expected)
    second = load_metric("msswd", CPU)
    assert torch.equal(score(first, *pair()), score(second, *pair()))


@pytest.mark.parametrize("name", ["brisque", "musiq", "lpips", "ilniqe", "pyiqa:niqe"])
def test_what_would_be_downloaded_is_an_error_that_says_what_to_give(name, no_cache, capsys):
    with pytest.raises(WeightsError, match="--metric-weights") as caught:
        load_metric(name, CPU)
    assert "\n" not in str(caught.value) and name.removeprefix("pyiqa:") in str(caught.value)
    assert no_cache == [] and capsys.readouterr().out == ""


def test_a_pickle_that_would_run_code_is_refused(tmp_path, no_cache):
    class Hostile:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "ran"),)

    path = tmp_path / "musiq.pth"
    torch.save({"params": Hostile()}, path)
    with pytest.raises(WeightsError, match="musiq"):
        load_metric("musiq", CPU, path)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", ["musiq", "brisque", "ilniqe"])
def test_a_file_that_is_no_weights_is_an_error_of_one_line(tmp_path, no_cache, name):
    path = tmp_path / "weights.pth"
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(WeightsError) as caught:
        load_metric(name, CPU, path)
    assert "\n" not in str(caught.value)
    with pytest.raises(WeightsError, match="does not exist"):
        load_metric(name, CPU, tmp_path / "absent.pth")


def test_names_near_ours_and_near_pyiqas_are_suggested():
    with pytest.raises(UsageError, match="did you mean musiq"):
        load_metric("muisq", CPU)
    with pytest.raises(UsageError, match="did you mean .*niqe"):
        load_metric("nique", CPU)
    with pytest.raises(UsageError, match="sets of photos"):
        load_metric("fid", CPU)
    with pytest.raises(UsageError, match="has no weights"):
        load_metric("psnr", CPU, weights=os.devnull)


def test_the_catalog_knows_which_metrics_compare_without_loading_them():
    assert set(metric_names(False)) | set(metric_names(True)) == set(metric_names())
    for name in ("niqe", "piqe", "entropy"):
        assert not load_metric(name, CPU).needs_reference and name in metric_names(False)


@pytest.mark.skipif("TTPO_SLOW" not in os.environ, reason="half a minute and more; TTPO_SLOW=1 runs it")
def test_il_niqe_lies_within_the_spread_of_its_own_table(shared_data):
    """IceClear's table gives MATLAB 29.1422 and its own Python 27.3655 for pepper_0: implementations of it differ by that much."""
    folder = shared_data / "iqa" / "ilniqe"
    metric = load_metric("ilniqe", CPU, folder / "templateModel.mat")
    value = score(metric, read_photo(folder / "pepper_0.png").pixels).item()
    assert value == pytest.approx(29.1422, abs=29.1422 - 27.3655)
