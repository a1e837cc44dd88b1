"""Whole files to damage: for each kind a few, small and different; the first file of a sample is the one that is given to the program."""

import io
import json
import os
import sqlite3
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import onnx_graphs
import pyvips
import scipy.io
import torch
import zstandard
from hostile_files import honest
from PIL import Image
from safetensors.torch import save
from tiff_files import packed, plain_tags, tiff

Sample = dict[str, bytes]

FIRST_WAVE = Path(__file__).resolve().parents[1] / "fixtures" / "first_wave"
PACKAGE = Path(__file__).resolve().parents[2]
_RAMP = np.linspace(0, 200, 24 * 36).reshape(24, 36, 1)
PIXELS = (_RAMP + np.random.default_rng(3).integers(0, 50, (24, 36, 4))).astype(np.uint8)
_XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/></x:xmpmeta>'


def _exif() -> Image.Exif:
    exif = Image.Exif()
    exif[0x010F], exif[0x0112], exif[0x011A] = "Maker", 6, 72.0
    exif.get_ifd(0x8769)[0x9003] = "2020:01:02 03:04:05"
    exif.get_ifd(0x8825)[1] = "N"
    return exif


def _by_pillow(mode: str, format: str, frames: int = 1, **options: object) -> bytes:
    picture = Image.fromarray(PIXELS).convert("RGB") if mode != "RGBA" else Image.fromarray(PIXELS)
    stream = io.BytesIO()
    if frames > 1:
        options |= {"save_all": True, "append_images": [picture.rotate(90 * turn) for turn in range(1, frames)]}
    picture.convert(mode).save(stream, format, **options)  # type: ignore[arg-type]
    return stream.getvalue()


def _by_vips(samples: np.ndarray, suffix: str, space: str, **options: object) -> bytes:
    return pyvips.Image.new_from_array(np.ascontiguousarray(samples), interpretation=space).write_to_buffer(suffix, **options)


def _described() -> dict[str, object]:
    return {"exif": _exif(), "icc_profile": pyvips.Image.profile_load("srgb")}


def _jpegs() -> list[Sample]:
    plain = _by_pillow("RGB", "JPEG", comment=b"a comment", xmp=_XMP, **_described())
    kinds = [
        plain,
        _by_pillow("RGB", "JPEG", progressive=True),
        _by_pillow("L", "JPEG"),
        _by_pillow("CMYK", "JPEG"),
        _by_pillow("RGB", "JPEG", restart_marker_blocks=1),
        plain + _by_pillow("L", "JPEG"),
    ]
    return [{"photo.jpg": data} for data in kinds]


def _pngs() -> list[Sample]:
    from PIL.PngImagePlugin import PngInfo

    text = PngInfo()
    text.add_text("Title", "a title")
    text.add_itxt("Description", "été", zip=True)
    kinds = [
        _by_pillow("RGB", "PNG", pnginfo=text, dpi=(300, 300), **_described()),
        _by_pillow("RGBA", "PNG"),
        _by_pillow("P", "PNG", transparency=3),
        _by_pillow("1", "PNG"),
        _by_vips(PIXELS[..., :3].astype(np.uint16) * 257, ".png", "rgb16"),
        _by_vips(PIXELS[..., :3], ".png", "srgb", interlace=True),
        _by_pillow("RGB", "PNG", frames=3),
    ]
    return [{"photo.png": data} for data in kinds]


def _tiffs() -> list[Sample]:
    wide = PIXELS[..., :3].astype(np.uint16) * 200
    twelve = PIXELS[..., :3].astype(np.uint16) * 16
    double = (PIXELS[..., :3] / 255).astype("<f8")
    five = np.concatenate((PIXELS, PIXELS[..., :1]), axis=2)
    kinds = [
        _by_pillow("RGB", "TIFF", **_described()),
        _by_pillow("RGB", "TIFF", compression="tiff_lzw"),
        _by_pillow("RGB", "TIFF", compression="jpeg"),
        _by_pillow("1", "TIFF", compression="group4"),
        _by_pillow("CMYK", "TIFF"),
        _by_vips(wide, ".tif", "rgb16", tile=True, tile_width=16, tile_height=16, compression="deflate"),
        tiff([zstandard.compress(PIXELS[..., :3].tobytes())], plain_tags(PIXELS[..., :3], compression=50000)),
        _by_vips(PIXELS[..., :3], ".tif", "srgb", bigtiff=True),
        _by_vips(PIXELS[..., :3].astype(np.float32) / 255, ".tif", "scrgb"),
        tiff([double.tobytes()], plain_tags(double, sample_format=3)),
        tiff([packed(twelve, 12)], plain_tags(twelve, bits=12)),
        tiff([PIXELS[..., :3].tobytes()], plain_tags(PIXELS[..., :3], photometric=8)),
        tiff([five.tobytes()], {**plain_tags(five), 338: (3, [1, 0])}),
        tiff([wide.astype(">u2").tobytes()], plain_tags(wide), ">"),
        _by_pillow("RGB", "TIFF", frames=2),
    ]
    return [{"photo.tif": data} for data in kinds]


def _webps() -> list[Sample]:
    kinds = [
        _by_pillow("RGB", "WEBP", xmp=_XMP, **_described()),
        _by_pillow("RGBA", "WEBP", lossless=True),
        _by_pillow("RGBA", "WEBP"),
        _by_pillow("RGB", "WEBP", frames=3),
    ]
    return [{"photo.webp": data} for data in kinds]


def _gifs() -> list[Sample]:
    kinds = [_by_pillow("P", "GIF", comment=b"words"), _by_pillow("P", "GIF", transparency=5), _by_pillow("P", "GIF", frames=3)]
    return [{"photo.gif": data} for data in kinds]


def _bmps() -> list[Sample]:
    return [{"photo.bmp": _by_pillow(mode, "BMP")} for mode in ("RGB", "P", "1", "L", "RGBA")]


def _jpeg2000s() -> list[Sample]:
    plain = _by_pillow("RGB", "JPEG2000", num_resolutions=2)
    bare = _by_pillow("RGB", "JPEG2000", num_resolutions=2, no_jp2=True)
    return [{"photo.jp2": plain}, {"photo.j2k": bare}, {"photo.jp2": _by_pillow("RGBA", "JPEG2000", num_resolutions=2)}]


def _avifs() -> list[Sample]:
    return [{"photo.avif": _by_pillow("RGB", "AVIF", speed=10, **_described())}, {"photo.avif": _by_pillow("RGBA", "AVIF", speed=10)}]


def _mpos() -> list[Sample]:
    return [{"photo.mpo": _by_pillow("RGB", "MPO", frames=2)}, {"photo.mpo": _by_pillow("RGB", "MPO", frames=3, exif=_exif())}]


def _saved(content: object, legacy: bool = False) -> bytes:
    stream = io.BytesIO()
    torch.save(content, stream, _use_new_zipfile_serialization=not legacy)
    return stream.getvalue()


def _safetensors() -> list[Sample]:
    prefixed = {f"_orig_mod.{name}": tensor for name, tensor in honest().items()}
    return [{"net.safetensors": save(honest(), {"note": "a note"})}, {"net.safetensors": save(prefixed)}]


def _pths() -> list[Sample]:
    wrapped = {"params_ema": honest(), "params": honest(), "epoch": 3, "lr": [0.1, 0.2]}
    return [{"net.pth": _saved(honest())}, {"net.pth": _saved(wrapped)}, {"net.pth": _saved(honest(), legacy=True)}]


def _ncnns() -> list[Sample]:
    from ncnn_models import convolution, write_pair

    with tempfile.TemporaryDirectory() as folder:
        first, second = convolution("one", "in", "a", 3, 12), convolution("two", "b", "c", 12, 12, half=True)
        param = write_pair(folder, first, "ReLU act 1 1 a b 0=0.1", second, "PixelShuffle up 1 1 c out 0=2")
        pair = {param.name: param.read_bytes(), f"{param.stem}.bin": param.with_suffix(".bin").read_bytes()}
    return [pair]


def _onnxs() -> list[Sample]:
    return [
        {"net.onnx": onnx_graphs.enlarger(scale, shape=shape).SerializeToString()}
        for scale, shape in ((2, (1, 3, "h", "w")), (1, (1, 3, 16, 16)))
    ]


def _niqes() -> list[Sample]:
    mean, covariance = np.zeros((1, 36)), np.eye(36)
    npz, mat = io.BytesIO(), io.BytesIO()
    np.savez(npz, mu_pris_param=mean, cov_pris_param=covariance)
    scipy.io.savemat(mat, {"mu_prisparam": mean, "cov_prisparam": covariance})
    return [{"model.npz": npz.getvalue()}, {"model.mat": mat.getvalue()}]


def _sidecars() -> list[Sample]:
    found = sorted((FIRST_WAVE / "sidecars").glob("*.ttpo.json"))
    return [{"photo.png.ttpo.json": path.read_bytes()} for path in found[:3]]


def _picks() -> list[Sample]:
    row = {"schema_version": 1, "target": "a.png", "content_sha256": "0" * 64, "made_with": "1" * 64, "preferred": 1, "dispreferred": 2}
    lines = [row, {**row, "target": "b.png"}, {**row, "preferred": None, "dispreferred": None}]
    proposal = {"target": "b.png", "content_sha256": "0" * 64, "made_with": "1" * 64}
    proposal |= {"labels": ["restored", "a", "b"], "images": ["0.png", "1.png", "2.png"], "scores": {"niqe": [3.0, 2.5, None]}}
    proposal |= {"lower_is_better": {"niqe": True}, "pristine": {"niqe": None}}
    text = "".join(json.dumps(line) + "\n" for line in lines).encode()
    return [{"out/.ttpo/picks.jsonl": text, "out/.ttpo/candidates/b.png/proposal.json": json.dumps(proposal).encode()}]


def _journals() -> list[Sample]:
    from ttpo_cli.folder.journal import open_folder_journal

    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        with open_folder_journal(root) as journal:
            for name in ("a.png", "b.png"):
                journal.begin(name, root / name, "stamp", None)
            journal.writing("a.png", "0" * 64, "1" * 64, "2" * 64, "{}", 1.0, _sidecars()[0]["photo.png.ttpo.json"].decode())
            journal.done("a.png", "stamp")
        path = root / ".ttpo" / "journal.sqlite"
        with sqlite3.connect(path) as connection:
            connection.execute("PRAGMA wal_checkpoint")
        return [{"out/.ttpo/journal.sqlite": path.read_bytes()}]


def _configs() -> list[Sample]:
    yaml_text = b"seed: 3\nadmm: {steps: 8}\ndata:\n  strength: [0.5, 1]\nprecision: 'fp32'\ndecay_at: [0.5, 0.75]\n"
    toml_text = b'seed = 3\nlearning_rate = 1e-4\ndecay_at = [0.5]\nprecision = "fp32"\n[admm]\nsteps = 8\n'
    return [
        {"options.yaml": yaml_text},
        {"options.toml": toml_text},
        {"options.json": b'{"seed": 3, "admm": {"steps": 32}, "decay_at": [0.1, 0.2]}'},
    ]


def _learned() -> list[Sample]:
    return [{"learned.json": (FIRST_WAVE / "learned.json").read_bytes()}]


def _manifests() -> list[Sample]:
    return [{"mine.yaml": (FIRST_WAVE / "store" / "mine.yaml").read_bytes()}]


def _receipts() -> list[Sample]:
    path = next((FIRST_WAVE / "store" / "home").rglob("receipt.json"))
    return [{"receipt.json": path.read_bytes()}]


def _evaluations() -> list[Sample]:
    lines = [{"settings": {"scale": 4, "names": ["a"]}}, {"name": "a.png", "psnr": 30.5}, {"name": "b.png", "psnr": None}]
    return [{"eval.jsonl": "".join(json.dumps(line) + "\n" for line in lines).encode()}]


def _lists() -> list[Sample]:
    return [{"photos.txt": os.linesep.join(("a.png", "deep/b.png", "", "# c", "été.png")).encode()}]


PICTURES: dict[str, Callable[[], list[Sample]]] = {
    "jpeg": _jpegs,
    "png": _pngs,
    "tiff": _tiffs,
    "webp": _webps,
    "gif": _gifs,
    "bmp": _bmps,
    "jpeg2000": _jpeg2000s,
    "avif": _avifs,
    "mpo": _mpos,
}
CHECKPOINTS: dict[str, Callable[[], list[Sample]]] = {
    "safetensors": _safetensors,
    "pth": _pths,
    "ncnn": _ncnns,
    "onnx": _onnxs,
    "niqe": _niqes,
}
RECORDS: dict[str, Callable[[], list[Sample]]] = {
    "sidecar": _sidecars,
    "picks": _picks,
    "journal": _journals,
    "config": _configs,
    "learned": _learned,
    "manifest": _manifests,
    "receipt": _receipts,
    "evaluation": _evaluations,
    "list": _lists,
}
KINDS = {**PICTURES, **CHECKPOINTS, **RECORDS}


@cache
def samples(kind: str) -> list[Sample]:
    """The whole files of one kind, by name."""
    return KINDS[kind]()
