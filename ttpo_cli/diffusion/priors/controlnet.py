"""A tile ControlNet beside a UNet: whether a model takes one (arXiv 2302.05543: it is a copy of the UNet's encoder)."""

from ttpo_cli.diffusion.priors.diffusers_models import Layout
from ttpo_cli.errors import UsageError


def refuse_controlnet(layout: Layout) -> None:
    """Raises UsageError for a model whose network takes no ControlNet here."""
    if layout.network_class != "UNet2DConditionModel":
        raise UsageError(f"--prior-controlnet: {layout.name} is a {layout.network_class}, and only UNets take one here; leave it out")
