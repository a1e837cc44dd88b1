"""One entry of weights_manifest.yaml as a value, and the checks that make it one: every field known, typed and possible."""

import re
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from pathlib import PurePosixPath
from typing import Any, Literal, get_args
from urllib.parse import urlsplit

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from ttpo_cli.errors import WeightsError, shown

Role = Literal["backbone", "prior", "metric", "face"]
SUFFIXES = (".safetensors", ".pth", ".pt", ".ckpt")
LOOPBACK = ("127.0.0.1", "::1", "localhost")

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")
_DISTRIBUTION = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")


@dataclass(frozen=True)
class HubSource:
    """A repository of a hub: one `file` of it, or (None) the snapshot of what `allow_patterns` match (empty: all of it)."""

    repo: str
    revision: str = "main"
    file: str | None = None
    allow_patterns: tuple[str, ...] = ()


@dataclass(frozen=True)
class PackagedFile:
    """A file that an installed distribution lists under this path, and what it must be."""

    path: str
    sha256: str


@dataclass(frozen=True)
class PackageSource:
    """Weights that come in a Python distribution.

    Attributes:
        distribution: Its name on the package index.
        version: The versions that carry these files, as PEP 440 writes a range.
        files: The one that is opened first; the others belong to it and are found beside it.
        extra: The extra of ttpo that installs it; None for a dependency of ttpo.
    """

    distribution: str
    version: str
    files: tuple[PackagedFile, ...]
    extra: str | None = None

    @property
    def requirement(self) -> str:
        """What pip is asked for."""
        return f"{self.distribution}{self.version}"


@dataclass(frozen=True)
class ManifestEntry:
    """One weight file, or one snapshot of a hub's repository. Exactly one of file, urls, hub and package says where it is.

    Attributes:
        aliases: Further names, which entries of one family may share.
        scale: What it enlarges by; 1 where it does not.
        bytes, sha256: As published; None where nobody has. Of a package: the bytes of its files together, and no sha256, which each has.
        licence, commercial_use: None where they are unknown.
        file: In `weights/builtin` of this package.
        urls: Mirrors, in order.
        hub: Repositories, in order.
        package: A distribution whose files it is.
        metrics: The metrics that read it.
        gated: Its licence must be accepted on the hub's page first.
        requires: A package that knows its architecture, where spandrel alone does not.
        notes: What else a user should know.
    """

    name: str
    aliases: tuple[str, ...]
    role: Role
    task: str
    architecture: str
    scale: int
    bytes: int | None
    sha256: str | None
    licence: str | None
    commercial_use: bool | None
    paper: str | None
    file: str | None = None
    urls: tuple[str, ...] = ()
    hub: tuple[HubSource, ...] = ()
    package: PackageSource | None = None
    trained_by: str | None = None
    metrics: tuple[str, ...] = ()
    gated: bool = False
    requires: str | None = None
    notes: str | None = None

    @property
    def file_name(self) -> str:
        """What a downloaded file is called: the entry's name with the suffix its address has."""
        return self.name + (self._suffix if self._suffix in SUFFIXES else ".pth")

    @property
    def file_names(self) -> tuple[str, ...]:
        """What its files are called in its own folder."""
        return (self.file_name,) if self.package is None else tuple(PurePosixPath(file.path).name for file in self.package.files)

    @property
    def is_checkpoint(self) -> bool:
        """Whether a downloaded file must be a checkpoint, as far as its address shows: some metrics' files are of other kinds."""
        return self._suffix in ("", *SUFFIXES)

    @property
    def _suffix(self) -> str:
        return PurePosixPath(urlsplit(self.urls[0]).path).suffix if self.urls else ""

    def answers_to(self, name: str) -> bool:
        """Whether a user who types this, whatever the case, means this entry, or its family by alias or architecture."""
        return name.lower() in {known.lower() for known in (self.name, self.architecture, *self.aliases)}


# What each field may hold; a field with a default may be left out.
_TYPES: dict[str, tuple[type, ...]] = {
    "role": (str,),
    "task": (str,),
    "architecture": (str,),
    "scale": (int,),
    "bytes": (int, type(None)),
    "sha256": (str, type(None)),
    "licence": (str, type(None)),
    "commercial_use": (bool, type(None)),
    "paper": (str, type(None)),
    "file": (str, type(None)),
    "trained_by": (str, type(None)),
    "gated": (bool,),
    "requires": (str, type(None)),
    "notes": (str, type(None)),
}
_LISTS = ("aliases", "urls", "metrics")


def read_entry(manifest: str, name: Any, values: Any) -> ManifestEntry:
    """The entry `name` of a manifest from its YAML values. Raises WeightsError that names manifest, entry and field."""
    where = f"{manifest}: '{name}'"
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise WeightsError(f"{where} is not a name: use small letters, digits, '.', '_' and '-'")
    if not isinstance(values, dict):
        raise WeightsError(f"{where} is not a mapping of fields")
    known = {field.name: field for field in fields(ManifestEntry) if field.name != "name"}
    missing = {key for key, field in known.items() if field.default is MISSING and key not in values}
    wrong = missing | {str(key) for key in values if key not in known}
    if wrong:
        raise WeightsError(f"{where} has missing or unknown fields: {', '.join(sorted(wrong))}")
    for key, kinds in _TYPES.items():
        if key in values and type(values[key]) not in kinds:
            raise WeightsError(f"{where} has {key}: {shown(values[key])}, which is not of type {kinds[0].__name__}")
    lists = {key: _strings(where, key, values[key]) for key in _LISTS if key in values}
    entry = ManifestEntry(
        **{
            "name": name,
            **values,
            **lists,
            "hub": _sources(where, values.get("hub", [])),
            "package": _package(where, values.get("package")),
        }
    )
    _check(where, entry)
    return entry


def _strings(where: str, key: str, values: Any) -> tuple[str, ...]:
    if not isinstance(values, list) or not all(isinstance(value, str) and value for value in values):
        raise WeightsError(f"{where} has {key}: {shown(values)}, which is not a list of words")
    return tuple(values)


def _sources(where: str, values: Any) -> tuple[HubSource, ...]:
    """A mapping, or a list of mappings: mirrors in order."""
    return tuple(_source(where, value) for value in (values if isinstance(values, list) else [values]))


def _source(where: str, values: Any) -> HubSource:
    known = {field.name for field in fields(HubSource)}
    if not isinstance(values, Mapping) or "repo" not in values or not set(values) <= known:
        raise WeightsError(f"{where} has hub: {shown(values)}; give repo, and where needed revision, file, allow_patterns")
    given = dict(values)
    given["revision"] = given.get("revision") or "main"
    given["allow_patterns"] = _strings(where, "allow_patterns", given.get("allow_patterns") or [])
    source = HubSource(**given)
    if not isinstance(source.repo, str) or not _REPOSITORY.fullmatch(source.repo):
        raise WeightsError(f"{where} has hub repo: {shown(source.repo)}, which is not of the form OWNER/NAME")
    if not isinstance(source.revision, str) or ".." in source.revision:
        raise WeightsError(f"{where} has hub revision: {shown(source.revision)}, which is not a branch, tag or commit")
    if source.file is not None and not _is_inside(source.file):
        raise WeightsError(f"{where} has hub file: {shown(source.file)}, which is not a path inside a repository")
    return source


def _package(where: str, values: Any) -> PackageSource | None:
    """`files` maps each path to its sha256, the file to open first."""
    if values is None:
        return None
    known = {field.name for field in fields(PackageSource)}
    if not isinstance(values, Mapping) or not known - {"extra"} <= set(values) <= known:
        raise WeightsError(f"{where} has package: {shown(values)}; give distribution, version, files, and where needed extra")
    distribution, version, extra = values["distribution"], values["version"], values.get("extra")
    for key, name in (("distribution", distribution), ("extra", extra)):
        if not (key == "extra" and name is None) and not (isinstance(name, str) and _DISTRIBUTION.fullmatch(name)):
            raise WeightsError(f"{where} has package {key}: {shown(name)}, which is no name of one")
    try:
        if not isinstance(version, str) or not SpecifierSet(version):
            raise InvalidSpecifier
    except InvalidSpecifier as error:
        raise WeightsError(f"{where} has package version: {shown(version)}, which is no range such as '>=1.0,<2'") from error
    return PackageSource(distribution=distribution, version=version, files=_packaged_files(where, values["files"]), extra=extra)


def _packaged_files(where: str, values: Any) -> tuple[PackagedFile, ...]:
    if not isinstance(values, Mapping) or not values:
        raise WeightsError(f"{where} has package files: {shown(values)}; give each path with its sha256")
    for path, sha256 in values.items():
        if not _is_inside(path) or "\\" in path:
            raise WeightsError(f"{where} has package file: {shown(path)}, which is no path inside a package")
        if not isinstance(sha256, str) or not _SHA256.fullmatch(sha256):
            raise WeightsError(f"{where} has package file {path}: {shown(sha256)}, which is not 64 hexadecimal digits")
    if len({PurePosixPath(path).name for path in values}) < len(values):
        raise WeightsError(f"{where} has package files of the same name in two folders: {', '.join(values)}")
    return tuple(PackagedFile(path, sha256) for path, sha256 in values.items())


def _is_inside(path: Any) -> bool:
    return isinstance(path, str) and bool(path) and not path.startswith(("/", "\\")) and ".." not in PurePosixPath(path).parts


def _check(where: str, entry: ManifestEntry) -> None:
    """What types alone cannot say."""
    if entry.role not in get_args(Role):
        raise WeightsError(f"{where} has role: {shown(entry.role)}; known: {', '.join(get_args(Role))}")
    if sum(map(bool, (entry.file, entry.urls, entry.hub, entry.package))) != 1:
        raise WeightsError(f"{where} must have exactly one of file, urls, hub and package")
    if not 1 <= entry.scale <= 16:
        raise WeightsError(f"{where} has scale: {entry.scale}, which is not from 1 to 16")
    if entry.bytes is not None and entry.bytes < 1:
        raise WeightsError(f"{where} has bytes: {entry.bytes}, which is not the size of a file")
    if entry.sha256 is not None and not _SHA256.fullmatch(entry.sha256):
        raise WeightsError(f"{where} has sha256: {shown(entry.sha256)}, which is not 64 hexadecimal digits")
    if entry.file is not None and (PurePosixPath(entry.file).name != entry.file or "\\" in entry.file):
        raise WeightsError(f"{where} has file: {shown(entry.file)}, which is not a plain file name")
    if entry.file is not None and (entry.bytes is None or entry.sha256 is None):
        raise WeightsError(f"{where} is embedded, so bytes and sha256 are known: give them")
    if entry.package is not None and entry.sha256 is not None:
        raise WeightsError(
            f"{where} has sha256: {shown(entry.sha256)}, but each file of its package has one of its own: leave this one empty"
        )
    for url in entry.urls:
        _check_url(where, url, entry.sha256)


def _check_url(where: str, url: str, sha256: str | None) -> None:
    """HTTPS; plain HTTP only on this machine, or where a hash says what must arrive."""
    if not url.isascii() or any(letter <= " " for letter in url):
        raise WeightsError(f"{where} has url: {shown(url)}; write spaces and letters beyond ASCII as %20 and the like")
    parts = urlsplit(url)
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise WeightsError(f"{where} has url: {shown(url)}; give an address that begins with https://")
    if parts.scheme == "http" and sha256 is None and parts.hostname not in LOOPBACK:
        raise WeightsError(f"{where} has url: {shown(url)}: without a sha256 it must begin with https://")
