"""Tiling is invisible: what is local comes out as of the whole, at any tile, overlap and size."""

import pytest
import torch
from torch import Tensor

from ttpo_cli.errors import UsageError
from ttpo_cli.imaging.tiles import Overlap, map_tiles, pad_reflect


def noise(height: int, width: int, channels: int = 3) -> Tensor:
    return torch.rand(1, channels, height, width, generator=torch.Generator().manual_seed(height * width))


def nearest(scale: int):
    return lambda piece: piece.repeat_interleave(scale, dim=-1).repeat_interleave(scale, dim=-2)


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (16, 16), (17, 40), (53, 31)])
@pytest.mark.parametrize(("tile", "overlap"), [(0, 0), (8, 0), (8, 3), (16, 4), (16, 12), (10, 9), (64, 16)])
def test_the_identity_and_nearest_enlargement_are_those_of_the_whole(size: tuple[int, int], tile: int, overlap: int) -> None:
    image = noise(*size)
    for scale, multiple, minimum in ((1, 1, 1), (3, 1, 1), (2, 4, 8)):
        result = map_tiles(nearest(scale), image, tile=tile, overlap=overlap, scale=scale, multiple=multiple, minimum=minimum)
        torch.testing.assert_close(result, nearest(scale)(image), atol=1e-6, rtol=0)


@pytest.mark.parametrize(("tile", "overlap"), [(0, 0), (7, 2), (16, 8), (16, 15)])
def test_a_constant_stays_constant_to_the_last_pixel(tile: int, overlap: int) -> None:
    result = map_tiles(nearest(2), torch.full((1, 3, 37, 50), 0.6), tile=tile, overlap=overlap, scale=2)
    torch.testing.assert_close(result, torch.full((1, 3, 74, 100), 0.6), atol=1e-6, rtol=0)


def test_a_strip_of_20000_by_3_pixels_goes_through() -> None:
    image = noise(3, 20000)
    shapes = set()

    def enlarge(piece: Tensor) -> Tensor:
        shapes.add(tuple(piece.shape[-2:]))
        return nearest(2)(piece)

    result = map_tiles(enlarge, image, tile=512, overlap=32, scale=2, multiple=8, minimum=16)
    torch.testing.assert_close(result, nearest(2)(image), atol=1e-6, rtol=0)
    assert shapes == {(16, 512)}
    assert result.untyped_storage().nbytes() == 3 * 6 * 40000 * 4  # nothing is held beside the result, no padding either


def test_every_call_gets_an_allowed_size_and_the_callback_counts_to_the_total() -> None:
    calls, shapes = [], []

    def remember(piece: Tensor) -> Tensor:
        shapes.append(tuple(piece.shape[-2:]))
        return piece

    map_tiles(remember, noise(45, 70), tile=21, overlap=6, multiple=8, minimum=16, on_tile=lambda done, total: calls.append((done, total)))
    assert all(side % 8 == 0 and 16 <= side <= 24 for shape in shapes for side in shape)
    assert calls == [(index + 1, len(shapes)) for index in range(len(shapes))]
    calls.clear()
    map_tiles(lambda piece: piece, noise(5, 5), tile=0, overlap=0, on_tile=lambda done, total: calls.append((done, total)))
    assert calls == [(1, 1)]


def test_across_an_overlap_one_tile_fades_linearly_into_the_next() -> None:
    counter = iter(range(2))
    result = map_tiles(lambda piece: torch.full_like(piece, next(counter)), torch.zeros(1, 1, 4, 12), tile=8, overlap=4)
    expected = torch.tensor([0, 0, 0, 0, 0.125, 0.375, 0.625, 0.875, 1, 1, 1, 1])
    torch.testing.assert_close(result, expected.expand(1, 1, 4, 12))


def test_tiles_are_the_fewest_that_do_and_spread_evenly() -> None:
    starts = []

    def remember(piece: Tensor) -> Tensor:
        starts.append(int(piece.min()))
        return piece

    map_tiles(remember, torch.arange(101.0).expand(1, 1, 1, 101), tile=40, overlap=8)
    assert starts == [0, 30, 61]


def test_a_local_filter_has_no_seam_where_the_overlap_covers_its_reach() -> None:
    image = noise(40, 44, channels=1)
    blur = torch.full((1, 1, 3, 3), 1 / 9)
    whole = torch.nn.functional.conv2d(image, blur, padding=1)
    tiled = map_tiles(lambda piece: torch.nn.functional.conv2d(piece, blur, padding=1), image, tile=16, overlap=14)
    # The zeros that the filter sees beyond a tile's edge count for little, since a tile fades to nothing there.
    assert (whole - tiled)[..., 1:-1, 1:-1].abs().max() < 0.02


def test_channels_may_change_and_half_precision_is_summed_in_float32() -> None:
    image = noise(20, 20)
    result = map_tiles(lambda piece: piece.mean(dim=1, keepdim=True).to(torch.bfloat16), image, tile=8, overlap=4)
    assert result.shape == (1, 1, 20, 20)
    assert result.dtype == torch.float32
    torch.testing.assert_close(result, image.mean(dim=1, keepdim=True), atol=4e-3, rtol=0)


def test_a_function_that_breaks_its_promise_of_size_is_told_so() -> None:
    with pytest.raises(ValueError, match="at scale 2"):
        map_tiles(lambda piece: piece, noise(20, 20), tile=8, overlap=2, scale=2)


@pytest.mark.parametrize("overlap", [8, 9, -1])
def test_an_overlap_that_fills_the_tile_is_a_usage_error(overlap: int) -> None:
    with pytest.raises(UsageError, match="overlap from 0 to 7"):
        map_tiles(lambda piece: piece, noise(20, 20), tile=8, overlap=overlap)


def test_padding_reflects_once_without_repeating_the_edge_and_again_where_once_is_not_enough() -> None:
    row = torch.arange(3.0).expand(1, 1, 1, 3)
    padded, size = pad_reflect(row, 8)
    assert size == (1, 3)
    assert padded.shape == (1, 1, 8, 8)
    assert padded[0, 0, 5].tolist() == [0, 1, 2, 1, 0, 1, 2, 1]
    image = noise(6, 7)
    torch.testing.assert_close(pad_reflect(image, 4)[0], torch.nn.functional.pad(image, (0, 1, 0, 2), mode="reflect"))


def test_an_image_that_fits_is_not_copied_and_a_minimum_is_rounded_up_to_the_multiple() -> None:
    image = noise(8, 16)
    assert pad_reflect(image, 8)[0] is image
    assert pad_reflect(image, 8, minimum=18)[0].shape[-2:] == (24, 24)


@pytest.mark.parametrize(("overlap", "tile"), [(6, 16), (9, 16), (12, 24)])
def test_tiles_are_exactly_the_whole_where_the_edges_that_the_function_sees_wrong_are_left_out(overlap: int, tile: int) -> None:
    image = noise(61, 44, channels=1)
    kernel = torch.rand(1, 1, 7, 7, generator=torch.Generator().manual_seed(0))

    def smooth(piece: Tensor) -> Tensor:
        return torch.nn.functional.conv2d(piece, kernel, padding=3)

    tiled = map_tiles(smooth, image, tile=tile, overlap=Overlap(pixels=overlap, context=3))
    torch.testing.assert_close(tiled, smooth(image), atol=1e-4, rtol=0)


def test_an_overlap_is_at_most_a_quarter_of_a_tile_or_half_of_it_where_a_context_is_kept() -> None:
    assert Overlap(pixels=32).within(64) == Overlap(pixels=16)
    assert Overlap(pixels=50, context=25).within(64) == Overlap(pixels=32, context=25)
    assert Overlap(pixels=8).within(64).pixels == 8


def test_tiles_start_on_the_functions_own_grid() -> None:
    columns = torch.arange(96.0).expand(1, 1, 8, 96)
    starts = []

    def remember(piece: Tensor) -> Tensor:
        starts.append(int(piece[0, 0, 0, 0]))
        return piece

    map_tiles(remember, columns, tile=40, overlap=Overlap(9, context=1), multiple=8)
    assert starts[0] == 0 and starts[-1] == 56
    assert all(start % 8 == 0 for start in starts)
    assert all(later - earlier <= 31 for earlier, later in zip(starts, starts[1:], strict=False))
