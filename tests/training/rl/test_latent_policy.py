"""Latent priors as policies: what is trained begins without effect, alone moves, and loads again as it was."""

import copy
import sys

import pytest
import torch
from tiny_models import quiet, save_family

from ttpo_cli.device.batching import Batch
from ttpo_cli.diffusion.denoiser import Scene
from ttpo_cli.diffusion.priors.latent import load_latent_prior
from ttpo_cli.errors import TtpoError, UsageError, WeightsError
from ttpo_cli.settings.prior import PriorOptions
from ttpo_cli.training.distributed import alone
from ttpo_cli.training.rl import lora
from ttpo_cli.training.rl.data import PolicyDataOptions
from ttpo_cli.training.rl.load_policy import load_policy
from ttpo_cli.training.rl.lrpo import LrpoOptions, ScoredSamples, lrpo_update
from ttpo_cli.training.rl.on_policy_options import OnPolicyOptions
from ttpo_cli.training.rl.policy import PolicyOptions, with_weights
from ttpo_cli.training.rl.reward_hacking import AlarmOptions
from ttpo_cli.training.rl.rollout import RolloutOptions, latent_shape, roll_out, seeded
from ttpo_cli.training.rl.train import train_policy
from ttpo_cli.training.rl.update import Updater

CPU = torch.device("cpu")
OPTIONS = RolloutOptions(group=2, steps=2, origin="noise", sigma_min=0.2)
KINDS = ("lora", "controlnet")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    quiet()
    return save_family("sd15", tmp_path_factory.mktemp("latent"))


def load(folder, kind, **options):
    if kind == "lora":
        pytest.importorskip("peft", reason="LoRA is trained through peft, of the extra `lrpo`")
    torch.manual_seed(0)
    return load_policy(PolicyOptions(prior=str(folder), train=kind, rank=2, **options), CPU)


def images():
    return torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))


def step(policy, folder, rate=1e-2):
    """One roll-out and its update by SGD."""
    shape = latent_shape(policy.prior, images())
    path = roll_out(policy.prior, images(), seeded(1, (0, 1), 2, shape, CPU), OPTIONS, Batch(4, "samples"))
    optimizer = torch.optim.SGD(policy.network.parameters(), lr=rate)
    updater = Updater(policy.network, optimizer, alone(CPU), Batch(4, "samples"), 1e9, folder)
    truth = policy.prior.encode(images()).repeat_interleave(2, dim=0)
    judged = ScoredSamples(path, torch.tensor([1.0, -1, 0.5, -0.5]), truth, lambda count: torch.zeros(count, *path.x0.shape))
    return lrpo_update(policy.prior.denoise, judged, LrpoOptions(truth_weight=1.0), 2, updater, 0)


@torch.no_grad()
def answer(prior):
    """x0_hat of fixed noise, under the condition the prior asks for."""
    latent = prior.encode(images())
    x = latent + 2 * torch.randn(latent.shape, generator=torch.Generator().manual_seed(2))
    condition = None if prior.condition is None else prior.condition(Scene(images()))
    return prior.denoise(x, torch.full((2,), 2.0), condition)


@pytest.mark.parametrize("kind", KINDS)
def test_it_begins_as_the_prior_moves_alone_and_loads_as_it_is(kind, folder, tmp_path):
    plain = load_latent_prior(folder, CPU, "fp32", PriorOptions())
    policy = load(folder, kind)
    assert torch.allclose(answer(policy.prior), answer(plain), atol=1e-5)
    for _ in range(3):
        step(policy, tmp_path, rate=10.0)
    moved = answer(policy.prior)
    assert not torch.allclose(moved, answer(plain), atol=1e-3)
    written = policy.write(tmp_path, "best", {"method": "lrpo"})
    loaded = load_latent_prior(folder, CPU, "fp32", PriorOptions(**{kind: str(written)}))
    assert torch.allclose(answer(loaded), moved, atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("changes", [{}, {"precision": "bf16"}, {"checkpointing": True}], ids=["fp32", "bf16", "checkpointing"])
def test_the_ratio_is_exactly_one_before_it_has_moved_and_only_what_is_trained_has_gradients(kind, changes, folder, tmp_path):
    policy = load(folder, kind, **changes)
    assert step(policy, tmp_path, rate=0.0)["ratio_moved"] == 0
    values = step(policy, tmp_path, rate=0.0)
    assert values["gradient_norm"] > 0
    assert all(parameter.dtype == torch.float32 and parameter.grad is not None for parameter in policy.network.parameters())


def test_checkpointing_changes_no_gradient(folder, tmp_path):
    grads = []
    for checkpointing in (False, True):
        policy = load(folder, "controlnet", checkpointing=checkpointing)
        step(policy, tmp_path, rate=0.0)
        grads.append(torch.cat([parameter.grad.flatten() for parameter in policy.network.parameters()]))
    assert torch.allclose(*grads, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_the_average_is_put_on_and_taken_off_again(kind, folder, tmp_path):
    policy = load(folder, kind)
    start, average = answer(policy.prior), copy.deepcopy(policy.network)
    for _ in range(3):
        step(policy, tmp_path, rate=10.0)
    moved = answer(policy.prior)
    with with_weights(policy.network, average):
        assert torch.equal(answer(policy.prior), start)
    assert torch.equal(answer(policy.prior), moved)
    assert not torch.equal(moved, start)


@pytest.mark.parametrize("family", ["sd3", "flux-dev"])
def test_transformers_take_lora_and_no_controlnet(family, tmp_path):
    quiet()
    folder = save_family(family, tmp_path)
    policy = load(folder, "lora")
    shape = latent_shape(policy.prior, images())
    x = torch.randn(2, *shape)
    policy.prior.denoise(x, torch.full((2,), 1.0), None).square().mean().backward()
    grads = [parameter.grad for name, parameter in policy.network.named_parameters() if "lora_B" in name]
    assert grads and all(grad is not None and bool(grad.any()) for grad in grads)
    with pytest.raises(UsageError, match=r"next to a UNet.*policy\.train=lora"):
        load(folder, "controlnet")


def test_a_whole_run_writes_a_lora_that_restores(folder, photo_folder, tmp_path):
    pytest.importorskip("peft", reason="LoRA is trained through peft, of the extra `lrpo`")
    options = OnPolicyOptions(
        steps=1,
        policy=PolicyOptions(prior=str(folder), train="lora", rank=2),
        data=PolicyDataOptions(photos=1, crop=32),
        rollout=RolloutOptions(group=2, steps=1, origin="noise", sigma_min=0.5),
        alarm=AlarmOptions(metrics=("gmsd",), photos=1),
    )
    list(train_policy(sorted(photo_folder.iterdir()), tmp_path, options, CPU))
    load_latent_prior(folder, CPU, "fp32", PriorOptions(lora=str(tmp_path / "best-lora.safetensors")))


def test_what_cannot_be_trained_or_loaded_is_said(folder, tmp_path, monkeypatch):
    with pytest.raises(UsageError, match=r"policy\.train=lora or policy\.train=controlnet"):
        load(folder, "all")
    policy = load(folder, "lora")
    written = policy.write(tmp_path, "best", {})
    quiet()
    other = save_family("sd3", tmp_path)
    with pytest.raises(WeightsError, match=r"best-lora\.safetensors changes .* it is of another prior"):
        load_latent_prior(other, CPU, "fp32", PriorOptions(lora=str(written)))
    with pytest.raises(TtpoError, match="no layer of Linear takes LoRA"):
        lora.inject(torch.nn.Linear(2, 2), ("to_q",), 2, 2.0)
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(TtpoError, match=r"needs the package peft: pip install 'ttpo\[lrpo\]'"):
        lora.inject(torch.nn.Linear(2, 2), ("to_q",), 2, 2.0)
