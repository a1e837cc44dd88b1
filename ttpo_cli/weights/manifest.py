"""The weights this package ships: one entry a file in weights_manifest.yaml, and each file verified against it before use."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_args

import yaml

from ttpo_cli.errors import WeightsError
from ttpo_cli.weights.checkpoint import file_sha256

Role = Literal["backbone", "prior", "metric"]
PACKAGE = Path(__file__).resolve().parent.parent
BUILTIN = PACKAGE / "weights" / "builtin"


@dataclass(frozen=True)
class ManifestEntry:
    """One weight file. file: its name in `weights/builtin`; scale: what it enlarges by (1 where it does not)."""

    name: str
    aliases: tuple[str, ...]
    role: Role
    task: str
    architecture: str
    scale: int
    file: str
    bytes: int
    sha256: str
    licence: str
    commercial_use: bool
    trained_by: str
    paper: str


def manifest_path() -> Path:
    """weights_manifest.yaml: inside the package where a wheel put it, else at the top of the checkout. Raises WeightsError."""
    for folder in (PACKAGE, PACKAGE.parent):
        path = folder / "weights_manifest.yaml"
        if path.is_file():
            return path
    raise WeightsError(f"weights_manifest.yaml is missing beside {PACKAGE}: the installation is incomplete, install ttpo again")


def read_manifest(path: Path | None = None) -> dict[str, ManifestEntry]:
    """Every entry by its name (`path` None: the package's own manifest).

    Raises WeightsError for a file that is no manifest, an entry with missing, unknown or mistyped fields, or a name used twice.
    """
    path = manifest_path() if path is None else path
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise WeightsError(f"{path.name} cannot be read ({' '.join(str(error).split())}): install ttpo again") from error
    if not isinstance(content, dict):
        raise WeightsError(f"{path.name} holds no mapping of names to entries: install ttpo again")
    entries = {name: _entry(name, values) for name, values in content.items()}
    names = [name for entry in entries.values() for name in (entry.name, *entry.aliases)]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise WeightsError(f"{path.name} uses {', '.join(twice)} for two entries: rename one")
    return entries


def embedded_path(name: str) -> Path:
    """The file of an embedded entry, by name or alias, its bytes verified. Raises WeightsError where it is missing or changed."""
    entries = read_manifest()
    entry = next((entry for entry in entries.values() if name in (entry.name, *entry.aliases)), None)
    if entry is None:
        raise WeightsError(f"this build of ttpo ships no weights '{name}'; it ships: {', '.join(sorted(entries)) or 'none'}")
    path = BUILTIN / entry.file
    if not path.is_file():
        raise WeightsError(f"the embedded weights {entry.file} are missing: the installation is incomplete, install ttpo again")
    if path.stat().st_size != entry.bytes or file_sha256(path) != entry.sha256:
        raise WeightsError(f"the embedded weights {entry.file} are not the bytes weights_manifest.yaml names: install ttpo again")
    return path


def _entry(name: Any, values: Any) -> ManifestEntry:
    """One entry, strictly: a field too many, too few or of the wrong type is an error."""
    if not isinstance(values, dict):
        raise WeightsError(f"weights_manifest.yaml: '{name}' is no mapping of fields")
    given = {"name": name, **values, "aliases": tuple(values.get("aliases", ()))}
    types = {field.name: field.type for field in fields(ManifestEntry)}
    if set(given) != set(types):
        wrong = ", ".join(sorted(set(given) ^ set(types)))
        raise WeightsError(f"weights_manifest.yaml: '{name}' has missing or unknown fields: {wrong}")
    for field, kind in types.items():
        if kind in (str, int, bool) and type(given[field]) is not kind:
            raise WeightsError(f"weights_manifest.yaml: '{name}' has {field}: {given[field]!r}, which is no {kind.__name__}")
    if given["role"] not in get_args(Role):
        raise WeightsError(f"weights_manifest.yaml: '{name}' has role: {given['role']!r}; known: {', '.join(get_args(Role))}")
    if Path(given["file"]).name != given["file"]:
        raise WeightsError(f"weights_manifest.yaml: '{name}' has file: {given['file']!r}, which is not a plain file name")
    return ManifestEntry(**given)
