"""From a name to a verified file or snapshot on this machine, downloaded once where that is allowed."""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from filelock import FileLock

from ttpo_cli.errors import TtpoError, UsageError, WeightsError, unknown_name
from ttpo_cli.progress import OnBytes, OnDownload
from ttpo_cli.weights.container import flaw
from ttpo_cli.weights.download import Patience, download
from ttpo_cli.weights.entry import HubSource, ManifestEntry
from ttpo_cli.weights.home import SNAPSHOT, hub_cache, is_offline, ttpo_home
from ttpo_cli.weights.hub import Fetched, arrived_files, at_endpoint, cached_snapshot, fetch_repository, from_first_repository, inside
from ttpo_cli.weights.manifest import embedded_path, known_entries
from ttpo_cli.weights.package import has_package_files, package_files, package_path
from ttpo_cli.weights.receipt import (
    Arrived,
    Receipt,
    changed,
    cleared_receipt,
    delete_files,
    missing,
    read_receipt,
    recorded_sha256,
    remembered,
    today,
    write_receipt,
)
from ttpo_cli.weights.sha256 import file_sha256

_SETTINGS = ("*.json", "*.txt", "*.model")


@dataclass(frozen=True)
class Store:
    """Where weights are kept on this machine, and what may be fetched.

    Attributes:
        home: TTPO_HOME, which holds models/NAME/ with file and receipt.
        hub_cache: the cache of huggingface_hub.
        entries: the manifest, by name.
        offline: never use the network.
        endpoint: the hub's address; None means huggingface_hub's own default.
        on_bytes: called with the progress of a download.
        patience: how long a download waits, and how often it tries again.
        packages: whether weights count as here that come in an installed package.
    """

    home: Path
    hub_cache: Path
    entries: Mapping[str, ManifestEntry] = field(repr=False)
    offline: bool = False
    endpoint: str | None = None
    on_bytes: OnDownload | None = None
    patience: Patience = field(default_factory=Patience)
    packages: bool = True

    def find(self, name: str) -> Path:
        """The verified file, or the folder of the snapshot, of an entry by its name; fetched where it is not here yet.

        A file is hashed each time, a snapshot's files are compared by length (`verify` hashes them). Raises UsageError for an unknown
        name, WeightsError for what is missing offline, cannot be fetched, or is not what it should be.
        """
        entry = self.entry(name)
        return self.local(entry) or self._fetch(entry)

    def settings(self, name: str) -> Path:
        """The folder of a hub's entry: the verified snapshot if it is here, else its configurations and tokenizers alone, a few megabytes.

        Raises UsageError for an unknown name, WeightsError where they are not here and cannot be fetched.
        """
        entry = self.entry(name)
        here = self.local(entry)
        if here is not None or self.offline:
            return here or self._fetch(entry)  # which says that it cannot

        def fetched(source: HubSource) -> Path:
            small = replace(source, allow_patterns=_SETTINGS)
            return fetch_repository(small, self.hub_cache, source.revision, self.endpoint, self._progress_of(entry)).folder

        return from_first_repository(entry, fetched)

    def fetch(self, name: str) -> Path:
        """As `find`; what is here but changed is fetched anew, and accepted if it is then what it should be."""
        entry = self.entry(name)
        try:
            here = self.local(entry)
        except WeightsError:
            if entry.file is not None or entry.package is not None or self.offline:
                raise
            here = None
        return here or self._fetch(entry, replace_damaged=True)

    def entry(self, name: str) -> ManifestEntry:
        """The entry of exactly this name (families are resolved by `choose`). Raises UsageError."""
        if name not in self.entries:
            raise unknown_name("model", name, self.entries)
        return self.entries[name]

    def local(self, entry: ManifestEntry, *, thorough: bool = False) -> Path | None:
        """The file or snapshot if it is here, None if not. Raises WeightsError where it is here but not what it should be."""
        if entry.file is not None:
            return embedded_path(entry.name)
        if entry.package is not None:
            return package_path(entry, self.folder(entry), installed=self.packages) if self.is_here(entry) else None
        return self._local_file(entry) if entry.urls else self._local_snapshot(entry, thorough=thorough)

    def verify(self, name: str) -> bool | None:
        """True if every byte is as it should be, None if the entry is not here. Raises WeightsError that says what is wrong."""
        entry = self.entry(name)
        return True if self.is_here(entry) and self.local(entry, thorough=True) is not None else None

    def remove(self, name: str, *, forget: bool = False) -> bool:
        """Delete what was fetched, whole or not; False where there was nothing. The hashes of files without a published one stay on
        record, unless `forget`. Raises UsageError for what ships with ttpo or comes in a package.
        """
        entry = self.entry(name)
        if entry.file is not None:
            raise UsageError(f"{name} ships with ttpo and cannot be removed")
        found = self._clear(entry)
        if entry.package is not None and not found and self.is_here(entry):
            raise UsageError(f"{name} comes with a package: `pip uninstall {entry.package.distribution}` removes it")
        if forget or entry.sha256 is not None:
            found = found or (forget and self.folder(entry).exists())
            shutil.rmtree(self.folder(entry), ignore_errors=True)
        return found

    def folder(self, entry: ManifestEntry) -> Path:
        return self.home / "models" / entry.name

    def is_here(self, entry: ManifestEntry) -> bool:
        """Whether it was fetched to this machine, whole or not: no byte of it is read. What only other tools fetched from a hub is not,
        since nothing says what it should be."""
        if entry.file is not None:
            return True
        if entry.package is not None:
            return has_package_files(entry, self.folder(entry), installed=self.packages)
        try:
            receipt = read_receipt(self.folder(entry))
        except WeightsError:
            return True  # `verify` reports the damaged receipt, `fetch` replaces it
        if entry.urls:
            known = entry.sha256 is not None or (receipt is not None and entry.file_name in receipt.files)
            return known and (self.folder(entry) / entry.file_name).is_file()
        snapshot = self.snapshot(entry, receipt)
        return snapshot is not None and receipt is not None and not missing(snapshot, receipt)

    def place(self, entry: ManifestEntry) -> Path | None:
        """Where the files of an entry lie that is here: its own folder, or the snapshot in the hub's cache. Raises WeightsError."""
        if entry.file is not None or not self.is_here(entry):
            return None
        if entry.package is not None:
            return package_files(entry, self.folder(entry), installed=self.packages)[0].parent
        return self.folder(entry) if entry.urls else self.snapshot(entry, read_receipt(self.folder(entry)))

    def _local_file(self, entry: ManifestEntry) -> Path | None:
        """As `local`, of an entry with addresses: the file is hashed."""
        path = self.folder(entry) / entry.file_name
        if not path.is_file():
            return None
        receipt = read_receipt(self.folder(entry))
        expected = entry.sha256 or recorded_sha256(receipt, entry.file_name)
        if expected is None:
            return None  # put there by somebody else, or interrupted before it was recorded: fetched anew
        if file_sha256(path) != expected:
            since = "its published sha256" if entry.sha256 else f"what arrived on {receipt.date}" if receipt else ""
            raise WeightsError(f"{path.name} is not {since}: damaged or exchanged; `ttpo models fetch {entry.name}` replaces it")
        return path

    def _local_snapshot(self, entry: ManifestEntry, *, thorough: bool) -> Path | None:
        """As `local`, of an entry of a hub. Without a receipt nothing says what it should be, so it is used only offline."""
        receipt = read_receipt(self.folder(entry))
        snapshot = self.snapshot(entry, receipt)
        if snapshot is None:
            return None
        if receipt is None:
            return inside(snapshot, entry.hub[0]) if self.offline else None
        if missing(snapshot, receipt):
            return None
        source = next((source for source in entry.hub if source.repo == receipt.repo), entry.hub[0])
        if different := changed(snapshot, receipt, thorough=thorough or source.file is not None):
            raise WeightsError(
                f"{entry.name}: {different[0]} is not what arrived on {receipt.date}: `ttpo models fetch {entry.name}` replaces it"
            )
        return inside(snapshot, source)

    def snapshot(self, entry: ManifestEntry, receipt: Receipt | None) -> Path | None:
        """A bundle's copy, else what the hub's cache has of the recorded commit, or of the entry's revision."""
        copy = self.folder(entry) / SNAPSHOT
        if copy.is_dir():
            return copy
        if receipt is not None and receipt.repo and receipt.commit:
            return cached_snapshot(self.hub_cache, receipt.repo, receipt.commit)
        found = (cached_snapshot(self.hub_cache, source.repo, source.revision) for source in entry.hub)
        return next((snapshot for snapshot in found if snapshot is not None), None)

    def _clear(self, entry: ManifestEntry) -> bool:
        """Delete the files of an entry, not its receipt unless that is damaged; False where there were none. In the hub's cache: the blobs
        that the receipt names, which other tools fetch again."""
        folder = self.folder(entry)
        receipt = cleared_receipt(folder)
        snapshot = self.snapshot(entry, receipt) if entry.hub else None
        own = [folder / f"{name}{end}" for name in entry.file_names for end in ("", ".part", ".part.json")]
        found = delete_files(own, snapshot, receipt)
        shutil.rmtree(folder / SNAPSHOT, ignore_errors=True)
        return found

    def _fetch(self, entry: ManifestEntry, *, replace_damaged: bool = False) -> Path:
        """Fetch, check, record. Another process that fetches the same is waited for, and its result used."""
        if entry.package is not None:
            return package_path(entry, self.folder(entry), installed=self.packages)
        if self.offline:
            raise WeightsError(
                f"{entry.name} is not on this machine, and the network is off (--offline, HF_HUB_OFFLINE): "
                f"`ttpo models fetch {entry.name}` with a network, or carry a bundle (`ttpo models bundle`) here"
            )
        folder = self.folder(entry)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (self.home / "locks").mkdir(exist_ok=True)
            with FileLock(self.home / "locks" / f"{entry.name}.lock"):
                here = self._local_or_cleared(entry) if replace_damaged else self.local(entry)
                return here or (self._fetch_file(entry) if entry.urls else self._fetch_snapshot(entry))
        except OSError as error:
            reason = error.strerror or str(error)
            raise TtpoError(
                f"{entry.name} cannot be kept in '{folder}' ({reason}): make room, or set TTPO_HOME to a folder of yours"
            ) from error

    def _local_or_cleared(self, entry: ManifestEntry) -> Path | None:
        try:
            return self.local(entry)
        except WeightsError:
            self._clear(entry)
            return None

    def _fetch_file(self, entry: ManifestEntry) -> Path:
        folder, path = self.folder(entry), self.folder(entry) / entry.file_name
        before = read_receipt(folder)
        try:
            delivered = download(
                [at_endpoint(url, self.endpoint) for url in entry.urls],
                path,
                size=entry.bytes,
                sha256=entry.sha256 or recorded_sha256(before, entry.file_name),
                flaw=flaw if entry.is_checkpoint else None,
                patience=self.patience,
                on_bytes=self._progress_of(entry),
            )
        except WeightsError as error:
            if entry.sha256 is None and before is not None:
                raise WeightsError(f"{error}. {remembered(entry.name, before)}") from error
            raise
        arrived = Arrived(bytes=delivered.bytes, sha256=delivered.sha256, published=entry.sha256 is not None)
        if before is None or entry.sha256 is not None:
            write_receipt(folder, Receipt(delivered.url, today(), {entry.file_name: arrived}))
        return path

    def _fetch_snapshot(self, entry: ManifestEntry) -> Path:
        """Fetch from the first repository that gives it, at the commit that the receipt names if there is one."""
        before = read_receipt(self.folder(entry))

        def recorded(source: HubSource) -> Path:
            revision = before.commit if before is not None and before.commit and before.repo == source.repo else source.revision
            fetched = fetch_repository(source, self.hub_cache, revision, self.endpoint, self._progress_of(entry))
            self._record(entry, source, fetched, before)
            return fetched.folder if source.file is None else fetched.folder / source.file

        return from_first_repository(entry, recorded)

    def _record(self, entry: ManifestEntry, source: HubSource, fetched: Fetched, before: Receipt | None) -> None:
        """Verify every file that arrived, and write the receipt. before: the receipt of an earlier fetch."""
        files = arrived_files(entry, source, fetched, before)
        write_receipt(
            self.folder(entry), Receipt(f"{source.repo}@{fetched.commit}", today(), files, repo=source.repo, commit=fetched.commit)
        )

    def _progress_of(self, entry: ManifestEntry) -> OnBytes:
        listener = self.on_bytes
        return (lambda done, total: None) if listener is None else lambda done, total: listener(entry.name, done, total)


def open_store(on_bytes: OnDownload | None = None, environment: Mapping[str, str] | None = None) -> Store:
    """The store of this process, as the environment says. Raises WeightsError for a manifest that cannot be read."""
    given = os.environ if environment is None else environment
    home = ttpo_home(given)
    return Store(
        home=home,
        hub_cache=hub_cache(given),
        entries=known_entries(home, given),
        offline=is_offline(given),
        endpoint=given.get("HF_ENDPOINT") or None,
        on_bytes=on_bytes,
    )
