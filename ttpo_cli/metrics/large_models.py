"""Metrics that are language models: what they hold of a device's memory, said before they load and refused where it is not there."""

import torch

from ttpo_cli.device.device import total_memory
from ttpo_cli.errors import MemoryExhausted

# Bytes that pyiqa's authors measured (its benchmark table, one photo at a time). Q-ReAlign: two bytes a parameter and a tenth.
MEMORY = {
    "qalign": 15_400_000_000,
    "qalign_8bit": 8_200_000_000,
    "qalign_4bit": 5_000_000_000,
    "compare2score": 15_400_000_000,
    "qrealign": 1_800_000_000,
    "qrealign-mini": 1_800_000_000,
    "qrealign-lite": 8_800_000_000,
    "qrealign-pro": 19_800_000_000,
}
_SMALLER = {
    "qalign": ("qalign_8bit", "qalign_4bit"),
    "qalign_8bit": ("qalign_4bit",),
    "qrealign-pro": ("qrealign-lite", "qrealign-mini"),
    "qrealign-lite": ("qrealign-mini",),
}


def memory_notice(name: str) -> str | None:
    """What to say before a metric loads; None for one of ordinary size."""
    return f"metric '{name}' holds {_gigabytes(MEMORY[name])} of the device's memory" if name in MEMORY else None


def check_memory(name: str, device: torch.device) -> None:
    """Raises MemoryExhausted, naming smaller versions, where the device in all has less than a metric needs."""
    needed = MEMORY.get(name, 0)
    if not needed or total_memory(device) >= needed:
        return
    smaller = [f"{other} ({_gigabytes(MEMORY[other])})" for other in _SMALLER.get(name, ())]
    raise MemoryExhausted(
        f"metric '{name}' needs {_gigabytes(needed)} of memory, {device} has {_gigabytes(total_memory(device))}: "
        f"choose {' or '.join(smaller) or 'another metric'}"
    )


def _gigabytes(amount: int) -> str:
    return f"{amount / 1e9:.1f} GB"
