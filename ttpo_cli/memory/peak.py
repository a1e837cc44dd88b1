"""Peak memory between two moments: of the process where the system tells and resets it (Linux), and of a CUDA device."""

import sys
from pathlib import Path

import torch

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def reset_peaks(device: torch.device) -> bool:
    """Start a new lap. Returns whether the process's own peak could be reset; where not, it counts from the start of the process."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    try:
        _CLEAR.write_text("5")  # resets VmHWM, see proc(5)
    except OSError:
        return False
    return True


def peaks(device: torch.device) -> dict[str, int]:
    """Bytes at most held since the last reset: `process` (resident), and `cuda` (allocated by torch) on such a device."""
    found = {"process": _process_peak()}
    if device.type == "cuda":
        found["cuda"] = torch.cuda.max_memory_allocated(device)
    return found


def _process_peak() -> int:
    if _STATUS.exists():
        line = next(line for line in _STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
