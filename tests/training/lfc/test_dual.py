"""The dual variable: what is added to a crop's s comes back when that crop comes back, however it is turned."""

import pytest
import torch

from ttpo_cli.errors import UsageError
from ttpo_cli.training.data import Crops, dihedral, dihedral_inverse, draw_from_bank
from ttpo_cli.training.lfc.dual import Dual
from ttpo_cli.training.lfc.low_pass import LOW_PASSES

CPU = torch.device("cpu")


def bank_of(count: int, side: int = 8) -> Crops:
    lq = torch.randint(0, 256, (count, 3, side, side), dtype=torch.uint8)
    return Crops(lq, lq.repeat_interleave(2, -1).repeat_interleave(2, -2), torch.arange(count), torch.zeros(count, dtype=torch.long))


def batch(places: list[int], symmetries: list[int]) -> Crops:
    empty = torch.zeros(len(places), 3, 8, 8, dtype=torch.uint8)
    return Crops(empty, empty, torch.tensor(places), torch.tensor(symmetries))


def test_turning_back_undoes_each_of_the_eight_symmetries() -> None:
    square = torch.arange(12).view(1, 3, 4)
    assert all(torch.equal(dihedral_inverse(dihedral(square, symmetry), symmetry), square) for symmetry in range(8))


@pytest.mark.parametrize("name", LOW_PASSES)
def test_a_low_pass_turns_with_the_image_so_that_one_s_serves_a_crop_in_all_its_poses(name: str) -> None:
    image = torch.rand(1, 3, 32, 32)
    for symmetry in range(8):
        assert torch.allclose(LOW_PASSES[name](dihedral(image, symmetry)), dihedral(LOW_PASSES[name](image), symmetry), atol=1e-5)


def test_each_crop_adds_up_its_own_differences_in_its_own_pose() -> None:
    dual = Dual("crop", 3, (1, 4, 4), 0.0, 0.0, CPU)
    first, second = torch.randn(1, 1, 4, 4), torch.randn(1, 1, 4, 4)
    dual.update(first, batch([2], [5]))
    dual.update(second, batch([2], [3]))
    expected = dihedral_inverse(first[0], 5) + dihedral_inverse(second[0], 3)
    assert torch.allclose(dual.read(batch([2], [0]))[0], expected)
    assert torch.allclose(dual.read(batch([2], [6]))[0], dihedral(expected, 6))
    assert float(dual.read(batch([0, 1], [0, 0])).abs().max()) == 0


def test_the_shared_one_belongs_to_a_slot_whatever_crop_lies_there() -> None:
    dual = Dual("shared", 2, (1, 4, 4), 0.0, 0.0, CPU)
    difference = torch.randn(2, 1, 4, 4)
    dual.update(difference, batch([7, 9], [1, 4]))
    assert torch.equal(dual.read(batch([1, 0], [3, 2])), difference)


def test_none_stays_zero() -> None:
    dual = Dual("none", 2, (1, 4, 4), 0.0, 0.0, CPU)
    dual.update(torch.ones(2, 1, 4, 4), batch([0, 1], [0, 0]))
    assert float(dual.read(batch([0, 1], [0, 0])).abs().max()) == 0


def test_a_leak_forgets_and_a_clamp_bounds() -> None:
    leaking, clamped = (Dual("shared", 1, (1, 1, 1), leak, clamp, CPU) for leak, clamp in ((0.25, 0.0), (0.0, 2.5)))
    for _ in range(3):
        for dual in (leaking, clamped):
            dual.update(torch.ones(1, 1, 1, 1), batch([0], [0]))
    assert float(leaking.values) == pytest.approx(0.75 * (0.75 * 1 + 1) + 1)
    assert float(clamped.values) == 2.5


def test_a_saved_one_goes_on_and_an_unknown_mode_is_refused() -> None:
    dual, other = (Dual("crop", 2, (1, 4, 4), 0.0, 0.0, CPU) for _ in range(2))
    dual.update(torch.randn(1, 1, 4, 4), batch([1], [2]))
    other.load_state_dict(dual.state_dict())
    assert torch.equal(other.values, dual.values)
    with pytest.raises(UsageError, match="did you mean shared"):
        Dual("share", 2, (1, 4, 4), 0.0, 0.0, CPU)


def test_a_round_of_the_bank_shows_every_crop_once_and_the_next_one_in_another_order() -> None:
    bank = bank_of(12)
    rounds = [[draw_from_bank(bank, 4, 0, step).places.tolist() for step in steps] for steps in (range(3), range(3, 6))]
    assert all(sorted(place for places in each for place in places) == list(range(12)) for each in rounds)
    assert rounds[0] != rounds[1]


def test_a_drawn_crop_is_the_banks_own_turned_by_what_it_says_and_lq_and_hq_alike() -> None:
    bank = bank_of(6)
    drawn = draw_from_bank(bank, 5, 3, 1)
    assert len(set(drawn.symmetries.tolist())) > 1
    for crop, large, place, symmetry in zip(drawn.lq, drawn.hq, drawn.places.tolist(), drawn.symmetries.tolist(), strict=True):
        assert torch.equal(dihedral_inverse(crop, symmetry), bank.lq[place])
        assert torch.equal(dihedral_inverse(large, symmetry), bank.hq[place])


def test_a_bank_smaller_than_a_batch_is_refused() -> None:
    with pytest.raises(UsageError, match="3 fixed crops"):
        draw_from_bank(bank_of(3), 4, 0, 0)
