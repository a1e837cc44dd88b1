"""The policy that a training's options name: the embedded prior's or a latent one's."""

import torch

from ttpo_cli.diffusion.priors.catalog import locate
from ttpo_cli.diffusion.priors.embedded import load_denoiser
from ttpo_cli.training.rl.embedded_policy import embedded_policy
from ttpo_cli.training.rl.latent_policy import load_latent_policy
from ttpo_cli.training.rl.policy import Policy, PolicyOptions, check
from ttpo_cli.weights.manifest import embedded_path


def load_policy(options: PolicyOptions, device: torch.device) -> Policy:
    """The policy that the options name. Raises UsageError for a kind of training the prior does not have, WeightsError for its weights."""
    check(options)
    path = locate(options.prior).path
    if path is not None and path.is_dir():
        return load_latent_policy(path, options, device)
    return embedded_policy(load_denoiser(path or embedded_path("haar-prior")), options, device)
