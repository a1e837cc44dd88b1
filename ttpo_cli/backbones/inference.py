"""Run a backbone over a photo: precision, grey networks on colour, tiles that fit the memory; each fallback is said in the notes."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ttpo_cli.backbones.backbone import Backbone
from ttpo_cli.backbones.onnx_models import OnnxNetwork
from ttpo_cli.device.device import affordable_side, has_bfloat16, is_out_of_memory
from ttpo_cli.errors import MemoryExhausted, UsageError, WeightsError
from ttpo_cli.imaging.colour import is_grey, without_colour
from ttpo_cli.imaging.exact_tiles import map_exact_tiles
from ttpo_cli.imaging.shrinking_tiles import ShrinkingTiles
from ttpo_cli.imaging.tiles import Overlap, map_tiles
from ttpo_cli.progress import OnCount
from ttpo_cli.settings.restore import Precision, RestoreOptions

DTYPES: dict[Precision, torch.dtype] = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}

SMALLEST_TILE = 32
# Architectures whose task is to paint colours into black-and-white images.
COLOURING = ("DDColor",)

# A receptive field up to this is given to every tile on all sides; of a larger one, the middle alone counts for much.
LARGEST_CONTEXT = 64


@dataclass(frozen=True)
class Restored:
    """image: (1, 3, H * scale, W * scale) float32 in [0, 1] on the device, or on the CPU where tiles made it; tile_used: 0 for one piece,
    else the smallest that memory asked for; notes: what was done otherwise.
    """

    image: Tensor
    precision_used: Precision
    tile_used: int
    notes: tuple[str, ...]


class _Unstable(Exception):
    """A tile came out as NaN or black."""


def restore(
    backbone: Backbone,
    lq: Tensor,
    device: torch.device,
    options: RestoreOptions | None = None,
    on_tile: OnCount | None = None,
) -> Restored:
    """The backbone's image of `lq`, (1, 3, H, W) RGB in [0, 1] of any size. The network is moved to `device` and stays there.

    A black-and-white image stays one, whatever colours the network paints into it, unless it is a network that colours.
    NaN or black output in bf16 or fp16 is computed again in fp32; out of memory halves the tile. Both are said in the notes.
    Raises WeightsError for NaN in fp32, MemoryExhausted where the smallest tile does not fit, UsageError for impossible options.
    """
    options = RestoreOptions() if options is None else options
    if lq.ndim != 4 or tuple(lq.shape[:2]) != (1, 3):
        raise ValueError(f"a backbone restores (1, 3, H, W), got {tuple(lq.shape)}")
    lq = lq.to(device)
    place(backbone, device)
    precision, notes = choose_precision(backbone, device, options.precision)
    tile, tile_notes = choose_tile(backbone, lq, device, options)
    notes += tile_notes + _notes_of(backbone, lq)
    while True:
        try:
            image, tiles = _run(backbone, lq, precision, tile, choose_overlap(backbone, options.overlap), on_tile)
            if is_grey(lq) and backbone.architecture not in COLOURING:
                image = without_colour(image)
            return Restored(image=image, precision_used=precision, tile_used=tiles.limit or tile, notes=(*notes, *tiles.notes))
        except _Unstable as error:
            notes.append(f"{backbone.name} returned NaN or black in {precision}: computed again in fp32")
            precision = _steadier(backbone, precision, error)


def place(backbone: Backbone, device: torch.device) -> None:
    """Move the network's weights to `device`. Raises MemoryExhausted where not even they fit."""
    try:
        if isinstance(backbone.network, nn.Module):
            backbone.network.to(device)
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        raise MemoryExhausted(f"the weights of {backbone.name} do not fit into the memory of {device}: use --device cpu") from error


def choose_precision(backbone: Backbone, device: torch.device, asked: str) -> tuple[Precision, list[str]]:
    """The precision to run in, and a note where it is not the asked one. Raises UsageError for an unknown name."""
    if asked not in ("auto", *DTYPES):
        raise UsageError(f"unknown precision '{asked}': known: auto, {', '.join(DTYPES)}")
    if not isinstance(backbone.network, nn.Module):
        return "fp32", []
    if asked == "auto":
        if device.type == "cuda" and backbone.supports_half:
            return "fp16", []
        if device.type == "cpu" and backbone.prefers_bfloat16 and has_bfloat16(device):
            return "bf16", [f"{backbone.name} computed in bf16, which this processor has: --precision fp32 takes twice as long"]
        return "fp32", []
    known = {"fp32": True, "bf16": backbone.supports_bfloat16, "fp16": backbone.supports_half}
    for precision in DTYPES:
        if asked == precision and known[precision]:
            return precision, []
    return "fp32", [f"{backbone.architecture} is not known to work in {asked}: computed in fp32"]


def choose_tile(backbone: Backbone, lq: Tensor, device: torch.device, options: RestoreOptions) -> tuple[int, list[str]]:
    """The tile's side (0: one piece), and a note where the network would rather see the whole image. Raises UsageError."""
    longest = max(lq.shape[-2:])
    if backbone.fixed_size is not None:
        height, width = backbone.fixed_size
        return max(height, width), [f"{backbone.name} takes only images of {width}x{height} pixels: restored in tiles of that size"]
    if options.overlap < 0:
        raise UsageError(f"an overlap of {options.overlap} pixels: choose 0 or more")
    if options.tile == "auto":
        side = affordable_side(device)
        tile = 0 if lq.shape[-2] * lq.shape[-1] <= side**2 else _fit(side, backbone)
    elif options.tile == 0:
        tile = 0
    elif options.tile < SMALLEST_TILE:
        raise UsageError(f"a tile of {options.tile} pixels: choose at least {SMALLEST_TILE}, or 0 for one piece")
    else:
        tile = _fit(options.tile, backbone)
    if tile >= longest:
        tile = 0
    if tile and not backbone.tiling:
        return tile, [f"{backbone.architecture} looks at the whole image, and tiles of {tile} pixels may differ from each other"]
    return tile, []


def _fit(side: int, backbone: Backbone) -> int:
    """The largest multiple of the network's that is at most `side`, but not below its smallest."""
    return max(side // backbone.multiple * backbone.multiple, backbone.minimum, backbone.multiple)


def choose_overlap(backbone: Backbone, asked: int) -> Overlap:
    """What tiles share: `asked` pixels, or more where the network's receptive field is known and small enough that tiles can be exact.

    Of a larger field, tiles leave out the outer quarters of what they share, where they are least like the whole image.
    """
    context = backbone.context
    if context is None:
        return Overlap(pixels=asked)
    if context > LARGEST_CONTEXT:
        return Overlap(pixels=asked, context=asked // 4)
    return Overlap(pixels=max(asked, 2 * context), context=context)


def _notes_of(backbone: Backbone, lq: Tensor) -> list[str]:
    """What a user should know of this network on this photo."""
    notes = []
    if backbone.other_parts:
        notes.append(f"{backbone.name} holds several networks: {backbone.part} was taken, not {', '.join(backbone.other_parts)}")
    if backbone.task == "face restoration":
        notes.append(f"{backbone.name} is made for one upright face that fills the photo")
    if isinstance(backbone.network, OnnxNetwork) and not backbone.network.runs_on(lq.device):
        notes.append(f"this onnxruntime does not compute on {lq.device.type}: {backbone.name} was computed on the CPU")
    if backbone.channels == 1 and not _is_grey(lq):
        notes.append(f"{backbone.name} works on grey images: red, green and blue were restored one by one")
    return notes


def _is_grey(image: Tensor) -> bool:
    return bool((image == image[:, :1]).all())


def _steadier(backbone: Backbone, precision: Precision, error: Exception) -> Precision:
    """fp32 after half precision failed. Raises WeightsError where fp32 itself failed."""
    if precision == "fp32":
        raise WeightsError(f"{backbone.name} returns NaN or black even in fp32: its weights are damaged, download them again") from error
    return "fp32"


def _run(
    backbone: Backbone, lq: Tensor, precision: Precision, tile: int, overlap: Overlap, on_tile: OnCount | None
) -> tuple[Tensor, ShrinkingTiles]:
    """One attempt at one precision, and how its tiles shrank. Raises _Unstable, MemoryExhausted, or what the network raises."""

    def call(image: Tensor) -> Tensor:
        with torch.inference_mode(), torch.autocast(image.device.type, DTYPES[precision], enabled=precision != "fp32"):
            output = backbone.network(image)
        output = output.float()
        if not bool(torch.isfinite(output).all()) or (output.amax() < 1 / 255 and image.mean() > 8 / 255):
            raise _Unstable
        return output

    grey = _is_grey(lq)

    def function(image: Tensor) -> Tensor:
        if backbone.channels == 3:
            return call(image)
        if grey:
            return call(image[:, :1]).expand(-1, 3, -1, -1)
        return torch.cat([call(channel) for channel in image.split(1, dim=1)], dim=1)

    size: dict[str, Any] = {"scale": backbone.scale, "multiple": backbone.multiple, "minimum": backbone.minimum}
    complaint = f"{backbone.name} does not fit into the memory of {lq.device}"
    tiles = ShrinkingTiles(function=function, overlap=overlap, smallest=SMALLEST_TILE, complaint=complaint, whole=tile == 0, **size)
    # Some networks (GFPGAN, AuraSR) draw noise of their own: seeded, and the caller's generator left as it was.
    with torch.random.fork_rng([lq.device] if lq.device.type == "cuda" else []):
        torch.manual_seed(0)
        if backbone.fixed_size is not None:
            tiles.smallest = tile
            exact = map_exact_tiles(tiles.run, lq, size=backbone.fixed_size, overlap=overlap.pixels, scale=backbone.scale, on_tile=on_tile)
            return exact.clamp_(0, 1), tiles
        if tile == 0:
            return map_tiles(tiles.run, lq, tile=0, overlap=0, on_tile=on_tile, **size).clamp(0, 1), tiles
        # The image that tiles make may not fit on the device together with the network.
        image = map_tiles(lambda piece: tiles.run(piece).cpu(), lq, tile=tile, overlap=overlap.within(tile), on_tile=on_tile, **size)
    return image.clamp_(0, 1), tiles
