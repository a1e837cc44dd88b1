"""NIQE's pristine Gaussian from a file: our safetensors, BasicSR's .npz, or MATLAB's .mat."""

import dataclasses
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ttpo_cli.errors import WeightsError
from ttpo_cli.metrics.niqe import NiqeModel
from ttpo_cli.weights.checkpoint import load_checkpoint
from ttpo_cli.weights.pickled import DAMAGE

FEATURES = 36


@dataclasses.dataclass(frozen=True)
class NiqeFile:
    """A model with what its file says about it; pristine and scale are None where the file says nothing."""

    model: NiqeModel
    pristine: float | None
    scale: float | None
    licence: str
    source: str


def load_niqe_model(path: Path) -> NiqeFile:
    """Read a pristine model. Raises WeightsError for a file that is missing, of another kind, or holds no 36 features."""
    if path.suffix not in _READERS:
        raise WeightsError(f"{path.name} is not a NIQE model: give one of {', '.join(_READERS)}")
    try:
        state, metadata = _READERS[path.suffix](path)
        model = NiqeModel(state["mean"].double().flatten(), state["covariance"].double())
    except OSError as error:
        raise WeightsError(f"{path} cannot be read ({error.strerror or error}): check the path") from error
    except (zipfile.BadZipFile, *DAMAGE) as error:
        raise WeightsError(f"{path.name} is not a readable NIQE model ({type(error).__name__}): download it again") from error
    if model.mean.shape != (FEATURES,) or model.covariance.shape != (FEATURES, FEATURES):
        raise WeightsError(
            f"{path.name} holds a mean of {tuple(model.mean.shape)} and a covariance of {tuple(model.covariance.shape)}, "
            f"NIQE needs ({FEATURES},) and ({FEATURES}, {FEATURES}): give a NIQE pristine model"
        )
    return NiqeFile(
        model=model,
        pristine=metadata.get("pristine"),
        scale=metadata.get("scale"),
        licence=metadata.get("licence", "the file's own, not stated in it"),
        source=f"Mittal et al. 2013; pristine model {path.name}",
    )


def _from_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    return load_checkpoint(path)


def _from_npz(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """BasicSR's keys."""
    with np.load(path, allow_pickle=False) as arrays:
        return {"mean": torch.from_numpy(arrays["mu_pris_param"]), "covariance": torch.from_numpy(arrays["cov_pris_param"])}, {}


def _from_mat(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The keys of the authors' release, which pyiqa reads too."""
    import scipy.io  # a quarter of a second that only this format needs

    try:
        arrays = scipy.io.loadmat(path)
    except (scipy.io.matlab.MatReadError, NotImplementedError) as error:
        raise ValueError(str(error)) from error
    return {"mean": torch.from_numpy(arrays["mu_prisparam"]), "covariance": torch.from_numpy(arrays["cov_prisparam"])}, {}


_READERS: dict[str, Callable[[Path], tuple[dict[str, Tensor], dict[str, Any]]]] = {
    ".safetensors": _from_safetensors,
    ".npz": _from_npz,
    ".mat": _from_mat,
}
