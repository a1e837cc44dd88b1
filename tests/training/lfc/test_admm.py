"""PD-ADMM: each step reaches the stage it is for, the dual variable adds up, and the constraint does what it says."""

from collections.abc import Callable, Iterable
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torch.optim import SGD, Adam, Optimizer

from ttpo_cli.backbones.han import HANConfig
from ttpo_cli.backbones.lfc_sr import LFCSR
from ttpo_cli.backbones.res_clique import CliqueConfig
from ttpo_cli.errors import UsageError
from ttpo_cli.imaging.wavelets import low_band
from ttpo_cli.training.lfc.admm import AdmmOptions, Parts, admm_round, check, decayed, joint_round, penalty
from ttpo_cli.training.lfc.contextual import patch_features
from ttpo_cli.training.lfc.discriminator import Discriminator

Values = dict[str, float]


class Bench:
    """A tiny LFC-SR whose forwards and updates are written down."""

    def __init__(self, optimizer: Callable[[Iterable[Tensor]], Optimizer] = lambda parameters: SGD(parameters, lr=1e-6)) -> None:
        torch.manual_seed(0)
        han = HANConfig(groups=1, blocks=1, features=8, reduction=2, skip="bicubic", pixel_range=1.0)
        self.network = LFCSR(han, CliqueConfig(blocks=1, width=4, skip="identity", pixel_range=1.0), scale=2)
        for parameter in self.network.parameters():
            nn.init.normal_(parameter, std=0.05)
        self.judge = Discriminator(features=4, crop=None)
        self.forwards: list[tuple[str, bool]] = []
        self.updates: list[tuple[float, tuple[int, ...]]] = []
        stages = (optimizer(self.network.objective_stage.parameters()), optimizer(self.network.perceptual_stage.parameters()))
        self.optimizers = (*stages, optimizer(self.judge.parameters()))
        own = (self.network, self.judge, patch_features, stages, self.optimizers[2])
        self.parts = Parts(*own, self.predict, self.update, lambda mean: mean)
        self.lq, self.hq = torch.rand(2, 3, 8, 8), torch.rand(2, 3, 16, 16)

    def predict(self, network: nn.Module, image: Tensor) -> Tensor:
        name = {self.network.objective_stage: "first", self.network.perceptual_stage: "second", self.judge: "judge"}[network]
        self.forwards.append((name, torch.is_grad_enabled()))
        return network(image)

    def update(self, loss: Tensor, optimizers: Iterable[Optimizer]) -> None:
        chosen = tuple(optimizers)
        self.updates.append((float(loss.detach()), tuple(self.optimizers.index(each) for each in chosen)))
        for each in chosen:
            each.zero_grad()
        loss.backward()
        for each in chosen:
            each.step()

    def weights(self) -> tuple[Tensor, Tensor]:
        stages = (self.network.objective_stage, self.network.perceptual_stage)
        return tuple(torch.cat([each.detach().flatten().clone() for each in stage.parameters()]) for stage in stages)  # type: ignore[return-value]


PLAIN = AdmmOptions(lambda_cx=0.0, lambda_gen=0.0, lambda_d=0.0, rho=0.5)
ZERO = torch.zeros(())


def test_a_round_takes_two_forwards_of_the_first_stage_and_three_of_the_second() -> None:
    bench = Bench()
    admm_round(bench.lq, bench.hq, ZERO, bench.parts, PLAIN)
    names = [name for name, _ in bench.forwards]
    assert (names.count("first"), names.count("second")) == (2, 3)
    # With a graph: one forward of each, for the one step each takes.
    assert [name for name, graph in bench.forwards if graph and name != "judge"] == ["first", "second"]


@pytest.mark.parametrize(("order", "stages"), [("op", [2, 1, 0]), ("po", [2, 0, 1])])
def test_the_perceptual_loss_moves_the_stage_it_is_for_and_then_the_objective_loss_the_other(order: str, stages: list[int]) -> None:
    bench = Bench()
    values, _ = admm_round(bench.lq, bench.hq, ZERO, bench.parts, replace(PLAIN, order=order, lambda_d=1.0, rho=0.0))
    assert [chosen for _, chosen in bench.updates] == [(stage,) for stage in stages]
    assert bench.updates[1][0] == pytest.approx(values["loss_low"])
    assert bench.updates[2][0] == pytest.approx(values["loss_objective"])


def test_the_losses_of_a_round_are_those_of_the_equations() -> None:
    bench = Bench()
    s = torch.randn(2, 3, 8, 8)
    with torch.no_grad():
        first = bench.network.objective_stage(bench.lq)
        second = bench.network.perceptual_stage(first)
    options = replace(PLAIN, lambda_d=2.0)
    admm_round(bench.lq, bench.hq, s, bench.parts, options)
    # x2: what the input shows is LL of one level; everything in 0-255 units, LL with its gain of 2.
    visible = (low_band(second) - low_band(bench.hq)).abs().mean() * 255
    coupling = 0.25 * (255 * (low_band(second) - low_band(first)) + s).square().mean()
    assert bench.updates[1][0] == pytest.approx(float(2 * visible + coupling), rel=1e-5)
    # The objective step sees the perceptual stage as it is after its own step.
    with torch.no_grad():
        second = bench.network.perceptual_stage(first)
    coupling = 0.25 * (255 * (low_band(second) - low_band(first)) + s).square().mean()
    assert bench.updates[2][0] == pytest.approx(float(255 * (first - bench.hq).abs().mean() + coupling), rel=1e-5)


def test_the_difference_for_the_dual_step_is_that_of_both_updated_stages() -> None:
    bench = Bench()
    _, difference = admm_round(bench.lq, bench.hq, ZERO, bench.parts, PLAIN)
    with torch.no_grad():
        first, second = bench.network(bench.lq)
    assert torch.allclose(difference, 255 * (low_band(second) - low_band(first)), atol=1e-3)
    assert not difference.requires_grad


def test_in_the_other_order_the_difference_has_the_other_sign() -> None:
    bench = Bench(lambda parameters: SGD(parameters, lr=0.0))
    _, forward = admm_round(bench.lq, bench.hq, ZERO, bench.parts, PLAIN)
    _, backward = admm_round(bench.lq, bench.hq, ZERO, bench.parts, replace(PLAIN, order="po"))
    assert torch.allclose(forward, -backward, atol=1e-3)
    assert float(forward.abs().max()) > 0


def test_s_pushes_the_two_stages_towards_each_other_from_opposite_sides() -> None:
    """A positive s says LF_P was too high: the perceptual step lowers LF_P, the objective step raises LF_O."""
    moves = {}
    for sign in (-1.0, 1.0):
        bench = Bench()
        s = torch.full((2, 3, 8, 8), 1e4 * sign)
        with torch.no_grad():
            before = bench.network.objective_stage(bench.lq)
            upper = bench.network.perceptual_stage(before)
        admm_round(bench.lq, bench.hq, s, bench.parts, replace(PLAIN, rho=1e-3))
        with torch.no_grad():
            after = bench.network.objective_stage(bench.lq)
            moves[sign] = (float((bench.network.perceptual_stage(before) - upper).mean()), float((after - before).mean()))
    assert moves[1.0][0] < 0 < moves[1.0][1]
    assert moves[-1.0][1] < 0 < moves[-1.0][0]


def test_without_a_constraint_neither_rho_nor_s_matters() -> None:
    ends = []
    for rho, s in ((0.5, ZERO), (9.0, torch.randn(2, 3, 8, 8))):
        bench = Bench()
        options = replace(PLAIN, constraint="none", rho=rho, lambda_d=1.0)
        admm_round(bench.lq, bench.hq, s, bench.parts, options)
        ends.append(bench.weights())
    assert all(torch.equal(one, other) for one, other in zip(*ends, strict=True))


def test_the_regulariser_moves_both_stages_at_once_and_its_weight_draws_their_low_bands_together() -> None:
    gaps = []
    options = replace(PLAIN, constraint="regulariser", lambda_d=1.0)
    for weight in (0.0, 50.0):
        bench = Bench(lambda parameters: Adam(parameters, lr=1e-3))
        values: Values = {}
        for _ in range(12):
            values, difference = joint_round(bench.lq, bench.hq, bench.parts, replace(options, lambda_r=weight))
        assert bench.updates[1][1] == (0, 1)
        assert values["penalty"] == pytest.approx(weight / 2 * float(difference.square().mean()), rel=0.3, abs=1e-9)
        gaps.append(float(difference.abs().mean()))
    assert gaps[1] < 0.7 * gaps[0]


def test_the_judge_learns_only_in_its_own_step() -> None:
    bench = Bench()
    before = [parameter.detach().clone() for parameter in bench.judge.parameters()]
    options = replace(PLAIN, lambda_gen=100.0)
    bench.optimizers[2].param_groups[0]["lr"] = 0.0
    admm_round(bench.lq, bench.hq, ZERO, bench.parts, options)
    assert all(torch.equal(one, other) for one, other in zip(before, bench.judge.parameters(), strict=True))
    bench.optimizers[2].param_groups[0]["lr"] = 0.1
    admm_round(bench.lq, bench.hq, ZERO, bench.parts, options)
    assert not all(torch.equal(one, other) for one, other in zip(before, bench.judge.parameters(), strict=True))


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_a_teacher_has_its_share_of_the_perceptual_images_target_and_the_truth_the_rest(share: float) -> None:
    bench, teacher = Bench(), torch.rand(2, 3, 16, 16)
    options = replace(PLAIN, lambda_cx=2.0, lambda_d=3.0, lambda_gen=0.5, rho=0.0, distillation=share)
    values, _ = admm_round(bench.lq, bench.hq, ZERO, bench.parts, options, teacher)
    terms = [values[f"loss_{name}"] for name in ("contextual", "low", "adversarial", "distillation")]
    weights = [2.0 * (1 - share), 3.0 * (1 - share), 0.5, share]
    # The discriminator's update comes first, the perceptual stage's second.
    assert bench.updates[1][0] == pytest.approx(sum(weight * term for weight, term in zip(weights, terms, strict=True)), rel=1e-4)


@pytest.mark.parametrize("constraint", ["admm", "regulariser"])
def test_a_teacher_draws_the_perceptual_image_and_leaves_the_objective_ones_target_alone(constraint: str) -> None:
    bench = Bench(lambda parameters: Adam(parameters, lr=3e-3))
    teacher = bench.hq.flip(1)
    options = replace(PLAIN, constraint=constraint, rho=0.0, lambda_r=0.0, distillation=1.0)
    one_round = joint_round if constraint == "regulariser" else lambda lq, hq, *rest: admm_round(lq, hq, ZERO, *rest)
    first: Values = {}
    values: Values = {}
    for _ in range(40):
        values, _ = one_round(bench.lq, bench.hq, bench.parts, options, teacher)
        first = first or values
    assert values["loss_distillation"] < 0.8 * first["loss_distillation"]
    assert values["loss_objective"] < 0.8 * first["loss_objective"]


def test_the_penalty_is_a_mean_or_a_sum_over_an_image() -> None:
    difference = torch.randn(4, 3, 5, 5)
    assert float(penalty(difference, 2.0, "mean")) == pytest.approx(float(difference.square().mean()))
    assert float(penalty(difference, 2.0, "sum")) == pytest.approx(float(difference.square().mean()) * 75)


def test_rates_fall_at_their_shares_of_the_steps() -> None:
    assert [decayed(1.0, step, 100, 0.5, (0.4, 0.65)) for step in (0, 39, 40, 64, 65, 99)] == [1.0, 1.0, 0.5, 0.5, 0.25, 0.25]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (AdmmOptions(constraint="admn"), "did you mean admm"),
        (AdmmOptions(order="oo"), "unknown order"),
        (AdmmOptions(low_pass="har"), "did you mean haar"),
        (AdmmOptions(norm="max"), "unknown norm"),
        (AdmmOptions(discriminator="big"), "unknown discriminator"),
        (AdmmOptions(dual="crop", crops=0), "needs fixed crops"),
        (AdmmOptions(constraint="none", dual="croop"), "did you mean crop"),
        (AdmmOptions(constraint="regulariser", order="po"), "trains both stages together"),
        (AdmmOptions(teacher="bicubic", crops=0, dual="shared"), "a teacher restores fixed crops"),
        (AdmmOptions(distillation=1.5), "a share, 0 to 1"),
    ],
)
def test_choices_that_do_not_exist_or_exclude_each_other_are_refused(options: AdmmOptions, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        check(options)
