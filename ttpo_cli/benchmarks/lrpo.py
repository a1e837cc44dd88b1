"""What `ttpo train lrpo` costs: samples a second, and the shares of roll-out, reward and update, on synthetic photos."""

from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import torch

from ttpo_cli.benchmarks.lfc import smooth_noise
from ttpo_cli.diffusion.priors.random_models import random_parts
from ttpo_cli.errors import UsageError
from ttpo_cli.metrics.weight_files import FindWeights, not_stored
from ttpo_cli.training.data import Pair, to_uint8
from ttpo_cli.training.distributed import alone
from ttpo_cli.training.rl.data import load_restorer
from ttpo_cli.training.rl.latent_policy import latent_policy
from ttpo_cli.training.rl.load_policy import load_policy
from ttpo_cli.training.rl.on_policy import OnPolicy
from ttpo_cli.training.rl.on_policy_options import OnPolicyOptions, check
from ttpo_cli.training.rl.policy import Policy
from ttpo_cli.training.rl.rewards import load_terms
from ttpo_cli.training.rl.train import check_crop
from ttpo_cli.training.rl.validation import Measures


def measure_training(
    options: OnPolicyOptions, device: torch.device, repeats: int, random: str = "", small: bool = False, find: FindWeights = not_stored
) -> dict[str, Any]:
    """Means over `repeats` steps after one that warms up. random: an untrained model of this name in place of options.policy.prior.

    small: a small one of its kind. Raises UsageError for invalid options.
    """
    check(options)
    trained = random_policy(options, random, small, device) if random else load_policy(options.policy, device)
    check_crop(options, trained)
    measures = Measures(load_terms(options.reward, device, not options.data.blind, find), ())
    scale, restore = load_restorer(options.data, device)
    photo = to_uint8(smooth_noise(2 * options.data.crop))[0]
    pairs = [Pair("synthetic", photo, photo)]
    with TemporaryDirectory() as folder:
        on_policy = OnPolicy(trained, pairs, scale, restore, measures, options, alone(device), Path(folder))
        on_policy.step(0)
        before, began = dict(on_policy.seconds), perf_counter()
        for number in range(1, repeats + 1):
            on_policy.step(number)
        elapsed = perf_counter() - began
    seconds = {name: (spent - before[name]) / repeats for name, spent in on_policy.seconds.items()}
    whole = sum(seconds.values())
    samples = options.data.photos * options.rollout.group
    return {
        "prior": trained.prior.name,
        "trained_parameters": sum(parameter.numel() for parameter in trained.network.parameters()),
        "samples": samples,
        "samples_a_call": on_policy.parts.size,
        "samples_a_second": samples * repeats / elapsed,
        "seconds_a_step": elapsed / repeats,
        "seconds": seconds,
        "shares": {name: spent / whole for name, spent in seconds.items()},
        "notes": on_policy.parts.notes,
    }


def random_policy(options: OnPolicyOptions, name: str, small: bool, device: torch.device) -> Policy:
    """A latent policy with untrained weights. Raises UsageError for one of published size on a CPU."""
    if device.type == "cpu" and not small:
        raise UsageError(f"{name} of its published size takes hours on a CPU: give --small, or --device cuda")
    half = options.policy.precision == "bf16" and device.type == "cuda"
    parts = random_parts(name, small, device, torch.bfloat16 if half else torch.float32)
    return latent_policy(parts, options.policy, device)
