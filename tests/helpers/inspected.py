"""What an inspection says of a clean and of a noisy photo, and an engine that chooses a restorer by it."""

from dataclasses import replace

from fakes import tiny_engine
from torch import nn

from ttpo_cli.backbones.automatic import BACKBONES_OF_AUTO
from ttpo_cli.backbones.backbone import Backbone
from ttpo_cli.inspection.inspection import Inspection

CLEAN = Inspection(
    width=400,
    height=300,
    kind="photo",
    jpeg_quality=None,
    jpeg_quality_estimated=None,
    noise_sigma=0.0,
    effective_resolution=1.0,
    clipped_shadows=0.0,
    clipped_highlights=0.0,
)
NOISY = replace(CLEAN, noise_sigma=10 / 255)


def network(name, scale=4):
    return Backbone(name, "super-resolution", "test", scale, 3, nn.Upsample(scale_factor=scale))


def automatic():
    return replace(tiny_engine(), backbones=tuple(map(network, BACKBONES_OF_AUTO)), automatic=True)
