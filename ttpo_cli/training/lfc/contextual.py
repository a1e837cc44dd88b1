"""The contextual loss: features of one image matched to the nearest of another's, wherever they lie (Mechrez et al., ECCV 2018)."""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from ttpo_cli.errors import WeightsError
from ttpo_cli.weights.checkpoint import load_checkpoint
from ttpo_cli.weights.pickled import is_pickled, load_pickled

Features = Callable[[Tensor], Tensor]

BANDWIDTH = 0.1
_IMAGENET_MEAN, _IMAGENET_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def contextual_loss(
    features: Tensor, target: Tensor, bandwidth: float = BANDWIDTH, mean: Callable[[Tensor], Tensor] = lambda tensor: tensor
) -> Tensor:
    """-log of the mean, over the target's positions, of the largest affinity any feature has to it. A scalar, 0 where all match.

    features, target: (N, C, h, w). Cosine distance about the target's mean over batch and positions; affinities are a softmax over
    targets of -distance / (nearest distance * bandwidth), which is the paper's normalised exponential without its overflow.
    mean: the average over the processes that share the batch.
    """
    centre = mean(target.mean(dim=(0, 2, 3), keepdim=True))
    own, wanted = (functional.normalize((maps - centre).flatten(2), dim=1) for maps in (features, target))
    # Image by image: the matrices of a whole batch fall out of the processor's cache.
    return torch.stack([_unlikeness(*pair, bandwidth) for pair in zip(own, wanted, strict=True)]).mean()


def _unlikeness(own: Tensor, wanted: Tensor, bandwidth: float) -> Tensor:
    """The loss of one image from unit features: (C, own positions), (C, target positions) -> scalar.

    With a nearest distance of m, exp(-distance / m / bandwidth) is exp(similarity / m / bandwidth) times what the softmax takes out.
    """
    similarity = (own.T @ wanted).clamp(0, 1)
    nearest = 1 - similarity.amax(dim=1, keepdim=True) + 1e-5
    affinity = torch.softmax(similarity * (1 / (nearest * bandwidth)), dim=1)
    return -torch.log(affinity.amax(dim=0).mean() + 1e-5)


def patch_features(image: Tensor, size: int = 5, stride: int = 3, start: tuple[int, int] = (0, 0)) -> Tensor:
    """Each size x size RGB patch as a feature, every `stride` pixels: (N, 3, H, W) -> (N, 3 * size^2, h, w). No weights needed.

    start: (row, column) of the first patch.
    """
    image = image[..., start[0] :, start[1] :]
    columns = functional.unfold(image, size, stride=stride)
    rows = (image.shape[-2] - size) // stride + 1
    return columns.unflatten(2, (rows, -1))


class VggFeatures(nn.Module):
    """relu3_4 of VGG19: (N, 3, H, W) RGB in [0, 1] -> (N, 256, H/4, W/4) (Simonyan & Zisserman 2015).

    The network is torchvision's; its weights come from a file (torchvision's state dict or its `features.*` part), since they are
    nothing this package may ship. The paper's code feeds it 0-255 images with means for 0-1; here the images are 0-1.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        from torchvision.models import vgg19

        self.layers = nn.Sequential(*list(vgg19(weights=None).features.children())[:18])
        self.layers.load_state_dict(self._state(path), strict=True)
        self.requires_grad_(False).eval()

    def _state(self, path: Path) -> dict[str, Tensor]:
        """The file's tensors for these layers. Raises WeightsError where one is missing or of another shape."""
        try:
            with path.open("rb") as stream:
                start = stream.read(32)
        except OSError as error:
            raise WeightsError(f"{path} cannot be read ({error.strerror}): give the file of VGG19's weights") from error
        tensors = load_pickled(path) if is_pickled(start) else load_checkpoint(path)[0]
        found = {name.removeprefix("features."): tensor for name, tensor in tensors.items() if isinstance(tensor, Tensor)}
        expected = self.layers.state_dict()
        for name, tensor in expected.items():
            shape = tuple(found[name].shape) if name in found else None
            if shape != tuple(tensor.shape):
                has = f"has shape {shape}" if shape else "is missing"
                raise WeightsError(
                    f"{path.name} is not VGG19: features.{name} {has}, {tuple(tensor.shape)} expected; give torchvision's file"
                )
        return {name: found[name] for name in expected}

    def forward(self, image: Tensor) -> Tensor:
        mean, deviation = (image.new_tensor(values).view(1, 3, 1, 1) for values in (_IMAGENET_MEAN, _IMAGENET_DEVIATION))
        return self.layers((image - mean) / deviation)
