"""Metrics of pyiqa (Chen and Mo, IQA-PyTorch), the only importer of it: every one by name, its files from a store or given by the user."""

import contextlib
import difflib
import io
import os
import pickle
import socket
import sys
import warnings
from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import packaging.version
import pyiqa
import torch
from pyiqa.default_model_configs import DEFAULT_CONFIGS
from scipy.io.matlab import MatReadError
from torch import Tensor

from ttpo_cli.errors import UsageError, WeightsError, unknown_name
from ttpo_cli.metrics import networks
from ttpo_cli.metrics.large_models import check_memory
from ttpo_cli.metrics.large_photos import in_windows
from ttpo_cli.metrics.metric import Metric
from ttpo_cli.metrics.pristine import LEVELS, Level
from ttpo_cli.metrics.provided_files import left_untrained, provided_files, untrained_backbones
from ttpo_cli.metrics.weight_files import FindWeights, files_of, find_files, not_stored

LICENCE = "PolyForm-Noncommercial-1.0.0 (pyiqa); weights: their own"
# What scores something else than one photo, and why it is not supported.
UNSUPPORTED = {
    **dict.fromkeys(("fid", "sfid", "fid_dinov2", "inception_score"), "scores sets of photos"),
    "clipscore": "scores a photo against a caption",
    "fgresq_pair": "gives three numbers for a pair",
}
_PUBLISHED_BACKBONES = {"alexnet": "alexnet-owt-7be5be79.pth", "vgg16": "vgg16-397923af.pth", "vgg19": "vgg19-dcbb9e9d.pth"}


def load_pyiqa(
    name: str, device: torch.device, weights: Path | None = None, find: FindWeights = not_stored, pretrained: bool = True
) -> Metric:
    """A metric of pyiqa under its own name there, higher or lower as pyiqa says.

    weights: in place of the metric's own file, as it is published (a folder, of a metric that reads a repository of the hub).
    find: where the others, and without `weights` all of them, come from. pretrained False: random projections (msswd alone).
    Raises WeightsError where a file is missing, unreadable or would run code: nothing here touches the network. Raises UsageError
    for an unknown name, a metric of sets or captions, or one without weights that is given some; MemoryExhausted where the device
    cannot hold it.
    """
    if name not in DEFAULT_CONFIGS:
        raise unknown_name("metric of pyiqa", name, difflib.get_close_matches(name, DEFAULT_CONFIGS, n=5, cutoff=0.4))
    if name in UNSUPPORTED:
        raise UsageError(f"metric '{name}' {UNSUPPORTED[name]}, not one photo: choose another")
    if weights is not None and not files_of(name):
        raise UsageError(f"metric '{name}' has no weights: leave out --metric-weights {name}={weights}")
    if weights is not None and not weights.exists():
        raise WeightsError(f"{weights} does not exist: give the weights of metric '{name}' with --metric-weights {name}=FILE")
    check_memory(name, device)
    files = find_files(name, find, weights) if pretrained else {}
    metric = _metric(name, _create(name, device, files, pretrained), device, weights, pretrained)
    return replace(metric, files=tuple(files.values()))


def known_to_pyiqa(name: str) -> list[str]:
    """pyiqa's names close to this one, itself alone where it is one of them."""
    return [name] if name in DEFAULT_CONFIGS else difflib.get_close_matches(name, DEFAULT_CONFIGS)


def pyiqa_names() -> tuple[str, ...]:
    """Every name of pyiqa, in the alphabet's order."""
    return tuple(pyiqa.list_models())


def network_of(name: str) -> str:
    """The class of pyiqa's network that computes a metric: what batches, precision and large photos depend on."""
    return DEFAULT_CONFIGS[name]["metric_opts"]["type"]


def facts_of(name: str) -> tuple[bool, bool, str]:
    """Whether a metric needs a reference, whether lower is better, and its range in pyiqa's words, without loading it."""
    entry = DEFAULT_CONFIGS[name]
    return entry["metric_mode"] == "FR", networks.lower_is_better(name, entry.get("lower_better", False)), entry["score_range"]


def large_photos_of(name: str) -> tuple[str, int | None]:
    """What a metric sees of a large photo, in words, and the side of the windows above which it sees it in several."""
    kind, options = network_of(name), DEFAULT_CONFIGS[name]["metric_opts"]
    side = options.get("test_img_size") or (384 if "swin" in options.get("semantic_model_name", "") else None)
    if side is not None:
        return f"resized to {side} px", None
    return networks.SEEN[kind], networks.WINDOWS.get(kind)


def _metric(name: str, network: Any, device: torch.device, weights: Path | None, pretrained: bool) -> Metric:
    kind = network_of(name)
    needs_reference, lower_is_better, score_range = facts_of(name)
    level = LEVELS.get(name, Level(None, None)) if not needs_reference else Level(None, None)
    return Metric(
        name,
        _Scores(network, large_photos_of(name)[1], kind in networks.HALF and device.type == "cuda"),
        lower_is_better=lower_is_better,
        needs_reference=needs_reference,
        minimum_size=networks.MINIMUM_SIZES.get(kind, 1),
        pristine=level.pristine,
        scale=level.scale,
        licence=LICENCE,
        source=f"pyiqa {pyiqa.__version__}" + (f", weights {weights.name}" if weights else "" if pretrained else networks.UNTRAINED),
        differentiable=False,
        range=networks.bounds(score_range),
        batch=networks.BATCH if kind in networks.BATCHED and device.type == "cuda" else 1,
    )


class _Scores:
    """A pyiqa network as a function of images: one score an image, whatever shape it returns, nothing printed."""

    def __init__(self, network: Any, window: int | None, half: bool) -> None:
        self.network, self.window, self.half = network, window, half

    def __call__(self, *images: Tensor) -> Tensor:
        with contextlib.redirect_stdout(io.StringIO()), torch.autocast(images[0].device.type, torch.float16, enabled=self.half):
            try:
                return in_windows(lambda *pieces: self.network(*pieces).reshape(-1).float(), self.window, *images)
            except (RuntimeError, MemoryError):
                self._forget()
                raise

    def _forget(self) -> None:
        """What MANIQA and AHIQ collected of an image that failed would be taken for the next one's."""
        for module in self.network.modules():
            if "save_output" in vars(module):
                module.save_output.outputs.clear()


def _create(name: str, device: torch.device, files: dict[str, Path], pretrained: bool) -> Any:
    """pyiqa's own object, made without network, pickle code or prints, and with the same random numbers each time."""
    trained = frozenset(network for network, file in _PUBLISHED_BACKBONES.items() if file in files)
    own_timm = any(file.startswith("timm/") for file in files)
    options: dict[str, Any] = {} if pretrained else {"pretrained": False}
    try:
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _import_network(name, files)
            with provided_files(files), untrained_backbones(own_timm, trained) as made, _alone(name):
                torch.manual_seed(0)
                network = pyiqa.create_metric(name, device=device, **options)
    except ImportError as error:
        raise UsageError(f"metric '{name}' needs the Python module '{error.name}', which is not installed here: choose another") from error
    except (pickle.UnpicklingError, MatReadError, KeyError, ValueError, RuntimeError, TypeError, OSError, EOFError) as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        given = " and ".join(path.name for path in files.values()) or "its weights"
        raise WeightsError(f"pyiqa cannot make metric '{name}' from {given} ({reason}): give the file its authors published") from error
    missing = left_untrained(network, made)
    if missing:
        raise WeightsError(f"the weights of metric '{name}' lack {missing[0]}: give the file its authors published")
    return network


def _import_network(name: str, files: dict[str, Path]) -> None:
    """The module of a network, before anything is replaced in it; where pyiqa has to look for one it imports all it has."""
    kind = network_of(name)
    if any(file in networks.CLIP_FILES for file in files):
        _import_clip()
    import_module(f"pyiqa.archs.{networks.MODULES.get(kind, kind.lower())}_arch")


def _import_clip() -> None:
    """openai-clip asks pkg_resources for `packaging`, which setuptools took out of it: it is given what it asks for."""
    if "clip" in sys.modules:
        return
    before = sys.modules.get("pkg_resources")
    sys.modules["pkg_resources"] = SimpleNamespace(packaging=packaging)  # pyright: ignore[reportArgumentType]
    try:
        import_module("clip")
    finally:
        if before is None:
            del sys.modules["pkg_resources"]
        else:
            sys.modules["pkg_resources"] = before


@contextlib.contextmanager
def _alone(name: str) -> Iterator[None]:
    """Without network, pickled code or a trace in the caller's random numbers."""
    with _offline(name), _no_pickled_code(), torch.random.fork_rng(devices=[]):
        yield


@contextlib.contextmanager
def _offline(name: str) -> Iterator[None]:
    """No host name is resolved inside: whatever pyiqa would still fetch is a WeightsError."""

    def refuse(*arguments: Any, **options: Any) -> NoReturn:
        raise WeightsError(
            f"metric '{name}' would have to download what ttpo does not know of: choose another, or another release of pyiqa"
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
