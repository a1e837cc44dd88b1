"""One file from the first mirror that gives it whole: HTTPS that resumes (RFC 9110, section 14), tries again, and checks what arrives."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from ttpo_cli.errors import WeightsError
from ttpo_cli.progress import OnBytes
from ttpo_cli.weights.transfer import Again, Elsewhere, Part, receive

# Bytes that an attempt must add to count as having got further: a server that gives a handful at a time is not worth waiting for.
PROGRESS = 2**16


@dataclass(frozen=True)
class Patience:
    """timeout: seconds without a byte before a connection counts as dead; attempts: failures in a row, none getting much further than
    the ones before, until the next mirror is tried; first_wait, longest_wait: seconds between attempts, doubling from one to the other."""

    timeout: float = 30.0
    attempts: int = 5
    first_wait: float = 1.0
    longest_wait: float = 60.0


@dataclass(frozen=True)
class Delivered:
    """What arrived, and from where."""

    url: str
    bytes: int
    sha256: str


def download(
    urls: Sequence[str],
    target: Path,
    *,
    size: int | None = None,
    sha256: str | None = None,
    flaw: Callable[[Path], str | None] | None = None,
    patience: Patience | None = None,
    on_bytes: OnBytes | None = None,
) -> Delivered:
    """Fetch `target`, whole and as expected or not at all; what an interrupted call left next to it (`.part`) is continued.

    size, sha256: what is known of the file; flaw: without a hash, why what arrived cannot be it (None: it can).
    Raises WeightsError that says of every mirror what was wrong, OSError for a full disk.
    """
    patience = patience or Patience()
    target.parent.mkdir(parents=True, exist_ok=True)
    part = Part(target)
    say = on_bytes or (lambda done, total: None)
    reasons = []
    for url in urls:
        try:
            delivered = _from_mirror(url, part, size, sha256, flaw, patience, say)
        except Elsewhere as reason:
            reasons.append(f"{urlsplit(url).hostname} {reason}")
            continue
        part.finish()
        return delivered
    raise WeightsError(f"{target.name} could not be fetched: {'; '.join(reasons)}")


def _from_mirror(
    url: str,
    part: Part,
    size: int | None,
    sha256: str | None,
    flaw: Callable[[Path], str | None] | None,
    patience: Patience,
    on_bytes: OnBytes,
) -> Delivered:
    """All of the file from one mirror, however often it breaks off. Raises Elsewhere."""
    failures, furthest, restarted = 0, part.size(), False
    while True:
        resumed = part.size() > 0
        try:
            digest = receive(url, part, size, sha256, patience.timeout, on_bytes)
        except Again as reason:
            if part.size() >= furthest + PROGRESS:
                failures, furthest = 0, part.size()
            failures += 1
            if failures >= patience.attempts:
                raise Elsewhere(f"{reason}, {failures} times") from reason
            time.sleep(min(patience.longest_wait, max(reason.wait, patience.first_wait * 2 ** (failures - 1))))
            continue
        wrong = _wrong(part, digest, sha256, flaw)
        if wrong is None:
            return Delivered(url, part.size(), digest)
        part.discard()
        if not resumed or restarted:
            raise Elsewhere(wrong)
        restarted, furthest = True, 0  # the beginning may have come from elsewhere: once from the start


def _wrong(part: Part, digest: str, sha256: str | None, flaw: Callable[[Path], str | None] | None) -> str | None:
    """Why what arrived is not the file."""
    if sha256 is not None:
        return None if digest == sha256 else f"gives other bytes than expected (sha256 {digest[:12]}..., not {sha256[:12]}...)"
    found = None if flaw is None else flaw(part.path)
    return None if found is None else f"gives a file that {found}"
