"""What a policy is given: wear in its ranges and reproducible, pairs aligned, a whole photo at a smaller side, low-quality photos alone."""

import pytest
import torch
from PIL import Image

from ttpo_cli.errors import TtpoError, UsageError
from ttpo_cli.training.data import find_photos, to_float
from ttpo_cli.training.rl.data import Degradation, PolicyDataOptions, check, draw_degradation, draw_inputs, load_restorer, read_policy_pairs

NO_WEAR = {"blur": (0.0, 0.0), "shrink": (1.0, 1.0), "noise": (0.0, 0.0), "jpeg": (0.0, 0.0)}


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_drawn_wear_lies_in_the_papers_ranges_and_fills_them():
    drawn = [draw_degradation(PolicyDataOptions(), generator(seed)) for seed in range(200)]
    for values, (low, high) in (
        ([w.factor for w in drawn], (1, 12)),
        ([w.noise for w in drawn], (0, 15)),
        ([w.quality for w in drawn], (30, 100)),
    ):
        assert low <= min(values) < low + 0.1 * (high - low)
        assert high - 0.1 * (high - low) < max(values) <= high
    kernels = [w.kernel for w in drawn]
    assert {tuple(kernel.shape) for kernel in kernels} == {(41, 41)}
    round_ones = sum(torch.allclose(kernel, kernel.mT, atol=1e-7) for kernel in kernels)
    assert 60 < round_ones < 140


def test_without_wear_the_input_is_the_photo():
    degradation = draw_degradation(PolicyDataOptions(**NO_WEAR), generator())
    assert (degradation.kernel, degradation.factor, degradation.noise, degradation.quality) == (None, 1.0, 0.0, None)
    image = torch.rand(1, 3, 16, 16, generator=generator())
    assert float((degradation.apply(image, (16, 16), generator()) - image).abs().max()) <= 0.5 / 255 + 1e-6
    assert torch.allclose(degradation.without_noise(image, (16, 16)), image)


def test_each_part_of_the_wear_does_what_it_says():
    image = torch.rand(1, 3, 48, 48, generator=generator())
    noisy = Degradation(None, 1.0, 12.0, None).apply(torch.full_like(image, 0.5), (48, 48), generator())
    assert float((255 * (noisy - 0.5)).std()) == pytest.approx(12, rel=0.05)
    shrunk = Degradation(None, 8.0, 0.0, None).apply(image, (48, 48), generator())
    assert shrunk.shape == image.shape
    assert float(shrunk.std()) < 0.5 * float(image.std())
    kernel = draw_degradation(PolicyDataOptions(blur=(3.0, 3.0)), generator()).kernel
    assert float(Degradation(kernel, 1.0, 0.0, None).without_noise(image, (48, 48)).std()) < 0.2 * float(image.std())
    jpeg = Degradation(None, 1.0, 0.0, 30).apply(image, (48, 48), generator())
    assert 0.01 < float((jpeg - image).abs().mean()) < 0.3


def test_inputs_of_a_step_are_the_same_again_and_their_truth_is_the_photo(photo_folder):
    options = PolicyDataOptions(photos=3, crop=32, **NO_WEAR)
    pairs, held, left_out = read_policy_pairs(find_photos([photo_folder]), options, 1)
    assert (len(pairs), len(held), left_out) == (3, 1, [])
    lq, truth = draw_inputs(pairs, options, 1, generator(1))
    assert torch.equal(lq, truth)
    assert lq.shape == (3, 3, 32, 32)
    drawn = PolicyDataOptions(photos=3, crop=32)
    first, again = (draw_inputs(pairs, drawn, 1, generator(1)) for _ in range(2))
    assert torch.equal(first[0], again[0])
    assert torch.equal(first[1], truth)
    small, _ = draw_inputs(pairs, drawn, 4, generator(1))
    assert small.shape == (3, 3, 8, 8)


def test_a_side_shrinks_whole_photos_and_one_too_small_is_refused(photo_folder):
    pairs, _, _ = read_policy_pairs(find_photos([photo_folder]), PolicyDataOptions(crop=32, side=40), 1)
    assert {tuple(pair.hq.shape[1:]) for pair in pairs} == {(48, 40)}
    with pytest.raises(UsageError, match=r"data\.side 24 makes photos smaller"):
        read_policy_pairs(find_photos([photo_folder]), PolicyDataOptions(crop=32, side=24), 1)


def test_low_quality_photos_alone_are_their_own_input(photo_folder):
    options = PolicyDataOptions(photos=2, crop=32, blind=True)
    pairs, _, _ = read_policy_pairs(find_photos([photo_folder]), options, 1)
    lq, truth = draw_inputs(pairs, options, 1, generator())
    assert torch.equal(lq, truth)


def test_pairs_of_two_folders_stay_aligned_and_a_missing_partner_is_named(photo_folder, tmp_path):
    for path in sorted(photo_folder.iterdir())[:2]:
        image = Image.open(path)
        image.resize((image.width // 2, image.height // 2), Image.Resampling.BOX).save(tmp_path / path.name)
    options = PolicyDataOptions(photos=4, crop=32, lq=str(tmp_path))
    pairs, _, left_out = read_policy_pairs(find_photos([photo_folder]), options, 2)
    assert len(pairs) == 2
    assert any("2.png: the low-quality folder has no photo" in reason for reason in left_out)
    lq, truth = draw_inputs(pairs, options, 2, generator())
    assert float((torch.nn.functional.avg_pool2d(truth, 2) - lq).abs().max()) < 2 / 255
    with pytest.raises(TtpoError, match="40x48 and 80x96 are not a pair of scale 4"):
        read_policy_pairs(find_photos([photo_folder]), options, 4)
    with pytest.raises(UsageError, match="is not a folder"):
        read_policy_pairs(find_photos([photo_folder]), PolicyDataOptions(crop=32, lq=str(tmp_path / "x")), 1)


def test_a_partner_may_be_another_kind_of_file_or_named_as_div2k_does(photo_folder, tmp_path):
    for path, name in zip(sorted(photo_folder.iterdir()), ("0.tiff", "1x2.png"), strict=False):
        image = Image.open(path)
        image.resize((image.width // 2, image.height // 2)).save(tmp_path / name)
    pairs, _, left_out = read_policy_pairs(find_photos([photo_folder]), PolicyDataOptions(crop=32, lq=str(tmp_path)), 2)
    assert [pair.name for pair in pairs] == ["0.png", "1.png"] and len(left_out) == 1


def test_a_backbone_restores_what_the_policy_sees(photo_folder):
    device = torch.device("cpu")
    scale, restore = load_restorer(PolicyDataOptions(crop=32, backbone="lfc-sr-small"), device)
    lq = to_float(torch.full((2, 3, 8, 8), 128, dtype=torch.uint8))
    assert (scale, tuple(restore(lq).shape)) == (4, (2, 3, 32, 32))
    with pytest.raises(UsageError, match="not a multiple of lfc-sr-small's scale of 4"):
        load_restorer(PolicyDataOptions(crop=34, backbone="lfc-sr-small"), device)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"photos": 0}, "1 or more"),
        ({"blind": True, "lq": "x"}, "choose one of them"),
        ({"blur": (2.0, 1.0)}, r"data\.blur is \[least, greatest\]"),
        ({"shrink": (0.5, 1.0)}, r"data\.shrink is .* from 1 upwards"),
        ({"noise": (1.0,)}, r"data\.noise"),
        ({"jpeg": (30.0, 101.0)}, "at most 100"),
    ],
)
def test_values_that_are_invalid_are_refused(changes, says):
    with pytest.raises(UsageError, match=says):
        check(PolicyDataOptions(**changes))
