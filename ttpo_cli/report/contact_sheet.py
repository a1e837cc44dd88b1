"""A contact sheet: every candidate side by side, each over its label."""

import math
from collections.abc import Sequence

import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor
from torch.nn import functional

from ttpo_cli.imaging.resize import imresize

_INK, _PAPER, _GAP, _TEXT = (230, 230, 230), (24, 24, 24), 8, 14


def contact_sheet(images: Tensor, labels: Sequence[str], *, columns: int | None = None, cell: int = 256, whole: bool = True) -> Tensor:
    """Lay N images out in rows, its label below each one, none larger than a square of `cell` pixels.

    `whole`: shrink each to fit (never enlarge); otherwise cut the same region at 100 % out of each, the one where they differ most.

    images: (N, 3, H, W) in [0, 1]. Returns (1, 3, H', W') in [0, 1]. `columns` None: as square a sheet as N allows.
    """
    small = _fit(images, cell) if whole else _crop(images, cell)
    count, _, height, width = small.shape
    columns = columns or math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    width_step, height_step = max(width, 96) + _GAP, height + _TEXT + 2 * _GAP
    sheet = Image.new("RGB", (columns * width_step + _GAP, rows * height_step + _GAP), _PAPER)
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(_TEXT - 2)
    for index, (image, label) in enumerate(zip(small, labels, strict=True)):
        left = _GAP + index % columns * width_step
        top = _GAP + index // columns * height_step
        sheet.paste(to_pillow(image[None]), (left, top))
        pen.text((left, top + height + 2), _shorten(label, font, width_step - _GAP), fill=_INK, font=font)
    return from_pillow(sheet)


def stacked(sheets: Sequence[Tensor]) -> Tensor:
    """Sheets (1, 3, H, W) one below the other, the narrower ones filled up with paper: what many photos look like, a row each."""
    width = max(sheet.shape[-1] for sheet in sheets)
    paper = torch.tensor(_PAPER).view(1, 3, 1, 1) / 255
    rows = []
    for sheet in sheets:
        row = paper.expand(1, 3, sheet.shape[-2], width).clone()
        row[..., : sheet.shape[-1]] = sheet
        rows.append(row)
    return torch.cat(rows, dim=-2)


def to_pillow(image: Tensor) -> Image.Image:
    """(1, 3, H, W) in [0, 1] -> an 8-bit RGB image, rounded."""
    pixels = (image[0].detach().float().clamp(0, 1) * 255).round().to(torch.uint8)
    return Image.fromarray(pixels.permute(1, 2, 0).cpu().numpy())


def from_pillow(picture: Image.Image) -> Tensor:
    """An 8-bit RGB image -> (1, 3, H, W) float32 in [0, 1]."""
    pixels = torch.frombuffer(bytearray(picture.tobytes()), dtype=torch.uint8)
    return pixels.view(picture.height, picture.width, 3).permute(2, 0, 1)[None].float() / 255


def _fit(images: Tensor, cell: int) -> Tensor:
    height, width = images.shape[-2:]
    scale = cell / max(height, width)
    if scale >= 1:
        return images.float()
    size = (max(1, round(height * scale)), max(1, round(width * scale)))
    return imresize(images.float(), size=size).clamp(0, 1)


def _crop(images: Tensor, cell: int) -> Tensor:
    top, left = most_different(images, cell)
    return images[..., top : top + cell, left : left + cell].float()


def most_different(images: Tensor, side: int) -> tuple[int, int]:
    """Top and left of the square of `side` pixels over which N images vary most among themselves; 0 along an axis they do not fill."""
    height, width = images.shape[-2:]
    window = (min(side, height), min(side, width))
    stride = max(1, side // 8)
    variance = images.float().var(dim=0, unbiased=False).mean(dim=0)[None, None]
    energy = functional.avg_pool2d(variance, window, stride)[0, 0]
    row, column = divmod(int(energy.argmax()), energy.shape[1])
    return row * stride, column * stride


def _shorten(label: str, font: ImageFont.ImageFont | ImageFont.FreeTypeFont, width: int) -> str:
    """Cut a label that would run into its neighbour."""
    if font.getlength(label) <= width:
        return label
    while label and font.getlength(label + "...") > width:
        label = label[:-1]
    return label + "..."
