"""Metrics of pyiqa (Chen and Mo, IQA-PyTorch), the only importer of it: by name where they need no weights, else from a given file."""

import contextlib
import difflib
import io
import os
import pickle
import socket
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

import pyiqa
import torch
from pyiqa.default_model_configs import DEFAULT_CONFIGS
from scipy.io.matlab import MatReadError
from torch import Tensor

from ttpo_cli.errors import UsageError, WeightsError, unknown_name
from ttpo_cli.metrics.metric import Metric
from ttpo_cli.metrics.pristine import LEVELS, Level

LICENCE = "PolyForm-Noncommercial-1.0.0 (pyiqa); weights: their own"
# Images below this many pixels a side make pyiqa fail in the middle of a network; 1 elsewhere.
_MINIMUM_SIZES = {
    "niqe": 96,
    "niqe_matlab": 96,
    "piqe": 8,
    "ms_ssim": 161,
    "ssim": 11,
    "ssimc": 11,
    "cw_ssim": 64,
    "vif": 33,
    "mad": 16,
    "msswd": 6,
    "fsim": 2,
    "gmsd": 2,
}
# Where pyiqa cannot find the class by its name it imports all its networks, transformers and timm among them.
_MODULES = {"ms_ssim": "ssim_arch", "cw_ssim": "ssim_arch", "ilniqe": "niqe_arch", "msswd": "msswd_arch", "musiq": "musiq_arch"}
_OF_SETS = frozenset({"fid", "sfid", "fid_dinov2", "inception_score", "clipscore", "fgresq_pair"})


def load_pyiqa(name: str, device: torch.device, weights: Path | None = None) -> Metric:
    """A metric of pyiqa under its own name there, higher or lower as pyiqa says.

    weights: passed as `pretrained_model_path`; needed by every metric that has weights, unless pyiqa's cache holds them already.
    Raises WeightsError where a file is missing, unreadable, would run code, or something would have to be downloaded: this never
    touches the network. Raises UsageError for an unknown name, or a metric of sets or captions.
    """
    if name not in DEFAULT_CONFIGS:
        raise unknown_name("metric of pyiqa", name, difflib.get_close_matches(name, DEFAULT_CONFIGS, n=5, cutoff=0.4))
    if name in _OF_SETS:
        raise UsageError(f"metric '{name}' judges sets of photos, pairs or captions, not one photo: choose another")
    if weights is not None and not weights.is_file():
        raise WeightsError(f"{weights} does not exist: give the weights of metric '{name}' with --metric-weights {name}=FILE")
    network = _create(name, device, weights)
    needs_reference = network.metric_mode == "FR"
    level = LEVELS.get(name, Level(None, None)) if not needs_reference else Level(None, None)
    return Metric(
        name,
        _Scores(network),
        lower_is_better=network.lower_better,
        needs_reference=needs_reference,
        minimum_size=_MINIMUM_SIZES.get(name, 1),
        pristine=level.pristine,
        scale=level.scale,
        licence=LICENCE,
        source=f"pyiqa {pyiqa.__version__}" + (f", weights {weights.name}" if weights else _unweighted(name)),
        differentiable=False,
    )


def known_to_pyiqa(name: str) -> list[str]:
    """pyiqa's names close to this one, itself alone where it is one of them."""
    return [name] if name in DEFAULT_CONFIGS else difflib.get_close_matches(name, DEFAULT_CONFIGS)


class _Scores:
    """A pyiqa network as a function of images: one score an image, whatever shape it returns, nothing printed."""

    def __init__(self, network: Any) -> None:
        self.network = network

    def __call__(self, *images: Tensor) -> Tensor:
        with contextlib.redirect_stdout(io.StringIO()):
            return self.network(*images).reshape(-1)


def _unweighted(name: str) -> str:
    return ", random projections of seed 0" if name == "msswd" else ""


def _create(name: str, device: torch.device, weights: Path | None) -> Any:
    """pyiqa's own object, made without network, pickle code or prints, and with the same random numbers each time."""
    options: dict[str, Any] = {} if weights is None else {"pretrained_model_path": str(weights)}
    if name == "msswd" and weights is None:
        options["pretrained"] = False
    if name in _MODULES:
        import_module(f"pyiqa.archs.{_MODULES[name]}")
    try:
        with _offline(name), _no_pickled_code(), torch.random.fork_rng(devices=[]), contextlib.redirect_stdout(io.StringIO()):
            torch.manual_seed(0)
            return pyiqa.create_metric(name, device=device, **options)
    except ImportError as error:
        raise UsageError(f"metric '{name}' needs the Python module '{error.name}', which is not installed here: choose another") from error
    except (pickle.UnpicklingError, MatReadError, KeyError, ValueError, RuntimeError, TypeError, OSError) as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        file = "its weights" if weights is None else weights.name
        raise WeightsError(f"pyiqa cannot make metric '{name}' from {file} ({reason}): give the file its authors published") from error


@contextlib.contextmanager
def _offline(name: str) -> Iterator[None]:
    """No host name is resolved inside: what would be downloaded becomes a WeightsError that says what to do instead."""

    def refuse(*arguments: Any, **options: Any) -> NoReturn:
        raise WeightsError(
            f"metric '{name}' would have to download weights, which ttpo never does for metrics: "
            f"download them yourself (pyiqa keeps a list) and give the file with --metric-weights {name}=FILE, or choose another metric"
        )

    resolve = socket.getaddrinfo
    socket.getaddrinfo = refuse
    try:
        yield
    finally:
        socket.getaddrinfo = resolve


@contextlib.contextmanager
def _no_pickled_code() -> Iterator[None]:
    """torch.load reads tensors only inside, though pyiqa asks it to unpickle anything."""
    variable = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"
    before = os.environ.get(variable)
    os.environ[variable] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[variable]
        else:
            os.environ[variable] = before
