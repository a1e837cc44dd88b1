"""Every architecture spandrel recognises by its weights' names and shapes, as a Backbone (chaiNNer-org/spandrel)."""

import importlib.util
import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from ttpo_cli.backbones.backbone import Backbone
from ttpo_cli.errors import WeightsError
from ttpo_cli.weights.networks_within import State, networks_within
from ttpo_cli.weights.pickled import DAMAGE
from ttpo_cli.weights.plausible import check_finite, check_plausible

# What an architecture undoes, where spandrel only says "Restoration".
TASKS = {
    "DnCNN": "denoise",
    "DRUNet": "denoise",
    "SCUNet": "denoise",
    "FBCNN": "JPEG artefacts",
    "HVICIDNet": "low light",
    "RetinexFormer": "low light",
    "MixDehazeNet": "haze",
}
PURPOSES = {"SR": "super-resolution", "FaceSR": "face restoration", "Restoration": "restoration"}

# spandrel calls the denoisers that take a noise level with this one.
EXPECTED_NOISE = 15 / 255


class SpandrelNetwork(nn.Module):
    """A spandrel descriptor as an nn.Module, so that it moves between devices as any other network does."""

    def __init__(self, descriptor: Any) -> None:
        super().__init__()
        self.model = descriptor.model
        self.descriptor = descriptor  # calls `model`, pads to its size rules and clamps to [0, 1]

    def forward(self, image: Tensor) -> Tensor:
        return self.descriptor(image)


def spandrel_backbone(path: Path, content: Mapping[str, Any], sha256: str) -> Backbone:
    """The network whose weights `content` holds (as loaded from `path`), out of a trainer's wrappers and prefixes.

    Of several, the first that fits is taken, in the order of `networks_within`. Raises WeightsError for an unknown architecture, weights
    that do not fit the one they look like, an inpainting network, and a network of other than grey or colour images.
    """
    import spandrel

    _add_extra_architectures()
    networks = networks_within(content, _is_known)
    if not networks:
        check_plausible(path.name, content)
        raise WeightsError(
            f"{path.name} was made for a network that ttpo does not know: give a checkpoint of one of the {len(spandrel.MAIN_REGISTRY)} "
            "that it does, such as ESRGAN, Compact, SwinIR, HAT, DAT, SCUNet or NAFNet"
        )
    for network in networks:
        check_plausible(path.name, network.state)
    refusals = []
    for network in networks:
        try:
            descriptor = _descriptor(path, network.state)
        except WeightsError as refusal:
            refusals.append(refusal)
            continue
        others = tuple(other.label for other in networks if not other.is_version_of(network))
        return replace(_backbone(path.stem, descriptor, sha256), part=network.label or None, other_parts=others)
    raise refusals[0]


def _is_known(state: State) -> bool:
    """Whether the names of weights are those of an architecture that spandrel has."""
    import spandrel

    canonical = spandrel.canonicalize_state_dict(dict(state))
    return any(architecture.detect(canonical) for architecture in spandrel.MAIN_REGISTRY.architectures("detection"))


def _descriptor(path: Path, state: State) -> Any:
    """The network of a state dict whose names are known. Raises WeightsError where it does not fit, or is of no use here."""
    import spandrel

    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="torch.meshgrid")
            descriptor = spandrel.ModelLoader(device="cpu").load_from_state_dict(dict(state))
    except (NameError, *DAMAGE) as error:
        reason = " ".join(str(error).split())[:160]
        raise WeightsError(
            f"{path.name} looks like a known network but does not fit it ({reason}): a variant, or damaged; give another checkpoint"
        ) from error
    if not isinstance(descriptor, spandrel.ImageModelDescriptor):
        raise WeightsError(f"{path.name} fills in masked holes ({descriptor.architecture.name}), which ttpo does not do: give a restorer")
    channels = descriptor.input_channels
    if channels not in (1, 3) or descriptor.output_channels != channels:
        raise WeightsError(
            f"{path.name} turns {channels} channels into {descriptor.output_channels}: ttpo needs one of colour (3) or grey (1) images"
        )
    check_finite(path.name, descriptor.model)
    return descriptor


def _add_extra_architectures() -> None:
    """Restormer, CodeFormer and others under licences of their own, where their package is installed."""
    if importlib.util.find_spec("spandrel_extra_arches") is not None:
        import spandrel_extra_arches  # pyright: ignore[reportMissingImports]

        spandrel_extra_arches.install(ignore_duplicates=True)


def _backbone(name: str, descriptor: Any, sha256: str) -> Backbone:
    """The descriptor's own statements, in the terms of `Backbone`."""
    import spandrel

    identity, size = str(descriptor.architecture.id), descriptor.size_requirements
    takes_noise = identity == "DRUNet" or "FDnCNN" in descriptor.tags
    return Backbone(
        name=name,
        task=TASKS.get(identity, PURPOSES[descriptor.purpose]) if descriptor.scale == 1 else PURPOSES[descriptor.purpose],
        architecture=descriptor.architecture.name,
        scale=descriptor.scale,
        channels=descriptor.input_channels,
        network=SpandrelNetwork(descriptor).eval().requires_grad_(False),
        multiple=size.multiple_of,
        minimum=max(size.minimum, 1),
        supports_half=descriptor.supports_half,
        supports_bfloat16=descriptor.supports_bfloat16,
        tiling=descriptor.tiling is spandrel.ModelTiling.SUPPORTED and descriptor.purpose != "FaceSR",
        sha256=sha256,
        noise_sigma=EXPECTED_NOISE if takes_noise else None,
        tags=tuple(descriptor.tags),
    )
