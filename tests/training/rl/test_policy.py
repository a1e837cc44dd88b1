"""The embedded prior as a policy: all of its weights or LoRA, written as a prior that answers alike."""

import pytest
import torch

from ttpo_cli.diffusion.priors.embedded import BANDS, HaarDenoiser, UNetSize, load_haar_prior
from ttpo_cli.errors import UsageError, WeightsError
from ttpo_cli.training.rl.embedded_policy import embedded_policy
from ttpo_cli.training.rl.load_policy import load_policy
from ttpo_cli.training.rl.policy import PolicyOptions

CPU = torch.device("cpu")


def policy(**options):
    torch.manual_seed(0)
    denoiser = HaarDenoiser(UNetSize((16, 16), 1, 8), torch.full((2, BANDS), 0.1))
    return embedded_policy(denoiser, PolicyOptions(**options), CPU)


def answer(prior):
    x, condition = torch.randn(2, 2, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    return prior.denoise(x, torch.full((2,), 0.3), condition)


@pytest.mark.parametrize("train", ["all", "lora"])
def test_what_is_written_answers_as_the_policy_did(train, tmp_path):
    if train == "lora":
        pytest.importorskip("peft", reason="LoRA is trained through peft, of the extra `lrpo`")
    chosen = policy(train=train, rank=2, alpha=6.0)
    start = answer(chosen.prior).detach()
    assert torch.equal(start, answer(policy().prior))
    optimizer = torch.optim.SGD(chosen.network.parameters(), lr=1.0)
    for _ in range(2):
        optimizer.zero_grad()
        answer(chosen.prior).square().mean().backward()
        optimizer.step()
    moved = answer(chosen.prior).detach()
    assert not torch.allclose(moved, start, atol=1e-3)
    written = chosen.write(tmp_path, "best", {"method": "lrpo"})
    assert torch.allclose(answer(load_haar_prior(written, CPU, "fp32")), moved, atol=1e-5)


def test_lora_trains_a_small_part_and_leaves_the_rest():
    pytest.importorskip("peft", reason="LoRA is trained through peft, of the extra `lrpo`")
    whole, part = (
        sum(parameter.numel() for parameter in policy(**given).network.parameters()) for given in ({}, {"train": "lora", "rank": 1})
    )
    assert part < whole / 10


def test_the_embedded_prior_is_the_default_and_what_is_no_prior_is_refused(tmp_path):
    loaded = load_policy(PolicyOptions(), CPU)
    assert all(parameter.requires_grad for parameter in loaded.network.parameters())
    assert torch.allclose(answer(loaded.prior), answer(load_haar_prior(None, CPU, "fp32")))
    (tmp_path / "x.safetensors").write_bytes(b"none")
    with pytest.raises(WeightsError):
        load_policy(PolicyOptions(prior=str(tmp_path / "x.safetensors")), CPU)


@pytest.mark.parametrize(
    ("changes", "says"),
    [({"train": "lorra"}, "did you mean lora"), ({"precision": "fp8"}, "known: bf16, fp32"), ({"rank": 0, "train": "lora"}, "1 or more")],
)
def test_values_that_are_invalid_are_refused(changes, says):
    with pytest.raises(UsageError, match=says):
        load_policy(PolicyOptions(**changes), CPU)
