"""What a training computes in: float32, or bfloat16 where autocast takes it. What is trained stays in float32."""

from typing import get_args

import torch

from ttpo_cli.errors import unknown_name
from ttpo_cli.settings.training import Precision

PRECISIONS: tuple[str, ...] = get_args(Precision)


def check_precision(precision: str) -> None:
    """Raises UsageError for another word."""
    if precision not in PRECISIONS:
        raise unknown_name("precision", precision, PRECISIONS)


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """The context that a network computes in."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")
