"""The weights a run of `ttpo train lfc` starts from: a checkpoint of its own, of the same preset and scale."""

from pathlib import Path

from torch import Tensor

from ttpo_cli.errors import UsageError
from ttpo_cli.weights.checkpoint import load_checkpoint


def start_weights(path: Path, preset: str, scale: int) -> dict[str, Tensor]:
    """The state dict of `path`. Raises WeightsError for an unreadable file, UsageError for one of another network."""
    state, metadata = load_checkpoint(path)
    found = (metadata.get("ttpo"), metadata.get("preset"), str(metadata.get("scale")))
    if found != ("lfc-sr", preset, str(scale)):
        raise UsageError(f"{path.name} holds {found[1] or 'no LFC-SR'} x{found[2]}, the run is of {preset} x{scale}: start from the same")
    return state
