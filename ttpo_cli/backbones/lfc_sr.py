"""LFC-SR: an objective stage, then a perceptual stage bound to its low frequencies (Zhang et al., ECCV 2022)."""

from dataclasses import dataclass, field

from torch import Tensor, nn

from ttpo_cli.backbones.han import HAN, HANConfig
from ttpo_cli.backbones.res_clique import CliqueConfig, CliqueNet
from ttpo_cli.errors import UsageError, unknown_name


@dataclass(frozen=True)
class LFCSRConfig:
    """The two stages of one preset."""

    han: HANConfig = field(default_factory=HANConfig)
    clique: CliqueConfig = field(default_factory=CliqueConfig)


# The paper's network (18.7 M parameters), and one that two CPU cores can train (0.7 M) thanks to its image skips.
LFC_SR: dict[str, LFCSRConfig] = {
    "lfc-sr": LFCSRConfig(),
    "lfc-sr-small": LFCSRConfig(
        HANConfig(groups=4, blocks=4, features=32, reduction=8, skip="bicubic", pixel_range=1.0),
        CliqueConfig(blocks=5, width=16, skip="identity", pixel_range=1.0),
    ),
}

SCALES = (2, 3, 4)


class LFCSR(nn.Module):
    """lq (N, 3, H, W) RGB in [0, 1] -> (objective, perceptual), both (N, 3, scale*H, scale*W), unclamped.

    `detach=True` is the ADMM mode: the perceptual stage receives the objective image without its graph, so that neither stage's loss
    reaches the other. The stages are also called alone in training, as `objective_stage(lq)` and `perceptual_stage(objective)`.
    """

    def __init__(self, han: HANConfig, clique: CliqueConfig, scale: int = 4) -> None:
        super().__init__()
        self.scale = scale
        self.objective_stage = HAN(han, scale)
        self.perceptual_stage = CliqueNet(clique)

    def forward(self, lq: Tensor, detach: bool = False) -> tuple[Tensor, Tensor]:
        objective = self.objective_stage(lq)
        return objective, self.perceptual_stage(objective.detach() if detach else objective)


def build_lfc_sr(preset: str, scale: int = 4) -> LFCSR:
    """An untrained network of the preset `lfc-sr` or `lfc-sr-small` for scale 2, 3 or 4. Raises UsageError for any other."""
    if preset not in LFC_SR:
        raise unknown_name("LFC-SR preset", preset, LFC_SR)
    if scale not in SCALES:
        raise UsageError(f"LFC-SR has no scale {scale}: choose 2, 3 or 4")
    config = LFC_SR[preset]
    return LFCSR(config.han, config.clique, scale)
