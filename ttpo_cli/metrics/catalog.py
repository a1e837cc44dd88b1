"""Every metric by name: ours, then those of pyiqa that need no weights; the others of pyiqa load files of ttpo's store."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from ttpo_cli.errors import UsageError, unknown_name
from ttpo_cli.metrics.face_identity import NAME as FACE_IDENTITY
from ttpo_cli.metrics.face_identity import face_identity_metric
from ttpo_cli.metrics.high_band import WINDOW, high_band, high_band_smooth, high_band_textured
from ttpo_cli.metrics.large_models import check_memory
from ttpo_cli.metrics.metric import Metric
from ttpo_cli.metrics.niqe import BLOCK, niqe
from ttpo_cli.metrics.niqe_model import load_niqe_model
from ttpo_cli.metrics.piqe import piqe
from ttpo_cli.metrics.pristine import LEVELS, Level
from ttpo_cli.metrics.psnr import psnr, psnr_y
from ttpo_cli.metrics.ssim import WINDOW as SSIM_WINDOW
from ttpo_cli.metrics.ssim import ssim_y
from ttpo_cli.metrics.ssimulacra2 import ssimulacra2_metric
from ttpo_cli.metrics.weight_files import FindWeights, not_stored
from ttpo_cli.weights.manifest import embedded_path

OWN_LICENCE = "Apache-2.0"
Loader = Callable[[torch.device, Path | None], Metric]
# Those of ours whose weights come in packages of their own.
STORED: dict[str, Callable[[torch.device, Path | None, FindWeights], Metric]] = {FACE_IDENTITY: face_identity_metric}


def load_metric(name: str, device: torch.device, weights: Path | None = None, find: FindWeights = not_stored) -> Metric:
    """A metric ready to score on `device`. `pyiqa:NAME` asks for pyiqa's own where both have one.

    weights: in place of a metric's own file: NIQE's pristine model, the ranker, or a file of pyiqa's as it is published.
    find: where files of metrics come from. Raises UsageError for an unknown name, WeightsError for weights that are missing
    or not to be had, MemoryExhausted for a metric that the device cannot hold.
    """
    if name in METRICS:
        return METRICS[name](device, weights)
    if name in STORED:
        return STORED[name](device, weights, find)
    from ttpo_cli.metrics.pyiqa_metrics import known_to_pyiqa

    bare = name.removeprefix("pyiqa:")
    if known_to_pyiqa(bare) != [bare]:
        raise unknown_name("metric", name, {*METRICS, *STORED, *known_to_pyiqa(bare)})
    from ttpo_cli.metrics.pyiqa_metrics import load_pyiqa

    return load_pyiqa(bare, device, weights, find)


def load_metrics(
    names: Sequence[str], device: torch.device, files: Mapping[str, Path] | None = None, find: FindWeights = not_stored
) -> tuple[Metric, ...]:
    """Several metrics, `files` by their names in place of their own. One too large for the device is refused before any is loaded.

    Raises what `load_metric` does.
    """
    for name in names:
        check_memory(name.removeprefix("pyiqa:"), device)
    return tuple(load_metric(name, device, (files or {}).get(name), find) for name in names)


def metric_names(needs_reference: bool | None = None) -> tuple[str, ...]:
    """The names that load without a file, in the order of the catalog; only those that do or do not compare with a reference."""
    if needs_reference is None:
        return tuple(METRICS)
    return tuple(name for name in METRICS if (name not in NO_REFERENCE) == needs_reference)


def _niqe(device: torch.device, weights: Path | None) -> Metric:
    """NIQE with the embedded pristine model, or with a published one."""
    file = load_niqe_model(weights or embedded_path("niqe-pristine"))
    level = Level(file.pristine, file.scale) if file.pristine is not None else LEVELS["niqe"]
    return Metric(
        name="niqe",
        function=lambda image: niqe(image, file.model),
        lower_is_better=True,
        needs_reference=False,
        minimum_size=BLOCK,
        pristine=level.pristine,
        scale=level.scale,
        licence=file.licence,
        source=file.source,
        differentiable=False,
        range=(0, None),
    )


def _piqe(device: torch.device, weights: Path | None) -> Metric:
    _refuse_weights("piqe", weights)
    level = LEVELS["piqe"]
    return Metric(
        name="piqe",
        function=piqe,
        lower_is_better=True,
        needs_reference=False,
        minimum_size=1,
        pristine=level.pristine,
        scale=level.scale,
        licence=OWN_LICENCE,
        source="Venkatanath et al. 2015",
        differentiable=False,
        range=(0, 100),
    )


def _ranker(device: torch.device, weights: Path | None) -> Metric:
    from ttpo_cli.metrics.ranker import ranker_metric

    return ranker_metric(device, weights)


def _against_reference(
    name: str,
    function: Callable[[Tensor, Tensor], Tensor],
    minimum: int,
    source: str,
    target: float | None = None,
    smooth: bool = False,
    greatest: float | None = None,
) -> Loader:
    """A full-reference metric of ours: no weights, higher is better, or `target` is right."""

    def load(device: torch.device, weights: Path | None) -> Metric:
        _refuse_weights(name, weights)
        bounds = (0.0 if greatest is None else -greatest, greatest)
        return Metric(
            name=name,
            function=function,
            lower_is_better=False,
            needs_reference=True,
            minimum_size=minimum,
            pristine=None,
            scale=None,
            licence=OWN_LICENCE,
            source=source,
            differentiable=smooth,
            target=target,
            range=bounds,
        )

    return load


def _ssimulacra2(device: torch.device, weights: Path | None) -> Metric:
    _refuse_weights("ssimulacra2", weights)
    return ssimulacra2_metric()


def _pyiqa(name: str) -> Loader:
    """A metric of pyiqa that needs no file; of msswd the one of random projections, `pyiqa:msswd` is the trained one."""

    def load(device: torch.device, weights: Path | None) -> Metric:
        from ttpo_cli.metrics.pyiqa_metrics import load_pyiqa

        return load_pyiqa(name, device, weights, pretrained=name != "msswd" or weights is not None)

    return load


def _refuse_weights(name: str, weights: Path | None) -> None:
    if weights is not None:
        raise UsageError(f"metric '{name}' has no weights: leave out --metric-weights {name}={weights}")


_ENERGY = "energy of the Haar high bands over the reference's"
NO_REFERENCE = ("niqe", "piqe", "ranker", "entropy")
METRICS: dict[str, Loader] = {
    "niqe": _niqe,
    "piqe": _piqe,
    "ranker": _ranker,
    "psnr": _against_reference("psnr", psnr, 1, "PSNR of RGB, 8 bit"),
    "psnr_y": _against_reference("psnr_y", psnr_y, 1, "PSNR of Y of BT.601, 8 bit"),
    "ssim_y": _against_reference("ssim_y", ssim_y, SSIM_WINDOW, "Wang et al. 2004, on Y of BT.601", greatest=1.0),
    "high_band": _against_reference("high_band", high_band, WINDOW, _ENERGY, 1.0, smooth=True),
    "high_band_smooth": _against_reference("high_band_smooth", high_band_smooth, 2 * WINDOW, f"{_ENERGY}, smooth half", 1.0, smooth=True),
    "high_band_textured": _against_reference(
        "high_band_textured", high_band_textured, 2 * WINDOW, f"{_ENERGY}, textured half", 1.0, smooth=True
    ),
    "ssimulacra2": _ssimulacra2,
    **{
        name: _pyiqa(name)
        for name in ("psnry", "ssim", "ssimc", "ms_ssim", "cw_ssim", "fsim", "gmsd", "mad", "msswd", "nlpd", "vif", "vsi", "entropy")
    },
}
