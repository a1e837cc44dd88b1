"""Weights that come in a Python distribution: found through its metadata (PEP 376, RECORD) without importing it, and verified."""

import os
from importlib import metadata
from pathlib import Path

from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version

from ttpo_cli.errors import WeightsError
from ttpo_cli.weights.entry import ManifestEntry, PackageSource
from ttpo_cli.weights.sha256 import file_sha256


def installed_files(name: str, source: PackageSource) -> tuple[Path, ...]:
    """The files of the entry `name` as the installed distribution lists them, the one to open first; no byte of them is read.

    Raises WeightsError, with what to install, where the distribution is missing, of another version, or without one of the files.
    """
    try:
        distribution = metadata.distribution(source.distribution)
    except metadata.PackageNotFoundError as error:
        raise WeightsError(f"{name} comes with the package {source.distribution}, which is not installed: {_pip(source)}") from error
    if not _is_in_range(distribution.version, source.version):
        raise WeightsError(f"{name} needs {source.requirement}, and {distribution.version} is installed: {_pip(source)}")
    listed = {path.as_posix(): path for path in distribution.files or ()}
    root = os.path.abspath(str(distribution.locate_file("")))  # noqa: PTH100 (links of the installation are not followed)
    found = []
    for file in source.files:
        path = Path(os.path.normpath(str(distribution.locate_file(listed[file.path])))) if file.path in listed else None
        if path is None or not path.is_file():
            raise WeightsError(f"{name} needs {file.path}, which {source.distribution} lacks here: {_pip(source, again=True)}")
        if not path.is_relative_to(root):
            raise WeightsError(
                f"{name} needs {file.path}, which lies outside the folder of {source.distribution}: {_pip(source, again=True)}"
            )
        found.append(path)
    return tuple(found)


def package_files(entry: ManifestEntry, folder: Path, *, installed: bool) -> tuple[Path, ...]:
    """The files of an entry that comes in a package: the copies that a bundle put into `folder`, else (where `installed` ones count) those
    of the distribution. Raises WeightsError with what to install."""
    assert entry.package is not None
    copies = tuple(folder / name for name in entry.file_names)
    if not installed or all(copy.is_file() for copy in copies):
        return copies
    return installed_files(entry.name, entry.package)


def has_package_files(entry: ManifestEntry, folder: Path, *, installed: bool) -> bool:
    """Whether all its files are on this machine, in a version that fits. No byte of them is read."""
    try:
        return all(file.is_file() for file in package_files(entry, folder, installed=installed))
    except WeightsError:
        return False


def package_path(entry: ManifestEntry, folder: Path, *, installed: bool) -> Path:
    """The file to open, after all of the entry's files were hashed. Raises WeightsError where one is missing or of other bytes."""
    assert entry.package is not None
    files = package_files(entry, folder, installed=installed)
    for file, path in zip(entry.package.files, files, strict=True):
        if file_sha256(path) != file.sha256:
            copied = path.parent == folder
            remedy = f"`ttpo models remove {entry.name}` and bundle it again" if copied else _pip(entry.package, again=True)
            raise WeightsError(f"{entry.name}: {path.name} is not the file its sha256 names, damaged or exchanged: {remedy}")
    return files[0]


def _is_in_range(version: str | None, wanted: str) -> bool:
    try:
        return version is not None and SpecifierSet(wanted).contains(Version(version), prereleases=True)
    except InvalidVersion:
        return False


def _pip(source: PackageSource, *, again: bool = False) -> str:
    return f'pip install {"--force-reinstall " if again else ""}"{source.requirement}"'
