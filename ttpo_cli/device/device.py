"""How much a device holds, how large a piece of a photo it affords, and what running out of its memory looks like."""

import os
from pathlib import Path

import torch

from ttpo_cli.errors import UsageError, unknown_name

# Measured peaks an input pixel in fp32 on a CPU: DnCNN 1 kB; DITN, CRAFT and DCTLSA x4 7 to 12 kB; the full LFC-SR x4 64 kB.
BYTES_A_PIXEL = 64 * 1024

SHARE = 0.25

LARGEST_SIDE = 1024

# What is assumed of a system that does not say.
MODEST_MEMORY = 8 * 2**30

_MESSAGES = ("out of memory", "can't allocate memory", "not enough memory", "cannot allocate memory", "buffer size", "alloc_failed")


def affordable_side(device: torch.device) -> int:
    """Side in input pixels of the square that a quarter of the device's total memory affords: the same in every run on a machine."""
    side = int((total_memory(device) * SHARE / BYTES_A_PIXEL) ** 0.5)
    return max(64, min(LARGEST_SIDE, side // 32 * 32))


def total_memory(device: torch.device) -> int:
    """Bytes of the device, not of what is free just now. For a CPU: of the machine, or of the container if that is less."""
    if device.type == "cuda":
        return torch.cuda.get_device_properties(device).total_memory
    if device.type == "mps":
        return torch.mps.recommended_max_memory()
    try:
        machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf
        machine = MODEST_MEMORY
    limits = [machine]
    for file in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            limits.append(int(Path(file).read_text()))
        except (OSError, ValueError):  # no container, or "max"
            continue
    return min(limits)


def has_bfloat16(device: torch.device) -> bool:
    """Whether the device multiplies bfloat16 matrices in hardware: on a CPU by AVX512-BF16 or AMX. Others take many times longer for it."""
    if device.type != "cpu":
        return True
    checks = (getattr(torch.cpu, name, None) for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"))
    return any(check() for check in checks if check is not None)


def is_out_of_memory(error: Exception) -> bool:
    """Whether the device, and not the network, failed: CUDA has a type for it, the CPU's and MPS's allocators only words."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return any(message in str(error).lower() for message in _MESSAGES)


def free_cached(device: torch.device) -> None:
    """Give what PyTorch keeps for later back to the device, so that a smaller tile can have it."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()


def choose_device(name: str) -> torch.device:
    """`auto` is CUDA, then MPS, then the CPU. Raises UsageError for a device that is not there."""
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return torch.device(next(kind for kind, there in available.items() if there))
    kind = name.split(":")[0]
    if kind not in available:
        raise unknown_name("device", name, ("auto", *available))
    if not available[kind]:
        raise UsageError(f"--device {name}: PyTorch sees no such device on this machine; use --device cpu, or see `ttpo doctor`")
    index = name.partition(":")[2]
    if index and (not index.isdigit() or (kind == "cuda" and int(index) >= torch.cuda.device_count())):
        raise UsageError(f"--device {name}: there are {torch.cuda.device_count()} CUDA devices here, numbered from 0")
    return torch.device(name)
