"""What each network of pyiqa does with a large photo, and windows that bound the memory of those that would take it whole."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

# Network -> what it does with a photo of any size, as its authors or pyiqa do it.
SEEN = {
    "AFINE": "all of it",
    "AHIQ": "20 crops of 224 px, spread evenly",
    "ARNIQA": "all of it, and all of it at half size",
    "BRISQUE": "all of it, and all of it at half size",
    "CFANet": "all of it; models named so resize it (-flive 384, -face 512, swin 384 px)",
    "CKDN": "resized to 288 px and cropped there",
    "CLIPIQA": "all of it",
    "CNNIQA": "32 px patches of all of it",
    "CW_SSIM": "all of it",
    "Compare2Score": "padded to a square, resized to 448 px",
    "DBCNN": "all of it",
    "DISTS": "all of it, resized to 256 px where larger",
    "DMM": "all of it",
    "DeepDC": "resized to 224 px",
    "Entropy": "all of it",
    "FGResQ": "resized to 256 px, its centre of 224",
    "FSIM": "all of it, shrunk to about 256 px",
    "GMSD": "all of it at half size",
    "HyperNet": "25 crops of 224 px, spread evenly",
    "ILNIQE": "resized to 524 px",
    "LAIONAes": "resized to 224 px, its centre",
    "LIQE": "15 of its 224 px windows",
    "LPIPS": "all of it",
    "MACLIP": "windows of 224 px, 128 apart, and all of it resized to 224 px",
    "MAD": "all of it",
    "MANIQA": "20 crops of 224 px, spread evenly",
    "MS_SSIM": "all of it, at five scales",
    "MS_SWD_learned": "all of it, at five scales",
    "MUSIQ": "32 px patches of all of it, and of it resized to 224 and 384 px",
    "MetaIQA": "resized to 224 px",
    "NIMA": "resized to 224 or 299 px, its centre",
    "NIQE": "96 px blocks of all of it, and of half size",
    "NLPD": "all of it, at six scales",
    "NRQM": "all of it",
    "PAQ2PIQ": "all of it",
    "PI": "all of it",
    "PIQE": "16 px blocks of all of it",
    "PSNR": "all of it",
    "PieAPP": "64 px patches of all of it",
    "QAlign": "padded to a square, resized to 448 px",
    "QReAlign": "resized to what its processor takes",
    "QualiCLIP": "all of it",
    "SSIM": "all of it",
    "STLPIPS": "all of it",
    "TReS": "50 crops of 224 px, spread evenly",
    "UNIQUE": "all of it",
    "URanker": "all of it",
    "VIF": "all of it, at four scales",
    "VSI": "all of it, shrunk to about 256 px",
    "WaDIQaM": "32 px patches of all of it",
}

# Networks whose memory grows with the photo, some with the square of its pixels: side in pixels above which they see it in windows.
WINDOWS = {
    **dict.fromkeys(("AFINE", "CLIPIQA", "QualiCLIP", "CFANet", "MUSIQ", "DBCNN", "UNIQUE", "URanker", "ARNIQA", "PAQ2PIQ"), 2048),
    **dict.fromkeys(("LPIPS", "STLPIPS", "DMM", "PieAPP", "WaDIQaM", "CNNIQA"), 2048),
    "LIQE": 1024,
}


def in_windows(function: Callable[..., Tensor], side: int, *images: Tensor) -> Tensor:
    """`function` of images (N, 3, H, W) -> (N,); of larger ones than `side` the mean over windows of equal size that cover them."""
    height, width = images[0].shape[-2:]
    if max(height, width) <= side:
        return function(*images)
    scores = [
        function(*(image[..., top:bottom, left:right] for image in images))
        for top, bottom in windows(height, side)
        for left, right in windows(width, side)
    ]
    return torch.stack(scores).mean(dim=0)


def windows(size: int, side: int) -> list[tuple[int, int]]:
    """The fewest (start, stop) of one length, at most `side`, that cover 0..size, spread evenly."""
    count = math.ceil(size / side)
    length = math.ceil(size / count)
    return [(start, start + length) for start in (round(index * (size - length) / max(1, count - 1)) for index in range(count))]
