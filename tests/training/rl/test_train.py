"""The whole training, tiny: a reward that rises, runs that resume to the bit, a result that loads, and what must stop or be refused."""

import dataclasses
import json
from itertools import islice

import pytest
import torch

from ttpo_cli.diffusion.priors.embedded import BANDS, HaarDenoiser, UNetSize, load_haar_prior, prior_metadata
from ttpo_cli.errors import TtpoError, UsageError
from ttpo_cli.metrics.metric import Metric
from ttpo_cli.training.data import find_photos
from ttpo_cli.training.rl import on_policy
from ttpo_cli.training.rl.data import PolicyDataOptions
from ttpo_cli.training.rl.lrpo import LrpoOptions
from ttpo_cli.training.rl.nft import NftOptions
from ttpo_cli.training.rl.on_policy_options import OnPolicyOptions
from ttpo_cli.training.rl.policy import PolicyOptions
from ttpo_cli.training.rl.reward_hacking import AlarmOptions
from ttpo_cli.training.rl.rewards import RewardOptions, load_reward_metric
from ttpo_cli.training.rl.rollout import RolloutOptions
from ttpo_cli.training.rl.train import train_policy
from ttpo_cli.training.run import load_state
from ttpo_cli.weights.checkpoint import load_checkpoint, save_checkpoint

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def photos(photo_folder):
    return find_photos([photo_folder])


@pytest.fixture(scope="module")
def prior(tmp_path_factory):
    """A tiny untrained prior as `ttpo train prior` writes it."""
    torch.manual_seed(0)
    denoiser = HaarDenoiser(UNetSize((16, 16), 1, 8), torch.full((2, BANDS), 0.1))
    path = tmp_path_factory.mktemp("prior") / "tiny.safetensors"
    save_checkpoint(path, denoiser.state_dict(), prior_metadata(denoiser))
    return path


def tiny(prior, **changes):
    policy = changes.pop("policy", {})
    given = {
        "steps": 4,
        "learning_rate": 1e-3,
        "policy": PolicyOptions(prior=str(prior), **policy),
        "data": PolicyDataOptions(photos=2, crop=32, blur=(0.1, 1.0), shrink=(1.0, 2.0)),
        "rollout": RolloutOptions(group=3, steps=2),
        "alarm": AlarmOptions(metrics=("gmsd",), photos=1, stop=False),
    }
    return OnPolicyOptions(**(given | changes))


def bytes_of(folder, stem="last"):
    return (folder / f"{stem}.safetensors").read_bytes()


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"objective": "finetune"},
        {"policy": {"train": "lora", "rank": 2}},
        {"objective": "nft", "nft": NftOptions(decay_rate=0.2)},
        {"objective": "nft", "policy": {"train": "lora", "rank": 2}, "reward": RewardOptions(advantage="decoupled")},
    ],
    ids=["all", "finetune", "lora", "nft", "nft-lora"],
)
def test_a_run_killed_and_resumed_equals_an_undisturbed_one_bit_for_bit(changes, prior, photos, tmp_path):
    if "policy" in changes:
        pytest.importorskip("peft", reason="LoRA is trained through peft, of the extra `lrpo`")
    options = tiny(prior, **changes)
    whole = list(train_policy(photos, tmp_path / "whole", options, CPU, every=2))
    assert [record["step"] for record in whole] == [0, 2, 4]
    list(islice(train_policy(photos, tmp_path / "killed", options, CPU, every=2), 2))
    assert load_state(tmp_path / "killed" / "state.pt")["step"] == 2
    resumed = list(train_policy(photos, tmp_path / "killed", options, CPU, every=2, resume=True))
    assert [record["step"] for record in resumed] == [4]
    for stem in ("last", "best"):
        assert bytes_of(tmp_path / "whole", stem) == bytes_of(tmp_path / "killed", stem)
    logs = [[json.loads(line) for line in (tmp_path / run / "log.jsonl").read_text().splitlines()] for run in ("whole", "killed")]
    assert [{**record, "seconds": 0} for record in logs[0]] == [{**record, "seconds": 0} for record in logs[1]]
    before, end = load_checkpoint(prior)[0], load_checkpoint(tmp_path / "whole" / "last.safetensors")[0]
    assert before.keys() == end.keys()
    assert any(not torch.equal(before[name], end[name]) for name in before)


def test_the_result_is_a_prior_that_restores_and_the_record_tells_what_was_measured(prior, photos, tmp_path):
    records = list(train_policy(photos, tmp_path, tiny(prior), CPU, every=4))
    loaded = load_haar_prior(tmp_path / "best.safetensors", CPU, "fp32")
    assert torch.isfinite(loaded.denoise(torch.randn(1, 3, 16, 16), torch.tensor([0.3]), torch.zeros(1, 3, 16, 16))).all()
    held = {"held_reward", "held_ranker", "held_bands", "held_low_band", "held_gmsd", "held_psnr", "held_low_error", "held_consistency"}
    assert held | {"spread", "spread_reward", "best_step"} <= records[0].keys()
    trained = {"reward", "dropped", "spread_within", "term_ranker", "spread_bands", "ratio_moved", "clipped", "regulariser"}
    assert held | trained <= records[1].keys()
    assert len(list((tmp_path / "images").iterdir())) == 2


@pytest.mark.parametrize("changes", [{}, {"objective": "nft", "nft": NftOptions(eta=1.0)}], ids=["lrpo", "nft"])
def test_a_reward_that_a_policy_can_move_rises(changes, prior, photos, tmp_path, monkeypatch):
    """Brightness of what is drawn: the shortest way for a policy to change its reward."""
    light = Metric("light", lambda image: image.mean(dim=(1, 2, 3)), False, False, 1, None, None, "x", "x", True, range=(0, 1), batch=64)
    load = load_reward_metric
    monkeypatch.setattr(
        "ttpo_cli.training.rl.rewards.load_reward_metric", lambda name, *rest: light if name == "light" else load(name, *rest)
    )
    options = tiny(
        prior,
        steps=15,
        learning_rate=3e-3,
        reward=RewardOptions(preset="none", weights={"light": 1.0}),
        rollout=RolloutOptions(group=8, steps=2),
        lrpo=LrpoOptions(truth_weight=0.0, clip=0.01),
        ema=0.0,
        **changes,
    )
    records = list(train_policy(photos, tmp_path, options, CPU, every=15))
    assert records[-1]["held_reward"] > records[0]["held_reward"] + 0.01


@pytest.mark.parametrize("objective", ["lrpo", "nft"])
def test_a_sample_whose_reward_is_no_number_is_dropped_and_counted(objective, prior, photos, tmp_path, monkeypatch):
    true_rewards = on_policy.rewards

    def spoilt(*arguments):
        earned = true_rewards(*arguments)
        earned.total[1] = torch.nan
        return earned

    monkeypatch.setattr(on_policy, "rewards", spoilt)
    records = list(train_policy(photos, tmp_path, tiny(prior, objective=objective), CPU, every=4))
    assert records[1]["dropped"] == 1
    assert all(torch.isfinite(value).all() for value in load_checkpoint(tmp_path / "last.safetensors")[0].values())


def test_the_alarm_stops_the_run_keeps_the_best_and_a_resumed_run_stays_stopped(prior, photos, tmp_path):
    """The margins below are negative: everything has fallen at once, and any rise of the reward is hacking."""
    alarm = AlarmOptions(metrics=("gmsd",), photos=1, margin=-9.0, psnr=-99.0, low_band=-9.0)
    reward = RewardOptions(only="ranker")
    options = tiny(prior, steps=40, alarm=alarm, reward=reward, rollout=RolloutOptions(group=3, steps=2, rows=2))
    records = list(train_policy(photos, tmp_path, options, CPU, every=1))
    assert "while these fell: held_gmsd" in records[-1]["alarm"]
    assert all("alarm" not in record for record in records[:-1])
    assert records[-1]["step"] < 40
    assert list(train_policy(photos, tmp_path, options, CPU, every=1, resume=True)) == []


def test_every_step_and_every_seed_draw_noise_of_their_own(prior, photos, tmp_path, monkeypatch):
    seeds, true_seeded = [], on_policy.rolling.seeded
    monkeypatch.setattr(on_policy.rolling, "seeded", lambda seed, *rest: seeds.append((seed, tuple(rest[0]))) or true_seeded(seed, *rest))
    for seed in (0, 1):
        list(train_policy(photos, tmp_path / str(seed), tiny(prior, steps=3, seed=seed), CPU, every=3))
    assert len({seed for seed, _ in seeds}) == len(seeds) == 6
    assert {inputs for _, inputs in seeds} == {(0, 1)}


def test_a_run_killed_before_its_first_checkpoint_begins_again_with_one_beginning(prior, photos, tmp_path):
    list(islice(train_policy(photos, tmp_path, tiny(prior, steps=1), CPU, every=1), 1))
    list(train_policy(photos, tmp_path, tiny(prior, steps=1), CPU, every=1, resume=True))
    assert [json.loads(line)["step"] for line in (tmp_path / "log.jsonl").read_text().splitlines()] == [0, 1]


def test_each_sample_is_judged_against_the_truth_of_its_own_input(prior, photos, tmp_path, monkeypatch):
    """Almost no noise and no wear: every sample is nearly its input, and so nearly its truth."""
    seen, true_rewards = [], on_policy.rewards
    monkeypatch.setattr(
        on_policy, "rewards", lambda images, truth, terms: seen.append((images, truth)) or true_rewards(images, truth, terms)
    )
    data = PolicyDataOptions(photos=2, crop=32, blur=(0.0, 0.0), shrink=(1.0, 1.0), noise=(0.0, 0.0), jpeg=(0.0, 0.0))
    options = tiny(prior, steps=1, data=data, rollout=RolloutOptions(group=3, steps=1, start=0.002, sigma_min=0.001))
    list(train_policy(photos, tmp_path, options, CPU))
    ((images, truth),) = seen
    assert float((images - truth).abs().mean()) < 0.01
    assert float((images - truth.roll(3, dims=0)).abs().mean()) > 0.05


def test_the_best_stays_the_untrained_prior_while_nothing_better_is_within_the_margins(prior, photos, tmp_path):
    options = tiny(prior, alarm=AlarmOptions(metrics=("gmsd",), photos=1, stop=False, psnr=0.0, margin=0.0, low_band=0.0))
    records = list(train_policy(photos, tmp_path, options, CPU, every=2))
    assert records[-1]["best_step"] == 0
    best, start = load_checkpoint(tmp_path / "best.safetensors")[0], load_checkpoint(prior)[0]
    assert all(torch.equal(best[name], start[name]) for name in start)


def test_another_reward_is_refused_on_resuming_with_the_differences_listed(prior, photos, tmp_path):
    options = tiny(prior)
    list(islice(train_policy(photos, tmp_path, options, CPU, every=2), 2))
    other = dataclasses.replace(options, reward=RewardOptions(weights={"niqe": 0.5}, only="bands"))
    with pytest.raises(UsageError, match=r"reward\.only:  -> bands; reward\.weights\.niqe: None -> 0\.5"):
        list(train_policy(photos, tmp_path, other, CPU, every=2, resume=True))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"objective": "ppo"}, "unknown objective 'ppo'"),
        ({"steps": 0}, "steps, alarm.photos and alarm.seeds"),
        ({"data": PolicyDataOptions(crop=33)}, r"data\.crop 33 is not a multiple"),
        ({"data": PolicyDataOptions(crop=32, blind=True)}, r"lrpo\.truth_weight=0"),
        ({"data": PolicyDataOptions(crop=32, blind=True), "lrpo": LrpoOptions(truth_weight=0)}, "no ground truth for the reward's bands"),
        ({"alarm": AlarmOptions(metrics=("ranker",))}, "which is in the reward"),
        ({"rollout": RolloutOptions(group=1)}, "a group of 1"),
        ({"policy": {"train": "controlnet"}}, "needs a latent prior"),
    ],
)
def test_what_is_invalid_is_refused_before_anything_is_written(changes, says, prior, photos, tmp_path):
    with pytest.raises(UsageError, match=says):
        list(train_policy(photos, tmp_path / "run", tiny(prior, **changes), CPU))
    assert not (tmp_path / "run").exists()


def test_low_quality_photos_alone_are_trained_on_with_a_blind_reward(prior, photos, tmp_path):
    options = tiny(
        prior,
        data=PolicyDataOptions(photos=2, crop=32, blind=True),
        lrpo=LrpoOptions(truth_weight=0),
        reward=RewardOptions(only="ranker"),
        alarm=AlarmOptions(metrics=("piqe",), photos=1, stop=False),
    )
    records = list(train_policy(photos, tmp_path, options, CPU, every=4))
    assert {"held_consistency", "held_piqe"} <= records[-1].keys()
    assert "held_psnr" not in records[-1]


def test_a_loss_that_is_no_number_stops_and_the_last_checkpoint_stands(prior, photos, tmp_path, monkeypatch):
    options = tiny(prior)
    training = train_policy(photos, tmp_path, options, CPU, every=2)
    list(islice(training, 2))
    monkeypatch.setattr("ttpo_cli.training.rl.lrpo.clipped_surrogate", lambda ratio, *rest: ratio * torch.nan)
    with pytest.raises(TtpoError, match=r"nan at step 2: .*state\.pt"):
        list(training)
    assert load_state(tmp_path / "state.pt")["step"] == 2
