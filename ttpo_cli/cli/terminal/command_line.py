"""The command that was given, as a line to paste, and the machine it ran on: what makes a table of numbers reproducible."""

import os
import platform
import shlex
from pathlib import Path
from typing import Any

import typer

_CPU_FACTS = Path("/proc/cpuinfo")


def command_line(context: typer.Context, leave_out: frozenset[str] = frozenset()) -> str:
    """`ttpo eval ...` with every argument and option that was given, in the program's order, but those named in `leave_out`."""
    words = ["ttpo", context.info_name or ""]
    for parameter in context.command.params:
        name = parameter.name or ""
        source = context.get_parameter_source(name)
        if name in leave_out or source is None or source.name != "COMMANDLINE":
            continue
        words += _words(parameter, context.params[name])
    return shlex.join(words)


def _words(parameter: Any, value: Any) -> list[str]:
    """One parameter as it would be typed."""
    values = value if isinstance(value, (list, tuple)) else [value]
    if parameter.param_type_name == "argument":
        return [str(entry) for entry in values]
    if isinstance(value, bool):
        return [parameter.opts[0] if value else parameter.secondary_opts[0]]
    return [word for entry in values for word in (parameter.opts[0], str(entry))]


def describe_machine() -> dict[str, Any]:
    """CPU by its name, cores, threads of torch, CUDA devices, system."""
    import torch

    return {
        "cpu": _cpu_name(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "cuda": [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())],
        "system": platform.platform(terse=True),
    }


def _cpu_name() -> str:
    """The processor's own name on Linux, its family elsewhere."""
    if _CPU_FACTS.is_file():
        for line in _CPU_FACTS.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
