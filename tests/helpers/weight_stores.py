"""Stores of tests: entries whose files a mirror on this machine serves, and what those files hold."""

import hashlib

import torch
from safetensors.torch import save

from ttpo_cli.weights.download import Patience
from ttpo_cli.weights.entry import read_entry
from ttpo_cli.weights.store import Store

CONTENT, OTHER = (save({"weight": torch.full((160, 160), value)}) for value in (1.0, 2.0))
FACTS = {
    "aliases": [],
    "role": "backbone",
    "task": "denoise",
    "architecture": "SCUNet",
    "scale": 1,
    "bytes": None,
    "sha256": None,
    "licence": "MIT",
    "commercial_use": True,
    "paper": None,
}
SNAPSHOT = {"model_index.json": b"{}", "unet/diffusion.safetensors": CONTENT, "unet/diffusion.bin": b"left out", "README.md": b"left out"}
PATTERNS = ("model_index.json", "*.safetensors")


def entry(name, **facts):
    return read_entry("tests", name, FACTS | facts)


def store(tmp_path, *entries, mirror=None, **facts):
    known = {one.name: one for one in entries}
    endpoint = None if mirror is None else mirror.address
    return Store(tmp_path / "home", tmp_path / "hub", known, endpoint=endpoint, patience=Patience(0.5, 2, 0.0), **facts)


def remote(mirror, name="clean", content=CONTENT, known=True, faults=()):
    """An entry whose file the mirror serves."""
    facts = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()} if known else {}
    return entry(name, urls=[mirror.serve(f"/{name}.pth", content, *faults)], **facts)


def snapshot(**facts):
    return entry("dream", role="prior", hub=[{"repo": "maker/dream", "allow_patterns": list(PATTERNS), **facts}])
