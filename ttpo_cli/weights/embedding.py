"""Ship a trained file with the package: copy it to `weights/builtin` and write its entry, with size and SHA-256, into the manifest."""

from dataclasses import MISSING, asdict, fields, replace
from pathlib import Path
from typing import Any

import yaml

from ttpo_cli.errors import unknown_name
from ttpo_cli.imaging.atomic import atomic_write
from ttpo_cli.weights.checkpoint import check_header
from ttpo_cli.weights.entry import ManifestEntry, Role
from ttpo_cli.weights.manifest import BUILTIN, manifest_path, read_manifest
from ttpo_cli.weights.sha256 import file_sha256

HEADER = """\
# Every checkpoint, prior and metric that ttpo knows by name; ttpo_cli/weights/entry.py says what each field means. Order matters: the
# first entry that fits a family's name, task and scale is taken. bytes and sha256 are as published; null where nobody published them.
# Entries with `package` come in a Python distribution, whose files are named with their sha256, the one to open first.
# Entries with `file` ship with ttpo (in ttpo_cli/weights/builtin) and are written by ttpo_cli/weights/embedding.py:
#   python -c "from pathlib import Path; from ttpo_cli.weights.embedding import update_manifest_entry as update; update(NAME, Path(FILE))"
"""

_LFC_SR = "Zhang et al., Perception-Distortion Balanced ADMM Optimization for Single-Image Super-Resolution, ECCV 2022"
_HAAR = "Karras et al., Elucidating the Design Space of Diffusion-Based Generative Models, NeurIPS 2022"
_BRADLEY_TERRY = "Bradley and Terry, Rank Analysis of Incomplete Block Designs, Biometrika 1952"
_NIQE = "Mittal et al., Making a Completely Blind Image Quality Analyzer, IEEE Signal Processing Letters 2013"


def _facts(name: str, role: Role, task: str, architecture: str, scale: int, trained_by: str, paper: str, *aliases: str) -> ManifestEntry:
    return ManifestEntry(
        name=name,
        aliases=aliases,
        role=role,
        task=task,
        architecture=architecture,
        scale=scale,
        bytes=None,
        sha256=None,
        licence="Apache-2.0",
        commercial_use=True,
        paper=paper,
        file=f"{name}.safetensors",
        trained_by=trained_by,
    )


# What is known of each embedded file before it exists; its size and hash are filled in when a training delivers it.
EMBEDDED: dict[str, ManifestEntry] = {
    entry.name: entry
    for entry in (
        _facts("lfc-sr-small-x4", "backbone", "super-resolution", "LFC-SR", 4, "ttpo train lfc", _LFC_SR, "lfc-sr-small"),
        _facts("haar-prior", "prior", "image prior", "wavelet U-Net", 1, "ttpo train prior", _HAAR, "haar"),
        _facts("ranker", "metric", "preference", "convolutional ranker", 1, "ttpo train ranker", _BRADLEY_TERRY),
        _facts("niqe-pristine", "metric", "naturalness", "multivariate Gaussian", 1, "fitted to pristine photos", _NIQE),
    )
}


def update_manifest_entry(
    name: str, source: Path, *, trained_by: str | None = None, manifest: Path | None = None, builtin: Path = BUILTIN
) -> ManifestEntry:
    """Copy `source` to `builtin` and add or refresh the entry `name` of the manifest; returns the entry.

    An entry already in the manifest keeps its facts, a new one takes those of EMBEDDED; trained_by replaces that field (the command and
    the photos behind the weights). Raises UsageError for a name not in EMBEDDED, WeightsError for a file that is not safetensors,
    TtpoError for an installation that cannot be written.
    """
    if name not in EMBEDDED:
        raise unknown_name("embedded weights", name, EMBEDDED)
    check_header(source)
    manifest = manifest_path() if manifest is None else manifest
    entries = read_manifest(manifest)
    target = builtin / f"{name}.safetensors"
    if source.resolve() != target.resolve():
        atomic_write(target, source.read_bytes(), overwrite=True)
    entry = replace(entries.get(name, EMBEDDED[name]), bytes=target.stat().st_size, sha256=file_sha256(target))
    entries[name] = entry if trained_by is None else replace(entry, trained_by=trained_by)
    atomic_write(manifest, (HEADER + manifest_text(entries)).encode(), overwrite=True)
    return entries[name]


def manifest_text(entries: dict[str, ManifestEntry]) -> str:
    """Embedded entries first, by name, the others in their order; fields that say nothing beyond their default left out."""
    first = sorted(name for name, entry in entries.items() if entry.file is not None)
    order = [*first, *(name for name in entries if name not in first)]
    return "\n".join(yaml.safe_dump({name: _fields(entries[name])}, sort_keys=False, allow_unicode=True, width=200) for name in order)


def _fields(entry: ManifestEntry) -> dict[str, Any]:
    values = {field.name: field.default for field in fields(entry) if field.default is not MISSING}
    given = {key: value for key, value in asdict(entry).items() if key != "name" and (key not in values or value != values[key])}
    if entry.hub:
        given["hub"] = [
            {key: list(value) if key == "allow_patterns" else value for key, value in source.items() if value} for source in given["hub"]
        ]
    if entry.package is not None:
        given["package"] = {key: value for key, value in given["package"].items() if value is not None}
        given["package"]["files"] = {file.path: file.sha256 for file in entry.package.files}
    return {key: list(value) if isinstance(value, tuple) else value for key, value in given.items()}
