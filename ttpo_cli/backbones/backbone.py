"""A loaded restorer as a value: the function, and all that must be known to call it rightly."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, eq=False)
class Backbone:
    """A restoring network, loaded.

    Attributes:
        name: What the user calls it.
        task: What it undoes, in words.
        architecture: The family's name.
        scale: What it enlarges by; 1 where it does not.
        channels: 3, or 1 for a network of grey images.
        network: (1, channels, h, w) in [0, 1] -> (1, channels, h * scale, w * scale), in about [0, 1]. An nn.Module, or a function of the
            image alone that needs no weights.
        multiple: Input sides must be multiples of it.
        minimum: The least input side, pixels.
        supports_half, supports_bfloat16: Whether fp16 and bf16 are known to work.
        prefers_bfloat16: Whether a processor that computes bf16 may use it unasked: images differ by less than a grey level on average.
        context: Input pixels around a pixel on which its result depends; None where that is unknown.
        fixed_size: (height, width) of the only input it takes; None where sizes are free.
        tiling: Whether an image may be cut into tiles; False where the network looks at the whole image.
        sha256, licence, commercial_use: Of the weight file; None where there is none, or where they are unknown.
        noise_sigma: Deviation, in [0, 1] units, of the noise that a denoiser expects as an input; None where it takes none.
        tags: The architecture's variant.
        part: What of the weight file was taken, by its keys and prefix; None where it was all of it.
        other_parts: The other networks of that file.
    """

    name: str
    task: str
    architecture: str
    scale: int
    channels: int
    network: Callable[[Tensor], Tensor]
    multiple: int = 1
    minimum: int = 1
    supports_half: bool = False
    supports_bfloat16: bool = False
    prefers_bfloat16: bool = False
    fixed_size: tuple[int, int] | None = None
    tiling: bool = True
    context: int | None = None
    sha256: str | None = None
    licence: str | None = None
    commercial_use: bool | None = None
    noise_sigma: float | None = None
    tags: tuple[str, ...] = ()
    part: str | None = None
    other_parts: tuple[str, ...] = ()
