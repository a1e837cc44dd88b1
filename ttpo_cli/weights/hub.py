"""A hub's repository through huggingface_hub, which this file alone imports: what it lists, and its files in the hub's own cache."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from ttpo_cli.errors import WeightsError
from ttpo_cli.progress import OnBytes
from ttpo_cli.weights.entry import HubSource, ManifestEntry
from ttpo_cli.weights.receipt import Arrived, Receipt, recorded_sha256, verified

PAGE = "https://huggingface.co"


@dataclass(frozen=True)
class Listed:
    """A file of a repository as the hub describes it; sha256 None where the hub publishes none (small text files)."""

    path: str
    bytes: int | None
    sha256: str | None


@dataclass(frozen=True)
class Fetched:
    """A commit in the local cache: its folder, and what the hub says of each file taken from it."""

    folder: Path
    commit: str
    files: tuple[Listed, ...]


@contextmanager
def only_cache(folder: Path) -> Iterator[None]:
    """Inside, whatever reads repositories through huggingface_hub finds those in `folder`, laid out as its cache, and no network."""
    import huggingface_hub.constants as constants

    kept = constants.HF_HUB_CACHE, constants.HF_HUB_OFFLINE
    constants.HF_HUB_CACHE, constants.HF_HUB_OFFLINE = str(folder), True
    try:
        yield
    finally:
        constants.HF_HUB_CACHE, constants.HF_HUB_OFFLINE = kept


def fetch_repository(source: HubSource, cache: Path, revision: str, endpoint: str | None, on_bytes: OnBytes) -> Fetched:
    """Fetch the wanted files of one revision into `cache`, laid out as the hub's other tools do it, so that they share it.

    Raises WeightsError for a repository that is missing, gated or out of reach, and where nothing in it is wanted.
    """
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")  # read on import: progress is the caller's to show
    import huggingface_hub

    address: dict[str, Any] = {} if endpoint is None else {"endpoint": endpoint}
    try:
        info = huggingface_hub.HfApi(**address).model_info(source.repo, revision=revision, files_metadata=True)
        files = tuple(_listed(sibling) for sibling in info.siblings or () if _is_wanted(source, sibling.rfilename))
        if not files or info.sha is None:
            raise WeightsError(f"{source.repo} has no {source.file or ', '.join(source.allow_patterns)} at revision {revision}")
        total, done = sum(file.bytes or 0 for file in files), 0
        for file in files:
            huggingface_hub.hf_hub_download(source.repo, file.path, revision=info.sha, cache_dir=cache, **address)
            done += file.bytes or 0
            on_bytes(done, total)
    except Exception as error:
        words = _words(error, source, revision)
        if words is None:
            raise
        raise WeightsError(words) from error
    return Fetched(_folder(cache, source.repo) / "snapshots" / info.sha, info.sha, files)


def arrived_files(entry: ManifestEntry, source: HubSource, fetched: Fetched, before: Receipt | None) -> dict[str, Arrived]:
    """Every fetched file by its path, verified against what was published, or recorded (before) at the same commit. Raises WeightsError."""
    same_commit = before if before is not None and before.commit == fetched.commit else None
    files = {}
    for listed in fetched.files:
        published = entry.sha256 if entry.sha256 and listed.path == source.file else listed.sha256
        files[listed.path] = verified(fetched.folder, listed.path, source.repo, published, recorded_sha256(same_commit, listed.path))
    return files


def cached_snapshot(cache: Path, repo: str, revision: str) -> Path | None:
    """The folder of a revision (a branch, a tag or a commit) in the hub's cache, complete or not; None where there is none."""
    folder = _folder(cache, repo)
    reference = folder / "refs" / revision
    commit = reference.read_text("utf-8").strip() if reference.is_file() else revision
    snapshot = folder / "snapshots" / commit
    return snapshot if snapshot.is_dir() else None


def from_first_repository(entry: ManifestEntry, fetch: Callable[[HubSource], Path]) -> Path:
    """What the first repository of an entry gives that gives anything. Raises WeightsError with every reason."""
    reasons = []
    for source in entry.hub:
        try:
            return fetch(source)
        except WeightsError as error:
            reasons.append(str(error))
    gate = f"; its licence must be accepted first at {PAGE}/{entry.hub[0].repo}" if entry.gated else ""
    raise WeightsError(f"{entry.name}: {'; '.join(reasons)}{gate if 'gated' not in reasons[-1] else ''}")


def inside(snapshot: Path, source: HubSource) -> Path | None:
    """The one file that an entry takes of a repository, or the whole snapshot; None where it is not there."""
    found = snapshot if source.file is None else snapshot / source.file
    return found if found.exists() else None


def at_endpoint(url: str, endpoint: str | None) -> str:
    """The same file at the hub that the environment names; any other address as it is."""
    return endpoint.rstrip("/") + url.removeprefix(PAGE) if endpoint and url.startswith(f"{PAGE}/") else url


def _folder(cache: Path, repo: str) -> Path:
    return cache / f"models--{repo.replace('/', '--')}"


def _is_wanted(source: HubSource, path: str) -> bool:
    if source.file is not None:
        return path == source.file
    return not source.allow_patterns or any(fnmatch(path, pattern) for pattern in source.allow_patterns)


def _listed(sibling: Any) -> Listed:
    return Listed(sibling.rfilename, sibling.size, None if sibling.lfs is None else sibling.lfs.sha256)


def _words(error: Exception, source: HubSource, revision: str) -> str | None:
    """What went wrong, in words a user can act on; None for what is not the hub's or the network's doing."""
    from huggingface_hub import errors

    page = f"{PAGE}/{source.repo}"
    if isinstance(error, errors.GatedRepoError):
        return f"{source.repo} is gated: accept its licence at {page}, then set HF_TOKEN to a token of your account and try again"
    if isinstance(error, errors.RepositoryNotFoundError):
        return f"the hub knows no repository {source.repo}, or shows it only to some: see {page}; a private one needs HF_TOKEN"
    if isinstance(error, errors.RevisionNotFoundError):
        return f"{source.repo} has no revision {revision}: see {page}"
    network = isinstance(error, (OSError, errors.HfHubHTTPError)) or type(error).__module__.partition(".")[0] in (
        "httpx",
        "httpx2",
        "requests",
    )
    if not network:
        return None
    return (
        f"{source.repo} could not be fetched from the hub ({' '.join(str(error).split())[:160] or type(error).__name__}): try again later"
    )
