"""A Result as a JSON-able record: what went in, with which weights and settings, every score, what was chosen and why.

The same record is the sidecar `<name>.<ext>.ttpo.json`, an entry of `--json`, and what the tables and the HTML page are made of.
"""

from __future__ import annotations

import math
import platform
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ttpo_cli import __version__
from ttpo_cli.imaging.file_name import derived_name
from ttpo_cli.preference.outcome import BEST_OF_N, Contender
from ttpo_cli.settings.option import recorded_values
from ttpo_cli.weights.manifest import read_manifest
from ttpo_cli.weights.sha256 import file_sha256

if TYPE_CHECKING:
    from ttpo_cli.backbones.backbone import Backbone
    from ttpo_cli.diffusion.denoiser import Prior
    from ttpo_cli.imaging.photo import Photo
    from ttpo_cli.metrics.metric import Metric
    from ttpo_cli.pipeline import Engine, Result
    from ttpo_cli.pipeline.plan import PhotoPlan

SIDECAR_SCHEMA = 1
_MADE = ("restore", "candidates", "selection")
# Each row of the comparison, and the stages it costs. The best of N spends guidance's network calls on further candidates; it is not timed.
ROWS = {
    "restored": _MADE[:1],
    "best candidate": _MADE,
    BEST_OF_N: (*_MADE, "guidance"),
    "guided": (*_MADE, "guidance"),
    "result": (*_MADE, "guidance", "choice", "joining"),
}
# The embedded files that metrics read.
_EMBEDDED = {"ranker": "ranker", "niqe": "niqe-pristine"}
_PACKAGES = ("torch", "diffusers", "pyiqa", "spandrel", "safetensors")


def record_result(result: Result, photo: Photo, engine: Engine, weights: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The record of one photo's restoration, in plain dicts, lists, strings and finite numbers; what is not finite becomes None.

    weights: what `weights_of` says of the engine, once for all photos.
    """
    outcome, timings, plan = result.outcome, result.timings, result.plan
    labels = outcome.candidate_labels
    pair = outcome.preferred != outcome.dispreferred  # none without the stages; of a photo done in regions, each region has its own
    return jsonable(
        {
            "schema_version": SIDECAR_SCHEMA,
            "source": _source(photo),
            "size": {"width": outcome.final.shape[-1], "height": outcome.final.shape[-2]},
            "chosen": outcome.chosen,
            "reason": outcome.reason,
            "preferred": labels[outcome.preferred] if pair else None,
            "dispreferred": labels[outcome.dispreferred] if pair else None,
            "rows": {row: {**_measured(found), **_cost(result, row)} for row in ROWS if (found := outcome.row(row)) is not None},
            "candidates": [{"label": each.label, **_measured(each)} for each in outcome.contenders[: outcome.candidate_count]],
            "network_calls": outcome.calls,
            "seconds": {stage: round(seconds, 3) for stage, seconds in timings.seconds.items()},
            "peak_memory": timings.peak_memory,
            "notes": [*photo.notes, *outcome.notes],
            "restoration": _restoration(plan),
            "settings": recorded_values(result.settings),
            "seeds": outcome.seeds,
            "metrics": [_metric(metric) for metric in (engine.tools.metrics if engine.tools else ())],
            "weights": [entry for entry in weights if entry["role"] != "backbone" or entry["name"] in plan.backbones],
            "versions": versions(),
        }
    )


def weights_of(engine: Engine, metric_files: Mapping[str, Path]) -> list[dict[str, Any]]:
    """Every weight file that takes part, by role, with its sha256, its licence and whether that allows commercial use; None where a
    part needs no file, or nobody said."""
    listed = [_describe_backbone(backbone) for backbone in engine.backbones]
    if engine.tools is None:
        return listed
    listed.append(describe_weights("prior", engine.tools.prior))
    metrics = engine.tools.metrics
    manifest = read_manifest()
    for name, licence in {"ranker": None, **{metric.name: metric.licence for metric in metrics}}.items():
        entry = manifest.get(_EMBEDDED.get(name, ""))
        stored = [file for metric in metrics if metric.name == name for file in metric.files]
        if stored:
            listed += [_file_read(f"{name}: {file.name}", file, licence) for file in stored]
        elif name in metric_files:
            listed.append(_file_read(name, metric_files[name], licence))
        elif entry is not None:
            facts = {"sha256": entry.sha256, "licence": entry.licence, "commercial_use": entry.commercial_use}
            listed.append({"role": "metric", "name": entry.name, **facts})
    return listed


def describe_weights(role: str, model: Backbone | Prior) -> dict[str, Any]:
    """What a record says of one model."""
    facts = {"sha256": model.sha256, "licence": model.licence, "commercial_use": model.commercial_use}
    return {"role": role, "name": model.name, **facts}


def _describe_backbone(backbone: Backbone) -> dict[str, Any]:
    """A restorer's weights, and which of the networks in its file they are, where a trainer's file holds more than one dict of names."""
    facts = describe_weights("backbone", backbone)
    return facts if backbone.part is None else {**facts, "part": backbone.part, "other_parts": backbone.other_parts}


def _file_read(name: str, path: Path, licence: str | None) -> dict[str, Any]:
    """A weight file of a metric; a folder, of a language model, has no sha256 of its own."""
    sha256 = file_sha256(path) if path.is_file() else None
    return {"role": "metric", "name": name, "sha256": sha256, "licence": licence, "commercial_use": None}


@cache
def versions() -> dict[str, str]:
    """The versions a result depends on: ours, Python's, and the packages' that compute."""
    return {"ttpo": __version__, "python": platform.python_version(), **{name: metadata.version(name) for name in _PACKAGES}}


def jsonable(value: Any) -> Any:
    """Tuples to lists, paths and other objects to text, numbers that JSON cannot hold (NaN, infinity) to None, recursively."""
    if isinstance(value, Mapping):
        return {str(key): jsonable(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [jsonable(entry) for entry in (sorted(value) if isinstance(value, (set, frozenset)) else value)]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (bool, int, str)):
        return value
    return str(value)


def sidecar_path(output: Path) -> Path:
    """Where the record of a written photo lies: next to it, the whole name kept, as darktable does, unless that gets too long."""
    return output.with_name(derived_name(output.name, ".ttpo.json"))


def _source(photo: Photo) -> dict[str, Any]:
    height, width = photo.pixels.shape[-2:]
    return {
        "name": photo.name,
        "sha256": photo.content_hash,
        "width": width,
        "height": height,
        "format": photo.format,
        "bit_depth": photo.bit_depth,
    }


def _restoration(plan: PhotoPlan) -> dict[str, Any]:
    """What restored the photo, at what size, why, and what was found in the photo."""
    height, width = plan.sizes.shrunk
    return {
        "backbone": plan.first.backbone.name,
        "reason": plan.reason or None,
        "kept": plan.kept,
        "given": {"width": width, "height": height},
        "others": [variant.label for variant in plan.others],
        "inspection": None if plan.inspection is None else vars(plan.inspection),
    }


def _measured(contender: Contender) -> dict[str, Any]:
    verdict = contender.verdict
    return {
        "scores": contender.scores,
        "fidelity_db": verdict.fidelity,
        "consistency_db": verdict.consistency,
        "guard": verdict.refused or "kept",
    }


def _cost(result: Result, row: str) -> dict[str, Any]:
    """Calls of the prior's network and seconds, of all that a row needed."""
    calls = sum(result.outcome.calls.get(stage, 0) for stage in ROWS[row])
    seconds = sum(result.timings.seconds.get(stage, 0.0) for stage in ROWS[row])
    return {"network_calls": calls, "seconds": None if row == BEST_OF_N else round(seconds, 3)}


def _metric(metric: Metric) -> dict[str, Any]:
    return {
        "name": metric.name,
        "lower_is_better": metric.lower_is_better,
        "pristine": metric.pristine,
        "range": metric.range,
        "licence": metric.licence,
        "source": metric.source,
    }
