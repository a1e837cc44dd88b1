"""One connection of a download: ask for what is missing, check what the server says, append what it sends."""

import hashlib
import http.client
import json
import os
import shutil
import socket
import ssl
import urllib.error
import urllib.request
from email.message import Message
from pathlib import Path
from typing import IO, Any

from ttpo_cli import __version__
from ttpo_cli.errors import WeightsError
from ttpo_cli.progress import OnBytes

BLOCK = 2**18
LONGEST_WAIT = 300


class Again(Exception):
    """This mirror may do better next time, after `wait` seconds."""

    def __init__(self, reason: str, wait: float = 0.0) -> None:
        super().__init__(reason)
        self.wait = wait


class Elsewhere(Exception):
    """This mirror will not do."""


class Part:
    """The unfinished file next to `target`, and a note of which version of which address it is the beginning of."""

    def __init__(self, target: Path) -> None:
        self.target = target
        self.path = target.with_name(f"{target.name}.part")
        self.note = target.with_name(f"{target.name}.part.json")

    def size(self) -> int:
        return self.path.stat().st_size if self.path.is_file() else 0

    def validator(self, url: str) -> str | None:
        """The strong validator of `url` that the bytes so far belong to."""
        try:
            note = json.loads(self.note.read_text("utf-8"))
        except (OSError, ValueError, RecursionError):
            return None
        return note.get("validator") if isinstance(note, dict) and note.get("url") == url else None

    def begin(self, url: str, validator: str | None) -> None:
        self.note.write_text(json.dumps({"url": url, "validator": validator}), encoding="utf-8")

    def discard(self) -> None:
        self.path.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)

    def finish(self) -> None:
        """Into place in one step, the bytes safely on the disk before the name is."""
        with self.path.open("rb+") as stream:
            os.fsync(stream.fileno())
        os.replace(self.path, self.target)
        self.note.unlink(missing_ok=True)


def receive(url: str, part: Part, size: int | None, sha256: str | None, timeout: float, on_bytes: OnBytes) -> str:
    """Append to `part` until the file is whole; returns its SHA-256. Raises Again or Elsewhere, OSError where the disk refuses.

    Without a known hash only the very same version of the very same address is gone on with, so that two files never become one.
    """
    validator = part.validator(url)
    have = part.size() if sha256 is not None or validator is not None else 0
    if size is not None and have > size:
        have = 0
    if have and have == size:
        return _digest(part.path, have).hexdigest()
    if have and sha256 is not None and size is None:
        digest = _digest(part.path, have).hexdigest()
        if digest == sha256:  # nothing says how long it is, and a server has nothing more to send
            return digest
    with _open(url, part, have, validator, sha256 is None, timeout) as response:
        have, total = _check(response, have, size, part)
        _check_space(part.path.parent, (total or size or 0) - have, part.target.name)
        digest = _digest(part.path, have)
        part.begin(url, _strong_validator(response.headers))
        with part.path.open("rb+" if have else "wb") as stream:
            stream.seek(have)
            stream.truncate()
            count = _copy(response, stream, digest, have, total if size is None else size, on_bytes)
    whole = total if size is None else size
    if whole is not None and count < whole:
        raise Again(f"broke off after {count} of {whole} bytes")
    if not count:
        raise Again("sends nothing")
    return digest.hexdigest()


def _copy(response: Any, stream: IO[bytes], digest: Any, count: int, limit: int | None, on_bytes: OnBytes) -> int:
    """Bytes from the network to the disk, hashed on the way; network trouble becomes Again, a full disk stays what it is."""
    while True:
        try:
            block = response.read1(BLOCK)
        except (OSError, http.client.HTTPException) as error:
            raise Again(f"stalled or broke off after {count} bytes ({_words(error)})") from error
        if not block:
            return count
        count += len(block)
        if limit is not None and count > limit:
            raise Elsewhere(f"sends more than the {limit} bytes of the file")
        stream.write(block)
        digest.update(block)
        on_bytes(count, limit)


def _open(url: str, part: Part, have: int, validator: str | None, must_stay_secure: bool, timeout: float) -> Any:
    headers = {"User-Agent": f"ttpo/{__version__}", "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
        headers |= {"If-Range": validator} if validator else {}
    opener = urllib.request.build_opener(_Redirects(must_stay_secure))  # with the proxies of the environment
    try:
        return opener.open(urllib.request.Request(url, headers=headers), timeout=timeout)
    except urllib.error.HTTPError as error:
        with error:
            if error.code in (408, 425, 429) or error.code >= 500:
                raise Again(f"answers {error.code}", _retry_after(error.headers)) from error
            if error.code == 416:
                part.discard()
                raise Again("has no more of the file than what is here") from error
            raise Elsewhere(f"answers {error.code} {_words(error.reason)}") from error
    except urllib.error.URLError as error:
        if isinstance(error.reason, (socket.gaierror, ssl.SSLCertVerificationError, str)):
            raise Elsewhere(f"cannot be reached ({_words(error.reason)})") from error
        raise Again(f"cannot be reached ({_words(error.reason)})") from error
    except (OSError, http.client.HTTPException) as error:
        raise Again(f"does not answer ({_words(error)})") from error


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows a mirror to where its files are kept, but not from HTTPS to plain HTTP where no hash would notice another file."""

    def __init__(self, must_stay_secure: bool) -> None:
        self.must_stay_secure = must_stay_secure

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> urllib.request.Request | None:
        if self.must_stay_secure and req.full_url.startswith("https://") and newurl.startswith("http://"):
            raise Elsewhere(f"redirects to {newurl[:60]}, which is not HTTPS")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _check(response: Any, have: int, size: int | None, part: Part) -> tuple[int, int | None]:
    """(bytes kept of what is here, bytes in all or None). Raises Again or Elsewhere where the answer cannot be this file."""
    headers = response.headers
    if headers.get_content_type() == "text/html":
        raise Elsewhere("answers with a web page instead of the file")
    if response.status not in (200, 206):
        raise Elsewhere(f"answers {response.status} without a file")
    encoding = headers.get("Content-Encoding", "identity").lower()
    if encoding != "identity":
        raise Elsewhere(f"sends the file in another form than asked ({_words(encoding)})")
    length = headers.get("Content-Length", "")
    total = int(length) if length.isdecimal() else None
    if response.status == 206:
        start, _, whole = headers.get("Content-Range", "").removeprefix("bytes ").partition("/")
        if start.partition("-")[0] != str(have) or not whole.isdecimal():
            part.discard()
            raise Again("resumes at another place than asked")
        total = int(whole)
    else:
        have = 0
    if total == 0:
        raise Elsewhere("answers with an empty file")
    if size is not None and total is not None and total != size:
        raise Elsewhere(f"offers {total} bytes, where the file has {size}")
    return have, total


def _check_space(folder: Path, needed: int, name: str) -> None:
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise WeightsError(f"{name} needs {needed} bytes more, and '{folder}' has {free} free: make room, or set TTPO_HOME elsewhere")


def _digest(path: Path, count: int) -> Any:
    """SHA-256 of the first `count` bytes."""
    digest = hashlib.sha256()
    if count:
        with path.open("rb") as stream:
            while count and (block := stream.read(min(2**20, count))):
                digest.update(block)
                count -= len(block)
    return digest


def _strong_validator(headers: Message) -> str | None:
    etag = headers.get("ETag", "")
    return etag if etag.startswith('"') else None


def _retry_after(headers: Message) -> float:
    wait = headers.get("Retry-After", "")
    return min(float(wait), LONGEST_WAIT) if wait.isdecimal() else 0.0


def _words(error: object) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__
