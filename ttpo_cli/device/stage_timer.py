"""Seconds and peak memory of the stages of one run, each from the end of the one before: nothing in between is left out."""

import sys
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

import torch

Bytes = dict[str, int]


@dataclass
class StageTimer:
    """Made at the start; call `end_of` when a stage is over. A stage that comes again adds its seconds, and keeps the greater peak.

    memory: by stage, then `process` (from its own start, where the system does not reset it) and `cuda`, in bytes.
    """

    device: torch.device
    seconds: dict[str, float] = field(default_factory=dict)
    memory: dict[str, Bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        reset_peaks(self.device)
        self._began = clock(self.device)

    def end_of(self, stage: str) -> None:
        """The time and the most memory since the last stage ended were this one's."""
        now = clock(self.device)
        self.seconds[stage] = self.seconds.get(stage, 0.0) + now - self._began
        self.memory[stage] = greatest((self.memory.get(stage, {}), peaks(self.device)))
        reset_peaks(self.device)
        self._began = now


def clock(device: torch.device) -> float:
    """Seconds, once the device has done what it was given: a GPU works on after its calls return."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return perf_counter()


def greatest(measured: tuple[Bytes, ...]) -> Bytes:
    """The most that was held at each place over several stages."""
    places = dict.fromkeys(place for peak in measured for place in peak)
    return {place: max(peak.get(place, 0) for peak in measured) for place in places}


_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def reset_peaks(device: torch.device) -> bool:
    """Start a new stage. Returns whether the process's own peak could be reset; where not, it counts from the start of the process."""
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
