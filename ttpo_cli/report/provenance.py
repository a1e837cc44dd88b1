"""What a record says in addition to the result so that a restoration can be repeated, and how that is read back."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_type_hints

from ttpo_cli.backbones.automatic import AUTO
from ttpo_cli.backbones.catalog import backbone_names
from ttpo_cli.errors import TtpoError, shown
from ttpo_cli.report.record import jsonable, versions
from ttpo_cli.settings.engine import EngineOptions
from ttpo_cli.settings.option import recorded_name, recorded_values, values_before
from ttpo_cli.settings.settings import Settings
from ttpo_cli.settings.value_type import fits

if TYPE_CHECKING:
    import torch

Options = TypeVar("Options")


def provenance(
    options: EngineOptions, device: torch.device, machine: Mapping[str, Any], output_options: Mapping[str, Any]
) -> dict[str, Any]:
    """The fields of a record that name the parts as the user asked for them, where they ran, and how the file was encoded."""
    engine = recorded_values(options)
    engine |= {"backbone": _placed_all(engine["backbone"]), "prior": _placed(engine["prior"])}
    engine["metric_files"] = {name: path.resolve() for name, path in options.metric_files.items()}
    return jsonable({"engine": engine, "device": str(device), "machine": machine, "output_options": output_options})


def _placed_all(named: str) -> str:
    """Several backbones by commas, each as `_placed` has it."""
    return named if named == AUTO else ",".join(_placed(name) for name in backbone_names(named))


def _placed(named: str) -> str:
    """A file or folder by its whole path, so that it is found from anywhere; a name as it is."""
    path = Path(named)
    return str(path.resolve()) if len(path.parts) > 1 or (path.suffix and path.exists()) else named


def engine_options(record: Mapping[str, Any]) -> EngineOptions:
    """The engine of a record. Raises TtpoError for a record without it."""
    options = _rebuilt(EngineOptions, _part(record, "engine"))
    files = {name: Path(file) for name, file in options.metric_files.items()}
    return EngineOptions(**{**vars(options), "metric_files": files})


def settings_of(record: Mapping[str, Any]) -> Settings:
    """The settings of a record. Raises TtpoError for a record without them."""
    return _rebuilt(Settings, _part(record, "settings"))


def differences(record: Mapping[str, Any], weights: list[dict[str, Any]], device: str, machine: Mapping[str, Any]) -> list[str]:
    """In which of its conditions the restoration of the record differs from one now, a line each: weights, versions, device, machine."""
    lines = []
    now = {(entry["role"], entry["name"]): entry["sha256"] for entry in weights}
    then = {(entry["role"], entry["name"]): entry["sha256"] for entry in record["weights"]}
    for key in sorted(now.keys() | then.keys()):
        if now.get(key) != then.get(key):
            lines.append(f"weights of the {' '.join(key)}: {_short(then.get(key))} then, {_short(now.get(key))} now")
    lines += _changed("version of {}", record["versions"], versions())
    lines += _changed("{}", {"device": record["device"]}, {"device": device})
    kept = ("cpu", "threads", "cuda")
    return lines + _changed("machine: {}", {name: record["machine"].get(name) for name in kept}, {name: machine.get(name) for name in kept})


def _part(record: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    if not isinstance(record.get(name), Mapping):
        raise TtpoError(f"this record has no '{name}', so it cannot be repeated: it was written by an older ttpo, or is not a record")
    return record[name]


def _rebuilt(kind: type[Options], values: Mapping[str, Any]) -> Options:
    """The frozen dataclass that `recorded_values` and JSON made these values of; options newer than the record do what was done then.

    Raises TtpoError for a field that is not known.
    """
    known: dict[str, Field[Any]] = {recorded_name(entry): entry for entry in fields(kind)}  # type: ignore[arg-type]
    strange = sorted(values.keys() - known.keys())
    if strange:
        raise TtpoError(
            f"this record names options that this ttpo does not know ({', '.join(strange)}): repeat it with the one that wrote it"
        )
    hints = get_type_hints(kind)
    wrong = sorted(name for name, value in values.items() if not fits(value, hints[known[name].name]))
    if wrong:
        raise TtpoError(f"this record has {wrong[0]}: {shown(values[wrong[0]])}, which cannot be: it was changed or damaged since")
    given = {known[name].name: _value(known[name], value) for name, value in values.items()}
    stages = {entry.name: _value(entry, {}) for name, entry in known.items() if name not in values and is_dataclass(_default(entry))}
    return kind(**{**values_before(kind), **stages, **given})


def _default(entry: Field[Any]) -> Any:
    return entry.default_factory() if entry.default_factory is not MISSING else entry.default


def _value(entry: Field[Any], value: Any) -> Any:
    default = _default(entry)
    if is_dataclass(default) and not isinstance(default, type):
        if not isinstance(value, Mapping):
            raise TtpoError(f"this record has {entry.name}: {shown(value)}, which is no group of options: it was changed or damaged since")
        return _rebuilt(type(default), value)
    return tuple(value) if isinstance(default, tuple) else value


def _changed(form: str, then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    names = sorted(name for name in then.keys() | now.keys() if then.get(name) != now.get(name))
    return [f"{form.format(name)}: {then.get(name)} then, {now.get(name)} now" for name in names]


def _short(sha256: str | None) -> str:
    return "no file" if sha256 is None else f"sha256 {sha256[:12]}"


_CPU_FACTS = Path("/proc/cpuinfo")


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
