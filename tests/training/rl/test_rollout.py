"""Roll-outs and the update over them: one batch, the same numbers however it is cut, and a ratio of exactly one before anything moved."""

import copy

import pytest
import torch
from analytic_prior import gaussian_prior

from ttpo_cli.device.batching import Batch
from ttpo_cli.diffusion.ancestral import step_mean
from ttpo_cli.diffusion.priors.embedded import BANDS, HaarDenoiser, UNetSize
from ttpo_cli.errors import UsageError
from ttpo_cli.training.distributed import alone
from ttpo_cli.training.rl.embedded_policy import embedded_policy
from ttpo_cli.training.rl.finetune import finetune_update
from ttpo_cli.training.rl.lrpo import LrpoOptions, ScoredSamples, lrpo_update
from ttpo_cli.training.rl.policy import PolicyOptions
from ttpo_cli.training.rl.rollout import RolloutOptions, check, levels, roll_out, sample, seeded, trained_steps
from ttpo_cli.training.rl.update import Updater

CPU = torch.device("cpu")
OPTIONS = RolloutOptions(group=3, steps=3)


def policy(**options):
    torch.manual_seed(0)
    denoiser = HaarDenoiser(UNetSize((16, 16), 1, 8), torch.full((2, BANDS), 0.1))
    return embedded_policy(denoiser, PolicyOptions(**options), CPU)


def images(count=2):
    return torch.rand(count, 3, 16, 16, generator=torch.Generator().manual_seed(4))


def noise(seed=1, inputs=(0, 1), group=3):
    return seeded(seed, inputs, group, (3, 16, 16), CPU)


def rolled(chosen, parts=6, options=OPTIONS):
    return roll_out(chosen.prior, images(), noise(), options, Batch(parts, "samples"))


def updater(chosen, folder, parts=6, rate=1e-3):
    optimizer = torch.optim.SGD(chosen.network.parameters(), lr=rate)
    return Updater(chosen.network, optimizer, alone(CPU), Batch(parts, "samples"), 1e9, folder)


def judged(path, advantages=None, truth=None):
    values = torch.linspace(-1, 1, len(path.x0)) if advantages is None else advantages
    draw = torch.Generator().manual_seed(5)
    return ScoredSamples(path, values, truth, lambda count: torch.randn(count, *path.x0.shape, generator=draw))


def test_a_trajectory_s_log_probabilities_are_those_of_its_states():
    chosen = policy()
    path = rolled(chosen)
    assert path.states.shape == (4, 6, 3, 16, 16)
    for step in range(3):
        level, following, spread = float(path.sigmas[step]), float(path.sigmas[step + 1]), float(path.deviations[step])
        with torch.no_grad():
            x0_hat = chosen.prior.denoise(path.states[step], torch.full((6,), level), path.condition)
        mean = step_mean(path.states[step], x0_hat, level, following, spread)
        expected = torch.distributions.Normal(mean, spread).log_prob(path.states[step + 1]).mean(dim=(1, 2, 3))
        assert torch.allclose(path.log_probs[step], expected, atol=1e-5)


@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_the_ratio_is_exactly_one_before_the_policy_has_moved(tmp_path, precision, checkpointing):
    chosen = policy(precision=precision, checkpointing=checkpointing)
    path = rolled(chosen)
    still = lrpo_update(chosen.prior.denoise, judged(path), LrpoOptions(), 3, updater(chosen, tmp_path, rate=0.0), 0)
    assert still["ratio_moved"] == 0
    moved = lrpo_update(chosen.prior.denoise, judged(path), LrpoOptions(), 3, updater(chosen, tmp_path, rate=1.0), 0)
    assert moved["ratio_moved"] > 0


def weights(network):
    return torch.cat([parameter.detach().flatten() for parameter in network.parameters()])


def after(tmp_path, change=None, options=None, parts=6, **judgement):
    chosen = policy()
    path = rolled(chosen)
    if change is not None:
        path = change(path)
    before = weights(chosen.network)
    values = lrpo_update(chosen.prior.denoise, judged(path, **judgement), options or LrpoOptions(), 3, updater(chosen, tmp_path, parts), 0)
    return weights(chosen.network) - before, values


def test_equal_rewards_leave_the_policy_where_it_was(tmp_path):
    step, values = after(tmp_path, advantages=torch.zeros(6))
    assert torch.equal(step, torch.zeros_like(step))
    assert values["gradient_norm"] == 0


def test_the_policy_moves_towards_what_was_better(tmp_path):
    chosen = policy()
    path = rolled(chosen)
    advantages = torch.tensor([1.0, -1, 0, 0, 0, 0])
    lrpo_update(chosen.prior.denoise, judged(path, advantages), LrpoOptions(clip=1.0), 3, updater(chosen, tmp_path, rate=1e-2), 0)
    again = roll_out(chosen.prior, images(), noise(), OPTIONS, Batch(6, "samples"))
    with torch.no_grad():
        x0_hat = chosen.prior.denoise(path.states[0], torch.full((6,), float(path.sigmas[0])), path.condition)
    mean = step_mean(path.states[0], x0_hat, float(path.sigmas[0]), float(path.sigmas[1]), float(path.deviations[0]))
    log_probs = torch.distributions.Normal(mean, float(path.deviations[0])).log_prob(path.states[1]).mean(dim=(1, 2, 3))
    gain = log_probs - path.log_probs[0]
    assert gain[0] > 0 > gain[1]
    assert not torch.equal(again.x0, path.x0)


def test_a_dropped_sample_has_no_part_in_the_update(tmp_path):
    """Whatever the dropped sample's trajectory was, the update is the same."""
    advantages = torch.tensor([1.0, torch.nan, -1, 0.5, 0, 0])

    def spoilt(path):
        path.log_probs[:, 1] -= 3
        return path

    truth = images(6) * 2 - 1
    clean, spoiled = (after(tmp_path, change, advantages=advantages, truth=truth)[0] for change in (None, spoilt))
    assert torch.equal(clean, spoiled)
    assert not torch.equal(clean, torch.zeros_like(clean))


def test_the_ablations_change_the_update_and_the_truth_s_steps_are_the_last(tmp_path):
    truth = images(6) * 2 - 1
    whole, values = after(tmp_path, truth=truth)
    assert values["regulariser"] != 0
    without, none = after(tmp_path, truth=truth, options=LrpoOptions(truth_weight=0.0))
    assert none["regulariser"] == 0
    flat, _ = after(tmp_path, truth=truth, options=LrpoOptions(noise_levels=False))
    released, _ = after(tmp_path, truth=truth, options=LrpoOptions(truth="cumulative"))
    fewer, _ = after(tmp_path, truth=truth, options=LrpoOptions(truth_steps=1))
    steps = [whole, without, flat, released, fewer]
    assert all(not torch.equal(one, other) for index, one in enumerate(steps) for other in steps[:index])
    # With one regularised step of three, direct and cumulative noise are the same.
    alike = [after(tmp_path, truth=truth, options=LrpoOptions(truth_steps=1, truth=way))[0] for way in ("direct", "cumulative")]
    assert torch.equal(*alike)


class Told:
    """Stands in for an updater: keeps the loss of each step and moves nothing."""

    def __init__(self):
        self.losses = []

    def descend(self, losses, count, number):
        self.losses.append(losses(slice(0, count)).detach())
        return {"loss": 0.0, "gradient_norm": 0.0}


def test_a_step_s_loss_is_its_weighed_advantage_and_the_truth_counts_on_the_last_trained_steps_alone():
    chosen = policy()
    path, advantages = rolled(chosen), torch.tensor([1.0, -1, 2, 0, 0, 9])
    told = Told()
    lrpo_update(chosen.prior.denoise, judged(path, advantages), LrpoOptions(bound=3.0), 2, told, 0)
    # In DDIM's own form: d_s sqrt(abar_s), over its mean of the two steps that are trained.
    preserving = [float(path.deviations[step] / (1 + path.sigmas[step + 1] ** 2) ** 0.5) for step in range(2)]
    assert len(told.losses) == 2
    for loss, deviation in zip(told.losses, preserving, strict=True):
        weight = deviation / (sum(preserving) / 2)
        assert loss.tolist() == pytest.approx([-weight, weight, -min(3, 2 * weight), 0, 0, -3])
    told = Told()
    options = LrpoOptions(truth_steps=1, truth_weight=1.0)
    ones = ScoredSamples(path, torch.zeros(6), images(6), lambda count: torch.ones(count, *path.x0.shape))
    lrpo_update(chosen.prior.denoise, ones, options, 2, told, 0)
    assert not told.losses[0].any()
    level, following, spread = float(path.sigmas[1]), float(path.sigmas[2]), float(path.deviations[1])
    with torch.no_grad():
        mean = step_mean(
            path.states[1], chosen.prior.denoise(path.states[1], torch.full((6,), level), path.condition), level, following, spread
        )
    log_prob = torch.distributions.Normal(mean, spread).log_prob(images(6) + following).mean(dim=(1, 2, 3))
    assert torch.allclose(told.losses[1], 1 - torch.exp(log_prob / 40), atol=1e-4)


def test_passes_of_any_size_make_the_same_update_also_when_memory_runs_out(tmp_path):
    whole, _ = after(tmp_path, truth=images(6))
    parts, _ = after(tmp_path, truth=images(6), parts=4)
    assert torch.allclose(parts, whole, atol=1e-7)
    chosen = policy()
    path = rolled(chosen)
    before, calls = weights(chosen.network), []

    def short_of_memory(x, sigma, condition):
        calls.append(len(x))
        if len(x) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return chosen.prior.denoise(x, sigma, condition)

    lrpo_update(short_of_memory, judged(path, truth=images(6)), LrpoOptions(), 3, updater(chosen, tmp_path), 0)
    assert torch.allclose(weights(chosen.network) - before, whole, atol=1e-7)
    assert calls == [6, 3, 1, 1, 1, 1, 1, 1] + [1] * 12


def test_plain_fine_tuning_is_the_denoising_loss_at_the_roll_out_s_levels_and_lowers_it(tmp_path):
    chosen, truth = policy(), images(6) * 2 - 1
    given = (images(6), truth, noise(), OPTIONS)
    level = float(levels(chosen.prior, OPTIONS)[0])
    with torch.no_grad():
        draw = noise()
        draw(0)
        x = truth + level * draw(1)
        x0_hat = chosen.prior.denoise(x, torch.full((6,), level), images(6) * 2 - 1)
    expected = float((x0_hat - truth).square().mean()) / level**2
    one_level = (*given[:3], RolloutOptions(group=3, steps=3, trained=0.34))
    assert finetune_update(chosen.prior, *one_level, updater(chosen, tmp_path, rate=0.0), 0)["loss"] == pytest.approx(expected, rel=1e-5)
    losses = [
        finetune_update(chosen.prior, *given[:2], noise(), OPTIONS, updater(chosen, tmp_path, rate=1e-3), 0)["loss"] for _ in range(8)
    ]
    assert losses[-1] < losses[0]


def test_a_roll_out_takes_one_call_a_step_for_all_groups():
    chosen, calls = policy(), []

    def counted(x, sigma, condition):
        calls.append(len(x))
        return chosen.prior.denoise(x, sigma, condition)

    prior = copy.copy(chosen.prior)
    object.__setattr__(prior, "denoise", counted)
    roll_out(prior, images(), noise(), OPTIONS, Batch(6, "samples"))
    assert calls == [6] * 4


def test_an_input_s_samples_depend_on_its_number_alone_and_differ_among_themselves():
    both = roll_out(policy().prior, images(), noise(), OPTIONS, Batch(6, "samples"))
    second = roll_out(policy().prior, images()[1:], noise(inputs=(1,)), OPTIONS, Batch(6, "samples"))
    assert torch.allclose(both.x0[3:], second.x0, atol=1e-6)
    assert float((both.x0[0] - both.x0[1]).abs().mean()) > 1e-3
    assert torch.equal(both.condition[0], both.condition[2])
    assert not torch.equal(both.condition[2], both.condition[3])


def test_without_noise_in_its_steps_a_sample_is_the_ode_s():
    prior = gaussian_prior(0.1)
    options = RolloutOptions(steps=3, eta_validation=0.0)
    first, second = (
        sample(prior, images(), lambda number, after=after: noise(3, group=1)(0) * (1 if number == 0 else after), options, Batch(2, "x"))
        for after in (1.0, 7.0)
    )
    assert torch.equal(first, second)


def test_levels_begin_where_they_are_asked_to():
    prior = gaussian_prior()
    assert float(levels(prior, RolloutOptions(start=0.5))[0]) == 1.0
    with pytest.raises(UsageError, match=r"rollout\.origin=restored"):
        levels(prior, RolloutOptions(origin="noise"))
    object.__setattr__(prior, "sigma_max", 14.6)
    assert float(levels(prior, RolloutOptions(origin="noise"))[0]) == 14.6


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"group": 1}, "a group of 1 has no other sample"),
        ({"rows": -1}, "must not be negative"),
        ({"origin": "nois"}, "did you mean noise"),
        ({"eta": 0.0}, "no probability"),
        ({"trained": 0.1, "steps": 4}, "leaves none to train"),
    ],
)
def test_values_that_are_invalid_are_refused(changes, says):
    with pytest.raises(UsageError, match=says):
        check(RolloutOptions(**changes))


def test_the_share_of_trained_steps_is_the_papers_for_fifty():
    assert trained_steps(RolloutOptions(steps=50, trained=0.99)) == 49
    assert trained_steps(RolloutOptions(steps=6)) == 6
