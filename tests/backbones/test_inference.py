"""Running a backbone: tiles, precision, memory and grey networks; whatever is done otherwise than asked is said."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from ttpo_cli.backbones import inference
from ttpo_cli.backbones.backbone import Backbone
from ttpo_cli.backbones.inference import choose_overlap, choose_precision, restore
from ttpo_cli.errors import MemoryExhausted, UsageError, WeightsError
from ttpo_cli.imaging.tiles import Overlap
from ttpo_cli.settings.restore import RestoreOptions

CPU = torch.device("cpu")


class Blur(nn.Module):
    """A tiny real network: one convolution, then nearest-neighbour enlargement."""

    def __init__(self, scale=1, channels=3, size=5):
        super().__init__()
        torch.manual_seed(0)
        self.scale, self.calls = scale, []
        self.convolution = nn.Conv2d(channels, channels, size, padding=size // 2, padding_mode="reflect").requires_grad_(False)

    def forward(self, image):
        self.calls.append((tuple(image.shape), torch.is_autocast_enabled("cpu")))
        return functional.interpolate(self.convolution(image) * 0.3 + 0.5, scale_factor=self.scale)


class Failing(Blur):
    """`error` for every image with a side above `limit`."""

    def __init__(self, limit, error):
        super().__init__()
        self.limit, self.error = limit, error

    def forward(self, image):
        if max(image.shape[-2:]) > self.limit:
            raise self.error
        return super().forward(image)


class HalfBreaks(Blur):
    """`value` everywhere under autocast."""

    def __init__(self, value, always=False):
        super().__init__()
        self.value, self.always = value, always

    def forward(self, image):
        image = super().forward(image)
        return torch.full_like(image, self.value) if self.always or torch.is_autocast_enabled("cpu") else image


def backbone(network, **changes):
    given = {"channels": 3, "scale": 1, "supports_half": True, "supports_bfloat16": True} | changes
    return Backbone(name="fake", task="restoration", architecture="Fake", network=network, **given)


def photo(height=40, width=56):
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("scale", [1, 4])
def test_tiles_agree_with_the_whole_image_where_the_network_sees_no_further_than_the_overlap(scale):
    network, lq = backbone(Blur(scale), scale=scale), photo(150, 70)
    whole = restore(network, lq, CPU, RestoreOptions(tile=0))
    done = []
    tiled = restore(network, lq, CPU, RestoreOptions(tile=64, overlap=16), on_tile=lambda *progress: done.append(progress))
    assert (whole.tile_used, tiled.tile_used) == (0, 64)
    assert whole.image.shape == tiled.image.shape == (1, 3, 150 * scale, 70 * scale)
    # A tile's own border is mirrored by the network, so only its outermost two pixels differ, and those weigh least.
    assert float((whole.image - tiled.image).abs().mean()) < 1e-3
    assert done[-1][0] == done[-1][1] == len(done) > 1
    assert whole.notes == tiled.notes == ()


@pytest.mark.parametrize("size", [(1, 1), (5, 3), (33, 8), (40, 56)])
def test_sides_are_padded_to_the_networks_multiple_and_minimum_and_cut_again(size):
    network = Blur(2)
    result = restore(backbone(network, scale=2, multiple=8, minimum=24), photo(*size), CPU)
    assert result.image.shape == (1, 3, 2 * size[0], 2 * size[1])
    (shape, _), *_ = network.calls
    assert all(side % 8 == 0 and side >= 24 for side in shape[-2:])


def test_the_result_is_a_clamped_float32_tensor_that_autograd_can_use():
    class Overshooting(nn.Module):
        def forward(self, image):
            return image.to(torch.bfloat16) * 4 - 1

    image = restore(backbone(Overshooting()), photo(), CPU).image
    assert image.dtype == torch.float32
    assert 0 <= float(image.min()) < float(image.max()) <= 1
    assert not image.is_inference()
    weight = torch.ones(1, requires_grad=True)
    (image * weight).sum().backward()


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision_runs_under_autocast_and_is_close_to_fp32(precision):
    network = Blur()
    half = restore(backbone(network), photo(), CPU, RestoreOptions(precision=precision))
    assert half.precision_used == precision
    assert network.calls[-1][1]
    full = restore(backbone(network), photo(), CPU, RestoreOptions(precision="fp32"))
    assert 0 < float((half.image - full.image).abs().max()) < 0.01
    assert next(network.parameters()).dtype == torch.float32


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 0.0, -5.0])
def test_nan_or_black_output_is_computed_again_in_fp32_and_said(value):
    result = restore(backbone(HalfBreaks(value)), photo(), CPU, RestoreOptions(precision="bf16", tile=32))
    assert result.precision_used == "fp32"
    assert any("again in fp32" in note for note in result.notes)
    torch.testing.assert_close(result.image, restore(backbone(Blur()), photo(), CPU, RestoreOptions(tile=32)).image)


def test_nan_in_fp32_too_is_an_error_about_the_weights():
    with pytest.raises(WeightsError, match="even in fp32"):
        restore(backbone(HalfBreaks(float("nan"), always=True)), photo(), CPU, RestoreOptions(precision="bf16"))


def test_a_black_photo_may_stay_black():
    black = torch.zeros(1, 3, 16, 16)
    assert restore(backbone(nn.Identity()), black, CPU, RestoreOptions(precision="bf16")).precision_used == "bf16"


def test_a_precision_the_network_is_not_known_to_bear_is_replaced_and_said():
    result = restore(backbone(Blur(), supports_half=False), photo(), CPU, RestoreOptions(precision="fp16"))
    assert (result.precision_used, result.notes) == ("fp32", ("Fake is not known to work in fp16: computed in fp32",))


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("CUDA out of memory"), MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory")]
)
def test_out_of_memory_halves_the_tile_until_it_fits_and_says_so(error):
    result = restore(backbone(Failing(48, error)), photo(150, 100), CPU)
    assert result.tile_used == 38
    assert [note for note in result.notes if "out of memory" in note] == [
        "out of memory in one piece: went on with tiles of 75",
        "out of memory in tiles of 75 pixels: went on with tiles of 38",
    ]


def test_a_photo_that_fits_in_halves_is_restored_as_by_tiles_of_that_size_from_the_start():
    lq = photo(150, 100)
    result = restore(backbone(Failing(80, MemoryError())), lq, CPU)
    assert result.tile_used == 75
    assert torch.equal(result.image, restore(backbone(Blur()), lq, CPU, RestoreOptions(tile=75)).image)


def test_out_of_memory_splits_the_tile_that_failed_and_keeps_those_that_are_finished():
    class TightLater(Blur):
        """Memory for 64 pixels for the first four tiles, then for 40."""

        def forward(self, image):
            if max(image.shape[-2:]) > (64 if len(self.calls) < 4 else 40):
                raise torch.OutOfMemoryError("CUDA out of memory")
            return super().forward(image)

    network, lq = TightLater(), photo(150, 130)
    result = restore(backbone(network), lq, CPU, RestoreOptions(tile=64, overlap=16))
    shapes = [shape[-2:] for shape, _ in network.calls]
    assert shapes[:4] == [(64, 64)] * 4 and set(shapes[4:]) == {(32, 32)}
    assert result.tile_used == 32
    assert result.notes == ("out of memory in tiles of 64 pixels: went on with tiles of 32",)
    whole = restore(backbone(Blur()), lq, CPU, RestoreOptions(tile=0)).image
    assert float((result.image - whole).abs().mean()) < 2e-3
    kept = restore(backbone(Blur()), lq, CPU, RestoreOptions(tile=64, overlap=16)).image
    assert torch.equal(result.image[..., :43, :], kept[..., :43, :])  # the first row of tiles, where no other reaches in


def test_out_of_memory_at_the_smallest_tile_is_said_in_words():
    with pytest.raises(MemoryExhausted, match="even in tiles of 32 pixels"):
        restore(backbone(Failing(8, MemoryError())), photo(150, 100), CPU)


def test_another_error_of_the_network_is_not_taken_for_a_lack_of_memory():
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        restore(backbone(Failing(8, RuntimeError("mat1 and mat2 shapes cannot be multiplied"))), photo(), CPU)


def test_a_grey_network_restores_each_colour_and_says_so():
    network, lq = Blur(channels=1), photo()
    result = restore(backbone(network, channels=1), lq, CPU)
    assert result.notes == ("fake works on grey images: red, green and blue were restored one by one",)
    expected = torch.cat([network(channel) for channel in lq.split(1, dim=1)], dim=1)
    torch.testing.assert_close(result.image, expected.clamp(0, 1))


def test_a_grey_network_restores_a_grey_photo_once():
    network = Blur(channels=1)
    result = restore(backbone(network, channels=1), photo()[:, :1].expand(-1, 3, -1, -1), CPU)
    assert len(network.calls) == 1
    assert result.notes == ()
    assert torch.equal(result.image[:, 0], result.image[:, 2])


def test_the_automatic_tile_follows_the_memory_and_leaves_small_photos_whole(monkeypatch):
    monkeypatch.setattr(inference, "affordable_side", lambda device: 64)
    assert restore(backbone(Blur()), photo(64, 64), CPU).tile_used == 0
    assert restore(backbone(Blur(), multiple=24), photo(100, 80), CPU).tile_used == 48


def test_a_network_that_looks_at_the_whole_image_says_when_it_is_tiled():
    network = backbone(Blur(), tiling=False)
    assert restore(network, photo(), CPU).notes == ()
    tiled = restore(network, photo(), CPU, RestoreOptions(tile=32))
    assert tiled.tile_used == 32
    assert any("whole image" in note for note in tiled.notes)


def test_a_network_that_draws_noise_gives_the_same_image_twice_and_leaves_the_callers_generator():
    class Noisy(nn.Module):
        def forward(self, image):
            return image + 0.1 * torch.randn_like(image)

    torch.manual_seed(7)
    first = restore(backbone(Noisy()), photo(), CPU).image
    after = torch.rand(1)
    torch.manual_seed(7)
    torch.testing.assert_close(after, torch.rand(1))
    torch.testing.assert_close(first, restore(backbone(Noisy()), photo(), CPU).image)


@pytest.mark.parametrize("options", [{"precision": "fp8"}, {"tile": 8}, {"tile": -1}, {"overlap": -1}])
def test_impossible_options_are_refused(options):
    with pytest.raises(UsageError):
        restore(backbone(Blur()), photo(), CPU, RestoreOptions(**options))


@pytest.mark.parametrize(
    ("context", "overlap"),
    [
        (None, Overlap(pixels=32)),
        (0, Overlap(pixels=32)),
        (20, Overlap(pixels=40, context=20)),
        (64, Overlap(pixels=128, context=64)),
        (65, Overlap(pixels=32, context=8)),
    ],
)
def test_tiles_share_twice_the_receptive_field_where_it_is_known_and_not_too_large(context, overlap):
    assert choose_overlap(backbone(Blur(), context=context), 32) == overlap


def test_tiles_are_exactly_the_whole_image_where_the_receptive_field_is_known():
    network = backbone(Blur(), context=2)
    whole = restore(network, photo(90, 70), CPU, RestoreOptions(tile=0)).image
    tiled = restore(network, photo(90, 70), CPU, RestoreOptions(tile=32, overlap=0)).image
    torch.testing.assert_close(tiled, whole, atol=1e-6, rtol=0)


@pytest.mark.parametrize(("prefers", "has", "used"), [(True, True, "bf16"), (True, False, "fp32"), (False, True, "fp32")])
def test_a_processor_with_bfloat16_uses_it_unasked_for_networks_that_bear_it(prefers, has, used, monkeypatch):
    monkeypatch.setattr(inference, "has_bfloat16", lambda device: has)
    network = Blur()
    backbone = Backbone("blur", "denoise", "test", 1, 3, network, supports_bfloat16=True, prefers_bfloat16=prefers)
    assert choose_precision(backbone, CPU, "auto")[0] == used
    made = restore(backbone, torch.rand(1, 3, 24, 24), CPU)
    assert made.precision_used == used and network.calls[-1][1] == (used == "bf16")
    assert any("bf16" in note for note in made.notes) == (used == "bf16")
    assert choose_precision(backbone, CPU, "fp32") == ("fp32", [])


@pytest.mark.parametrize("architecture", ["ESRGAN", "DDColor"])
def test_a_black_and_white_image_stays_one_unless_the_network_is_one_that_colours(architecture):
    network = Blur(2)
    backbone = Backbone(name="blur", task="test", architecture=architecture, scale=2, channels=3, network=network)
    grey = torch.rand(1, 1, 9, 12).expand(1, 3, 9, 12)
    image = restore(backbone, grey, CPU).image
    with torch.no_grad():
        painted = network(grey)
    spread = image.amax(dim=1) - image.amin(dim=1)
    if architecture == "DDColor":
        assert torch.equal(image, painted) and float(spread.max()) > 0.01
    else:
        assert float(spread.max()) == 0 and torch.allclose(image[0, 0], painted[0].mean(dim=0), atol=1e-6)
    colourful = torch.rand(1, 3, 9, 12)
    assert float((lambda made: (made.amax(dim=1) - made.amin(dim=1)).max())(restore(backbone, colourful, CPU).image)) > 0.01
