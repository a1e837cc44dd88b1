"""A bundle: a folder that is a TTPO_HOME, to carry to a machine without a network."""

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ttpo_cli.errors import UsageError, WeightsError
from ttpo_cli.imaging.atomic import atomic_write
from ttpo_cli.weights.embedding import manifest_text
from ttpo_cli.weights.entry import ManifestEntry
from ttpo_cli.weights.home import SNAPSHOT
from ttpo_cli.weights.manifest import NAME, read_manifest
from ttpo_cli.weights.package import package_files
from ttpo_cli.weights.receipt import read_receipt, write_receipt
from ttpo_cli.weights.store import Store


def bundle(store: Store, names: Sequence[str], folder: Path) -> list[str]:
    """Fetch what is missing, copy every entry into `folder` and hash the copies; returns the names that were copied.

    What ships with ttpo needs no bundle and is left out; what the folder has already is kept if it is whole. Raises UsageError
    where nothing is left, WeightsError for what cannot be fetched or copied rightly.
    """
    entries = [entry for entry in map(store.entry, dict.fromkeys(names)) if entry.file is None]
    if not entries:
        raise UsageError("nothing to bundle: what ships with ttpo is on every machine that has it")
    if folder.resolve() == store.home.resolve():
        raise UsageError(f"'{folder}' is this machine's TTPO_HOME itself: choose another folder")
    carried = replace(store, home=folder, hub_cache=folder / "hub", offline=True, packages=False)
    for entry in entries:
        source = store.find(entry.name)
        if not _is_whole(carried, entry):
            _copy(store, entry, source, carried.folder(entry))
            if carried.verify(entry.name) is None:
                raise WeightsError(f"{entry.name} did not arrive whole in '{folder}': try again, or another disk")
    _write_manifest(folder, entries)
    return [entry.name for entry in entries]


def _is_whole(carried: Store, entry: ManifestEntry) -> bool:
    try:
        return carried.verify(entry.name) is True
    except WeightsError:
        return False


def _copy(store: Store, entry: ManifestEntry, source: Path, target: Path) -> None:
    """Files under another name first, then into place: an interrupted copy is never taken for a whole one."""
    target.mkdir(parents=True, exist_ok=True)
    if entry.package is not None:
        for file in package_files(entry, store.folder(entry), installed=store.packages):
            _copy_file(file, target)
        return
    receipt = read_receipt(store.folder(entry))
    if receipt is None:
        raise WeightsError(f"{entry.name} has no receipt: `ttpo models fetch {entry.name}` with a network first")
    if entry.urls:
        _copy_file(source, target)
    else:
        snapshot = store.snapshot(entry, receipt)
        unfinished = target / f"{SNAPSHOT}.part"
        shutil.rmtree(unfinished, ignore_errors=True)
        for name in receipt.files:
            (unfinished / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(snapshot / name if snapshot else source, unfinished / name)
        shutil.rmtree(target / SNAPSHOT, ignore_errors=True)
        unfinished.replace(target / SNAPSHOT)
    write_receipt(target, receipt)


def _copy_file(source: Path, target: Path) -> None:
    unfinished = target / f"{source.name}.part"
    shutil.copyfile(source, unfinished)
    unfinished.replace(target / source.name)


def _write_manifest(folder: Path, entries: Sequence[ManifestEntry]) -> None:
    """Carry the entries that another machine's ttpo need not know, as well as those an earlier bundle put there for other files."""
    known, path = read_manifest(), folder / NAME
    before = read_manifest(path) if path.is_file() else {}
    names = {entry.name for entry in entries}
    carried = {name: entry for name, entry in before.items() if name not in names}
    carried |= {entry.name: entry for entry in entries if known.get(entry.name) != entry}
    if carried or before:
        atomic_write(path, manifest_text(carried).encode(), overwrite=True)
