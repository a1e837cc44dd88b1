"""What is known of each network of pyiqa 0.1.16, by the name of its class: how it takes large photos, batches and half precision.

What a network does with a photo stands in its code in pyiqa, which follows its authors': the sizes in SEEN are read there.
"""

UNTRAINED = ", random projections of seed 0"

# Network -> what it does with a photo of any size, as its authors or pyiqa do it.
SEEN = {
    "AFINE": "all of it",
    "AHIQ": "20 crops of 224 px, spread evenly",
    "ARNIQA": "all of it, and all of it at half size",
    "BRISQUE": "all of it, and all of it at half size",
    "CFANet": "all of it",
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

# Pixels a side below which pyiqa fails in the middle of a network; 1 elsewhere.
MINIMUM_SIZES = {
    "NIQE": 96,
    "PIQE": 8,
    "MS_SSIM": 161,
    "SSIM": 11,
    "CW_SSIM": 64,
    "VIF": 33,
    "MAD": 16,
    "MS_SWD_learned": 6,
    "FSIM": 2,
    "GMSD": 2,
    "DMM": 128,
    "BRISQUE": 7,
    "CNNIQA": 7,
    "STLPIPS": 21,
    "LPIPS": 31,
    "CLIPIQA": 31,
    "QualiCLIP": 31,
    "WaDIQaM": 33,
    "PieAPP": 64,
    "DBCNN": 16,
}

# Networks that score each image of a batch as they score it alone, and how many a CUDA device is given at once.
BATCHED = frozenset({"MUSIQ", "MANIQA", "CLIPIQA", "CFANet", "LPIPS", "STLPIPS", "DISTS", "CNNIQA", "UNIQUE", "PAQ2PIQ"})
BATCH = 8
# Networks that take half precision on CUDA: MANIQA, two thirds of the paper's scoring, a mean over patches that rounds by 1e-4. Not the
# networks over CLIP: a hundredfold cosine rounds to 0.016 there. Q-Align is of half precision by itself.
HALF = frozenset({"MANIQA"})

# The module below pyiqa.archs that holds a class, where it is not the class's name in small letters.
MODULES = {
    "MS_SSIM": "ssim",
    "CW_SSIM": "ssim",
    "ILNIQE": "niqe",
    "MS_SWD_learned": "msswd",
    "CFANet": "topiq",
    "LAIONAes": "laion_aes",
    "PI": "nrqm",
}
CLIP_FILES = frozenset({"RN50.pt", "ViT-B-32.pt", "ViT-L-14.pt"})
# pyiqa calls the distance of DMM a quality: equal photos have 0 (Chen et al. 2025, Eq. 12).
_DISTANCES = frozenset({"dmm"})


def lower_is_better(name: str, stated: bool) -> bool:
    """The way a metric runs: what pyiqa states, put right where it errs."""
    return stated or name in _DISTANCES


def bounds(stated: str) -> tuple[float | None, float | None]:
    """ "~0, ~100" -> (0, 100): about the least and the greatest score; None on a side without a bound."""
    least, greatest = (float(end) if end else None for end in stated.replace("~", "").replace(" ", "").split(","))
    return least, greatest
