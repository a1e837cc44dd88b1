"""LFC-SR checkpoints of `ttpo train lfc` as a Backbone, with the blend of both stages (Zhang et al., ECCV 2022, Eq. 14)."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ttpo_cli.backbones.backbone import Backbone
from ttpo_cli.backbones.lfc_sr import LFCSR, build_lfc_sr
from ttpo_cli.errors import UsageError, WeightsError
from ttpo_cli.weights.plausible import check_finite


class BlendedLFCSR(nn.Module):
    """lq -> (1 - blend) * objective + blend * perceptual: 0 for fidelity, 1 for perception."""

    def __init__(self, network: LFCSR, blend: float) -> None:
        super().__init__()
        self.network, self.blend = network, blend

    def forward(self, lq: Tensor) -> Tensor:
        objective, perceptual = self.network(lq)
        return torch.lerp(objective, perceptual, self.blend)


def lfc_backbone(
    name: str, state: Mapping[str, Tensor], metadata: Mapping[str, Any], sha256: str | None, blend: float = 1.0, licence: str | None = None
) -> Backbone:
    """Rebuild the network that `metadata` (preset, scale) names and load `state` strictly.

    Raises WeightsError for weights or metadata that do not fit, UsageError for a blend outside [0, 1].
    """
    if not 0 <= blend <= 1:
        raise UsageError(f"a blend of {blend} is out of range: choose from 0 (the objective stage) to 1 (the perceptual stage)")
    try:
        network = build_lfc_sr(metadata["preset"], int(metadata["scale"]))
        network.load_state_dict(state, strict=True)
    except (KeyError, ValueError, TypeError, RuntimeError, UsageError) as error:
        reason = " ".join(str(error).split())[:160]
        raise WeightsError(f"{name} says it is LFC-SR, but its weights do not fit ({reason}): train it again") from error
    check_finite(name, network)
    # Trained perceptual stage first, the two outputs have changed places; a blend is about what they are, not where they come from.
    share = 1 - blend if metadata.get("order") == "po" else blend
    blended = BlendedLFCSR(network, share).to(memory_format=torch.channels_last).eval().requires_grad_(False)
    return Backbone(
        name=name,
        task="super-resolution",
        architecture="LFC-SR",
        scale=network.scale,
        channels=3,
        network=blended,
        supports_half=True,
        supports_bfloat16=True,
        sha256=sha256,
        licence=licence,
        tags=(str(metadata["preset"]), f"blend {blend:g}"),
    )
