"""weights_manifest.yaml: every checkpoint, prior and metric ttpo knows by name; the embedded files are verified against it before use."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import yaml

from ttpo_cli.errors import WeightsError
from ttpo_cli.weights.entry import ManifestEntry, read_entry
from ttpo_cli.weights.home import SNAPSHOT
from ttpo_cli.weights.sha256 import file_sha256

PACKAGE = Path(__file__).resolve().parent.parent
BUILTIN = PACKAGE / "weights" / "builtin"
NAME = "weights_manifest.yaml"

# libyaml where PyYAML was built with it: a tenth of the time for the same result.
_LOADER = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader


def manifest_path() -> Path:
    """weights_manifest.yaml: inside the package where a wheel put it, else at the top of the checkout. Raises WeightsError."""
    for folder in (PACKAGE, PACKAGE.parent):
        path = folder / NAME
        if path.is_file():
            return path
    raise WeightsError(f"{NAME} is missing next to {PACKAGE}: the installation is incomplete, install ttpo again")


def read_manifest(path: Path | None = None) -> dict[str, ManifestEntry]:
    """Every entry by its name, in the order of the file (`path` None: the package's own manifest).

    Raises WeightsError for a file that is not a manifest, an entry with missing, unknown or mistyped fields, an alias that is another
    entry's name, or one that entries of two roles share.
    """
    repair = "install ttpo again" if path is None else "correct or replace it"
    path = manifest_path() if path is None else path
    try:
        facts = path.stat()
    except OSError as error:
        raise WeightsError(f"{path.name} cannot be read ({error.strerror}): {repair}") from error
    return dict(_entries(path, (facts.st_mtime_ns, facts.st_size), repair))


def read_own_manifest(path: Path) -> dict[str, ManifestEntry]:
    """The entries of a manifest that is not the package's. Raises WeightsError as `read_manifest` does, and for an embedded file."""
    entries = read_manifest(path)
    for entry in entries.values():
        if entry.file is not None:
            raise WeightsError(
                f"{path}: '{entry.name}' names an embedded file, which only the package's own manifest can: give urls, hub or package"
            )
    return entries


@cache
def _entries(path: Path, stamp: tuple[int, int], repair: str) -> dict[str, ManifestEntry]:
    """The entries of a file as it stood at `stamp`, (modified, bytes): a command asks for the same manifest several times."""
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_LOADER) or {}
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise WeightsError(f"{path.name} cannot be read ({' '.join(str(error).split())}): {repair}") from error
    if not isinstance(content, dict):
        raise WeightsError(f"{path.name} does not hold a mapping of names to entries: {repair}")
    entries = {name: read_entry(path.name, name, values) for name, values in content.items()}
    _refuse_double_names(path.name, entries)
    return entries


def embedded_path(name: str) -> Path:
    """The file of an embedded entry, by name or alias, its bytes verified. Raises WeightsError where it is missing or changed."""
    entries = {known: entry for known, entry in read_manifest().items() if entry.file is not None}
    entry = next((entry for entry in entries.values() if name in (entry.name, *entry.aliases)), None)
    if entry is None or entry.file is None:
        raise WeightsError(f"this build of ttpo ships no weights '{name}'; it ships: {', '.join(sorted(entries)) or 'none'}")
    path = BUILTIN / entry.file
    if not path.is_file():
        raise WeightsError(f"the embedded weights {entry.file} are missing: the installation is incomplete, install ttpo again")
    if path.stat().st_size != entry.bytes or file_sha256(path) != entry.sha256:
        raise WeightsError(f"the embedded weights {entry.file} are not the bytes {NAME} names: install ttpo again")
    return path


def _refuse_double_names(manifest: str, entries: dict[str, ManifestEntry]) -> None:
    """A family may share an alias; a name is one entry's alone."""
    roles: dict[str, str] = {}
    for entry in entries.values():
        for alias in entry.aliases:
            if alias in entries or entry.aliases.count(alias) > 1 or roles.setdefault(alias, entry.role) != entry.role:
                raise WeightsError(f"{manifest} uses {alias} for two entries: rename one")


def known_entries(home: Path, environment: Mapping[str, str]) -> dict[str, ManifestEntry]:
    """Every entry by name. Raises WeightsError for a manifest that cannot be read.

    The package's entries come first. The manifest in TTPO_HOME (a bundle's) adds to them, and replaces those whose files lie there.
    The manifest that TTPO_MANIFEST names replaces all of the same names.
    """
    entries = read_manifest()
    if (home / NAME).is_file():
        carried = read_own_manifest(home / NAME)
        entries |= {name: entry for name, entry in carried.items() if name not in entries or _is_carried(home, entry)}
    if environment.get("TTPO_MANIFEST"):
        entries = {**entries, **read_own_manifest(Path(environment["TTPO_MANIFEST"]))}
    return entries


def _is_carried(home: Path, entry: ManifestEntry) -> bool:
    """Whether a bundle's files for its own entry are there: another entry of that name would call them damaged."""
    folder = home / "models" / entry.name
    named = bool(entry.urls or entry.package) and all((folder / name).is_file() for name in entry.file_names)
    return named or (folder / SNAPSHOT).is_dir()
