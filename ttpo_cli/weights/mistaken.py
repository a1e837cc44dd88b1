"""Files that are given or fetched for a checkpoint and are something else: what they are, by their first bytes, and what to do instead."""

import json
import re
import zipfile
from pathlib import Path

_LOOKED_AT = 4096
_DOWNLOAD = "download the file itself (of an address with /blob/ in it, the one with /resolve/)"
_UNPACK = "unpack it, and give the checkpoint that is inside"
_ASK = "give a .pth or .safetensors file of PyTorch"

# First bytes, where they are, what such a file is, and what to do.
_SIGNATURES = (
    (b"7z\xbc\xaf\x27\x1c", 0, "a 7-Zip archive", _UNPACK),
    (b"Rar!\x1a\x07", 0, "a RAR archive", _UNPACK),
    (b"\x1f\x8b", 0, "a gzip archive", _UNPACK),
    (b"BZh", 0, "a bzip2 archive", _UNPACK),
    (b"\xfd7zXZ\0", 0, "an xz archive", _UNPACK),
    (b"\x28\xb5\x2f\xfd", 0, "a Zstandard archive", _UNPACK),
    (b"ustar", 257, "a tar archive", _UNPACK),
    (b"\x89HDF\r\n\x1a\n", 0, "an HDF5 file, as Keras writes", _ASK),
    (b"GGUF", 0, "a GGUF file, of language models", _ASK),
    (b"TFL3", 4, "a TensorFlow Lite model", _ASK),
    (b"\x93NUMPY", 0, "an array of NumPy", _ASK),
    (b"\x89PNG\r\n\x1a\n", 0, "a picture (PNG)", "give photos as arguments, and a checkpoint here"),
    (b"\xff\xd8\xff", 0, "a picture (JPEG)", "give photos as arguments, and a checkpoint here"),
    (b"RIFF", 0, "a picture, a sound or a film (RIFF)", "give photos as arguments, and a checkpoint here"),
    (b"%PDF", 0, "a PDF document", _DOWNLOAD),
)
_PAGE = re.compile(r"<(!doctype html|html|head|body|title|meta|script|\?xml|!--)", re.IGNORECASE)
_TITLE = re.compile(r"<title[^>]*>\s*([^<]+?)\s*<", re.IGNORECASE)
_ONNX = re.compile(rb"\x08[\x01-\x20]\x12.(pytorch|onnx|tf2onnx|keras2onnx)", re.DOTALL)


def mistaken_for_checkpoint(path: Path) -> str | None:
    """What a file is that holds no weights ttpo could read, and what to do, in words that follow its name; None where it may hold some."""
    with path.open("rb") as stream:
        start = stream.read(_LOOKED_AT)
    found = _kind(path, start)
    return None if found is None else f"is not a checkpoint but {found[0]}: {found[1]}"


def _kind(path: Path, start: bytes) -> tuple[str, str] | None:
    """(what it is, what to do)."""
    if not start:
        return "an empty file", "download it again"
    if not any(start):
        return "zeros from its first byte", "its download or copy broke off, download it again"
    if start.startswith(b"PK"):
        return _archive(path)
    for signature, offset, kind, remedy in _SIGNATURES:
        if start[offset : offset + len(signature)] == signature:
            return kind, remedy
    if _ONNX.match(start):
        return "an ONNX model", "let its name end in .onnx"
    if start[0] == 0x80 and start[1:2] in b"\2\3\4\5" and b"\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19" not in start[:32]:
        return "a pickle that torch.save did not write", "ask its maker for the state dict, saved by torch.save or as .safetensors"
    return _text(start)


def _archive(path: Path) -> tuple[str, str] | None:
    """A zip archive in which nothing is as torch.save leaves it."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError):
        return None  # damaged: said by who reads it
    if any(name.endswith(".pkl") for name in names):
        return None
    if not names:
        return "an empty zip archive", "download it again"
    if any(name.endswith(".h5") for name in names):
        return "a model of Keras", _ASK
    return f"a zip archive of {_listed(names)}", _UNPACK


def _text(start: bytes) -> tuple[str, str] | None:
    """A text: a web page, a pointer, a server's answer, or any other."""
    encoding = "utf-16" if start.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    try:
        text = start.decode(encoding, "ignore" if len(start) == _LOOKED_AT else "strict")  # the end may cut a letter
    except UnicodeDecodeError:
        return None
    text = text.strip()
    if not text or not all(letter.isprintable() or letter in "\r\n\t\f" for letter in text):
        return None
    if text.startswith("version https://git-lfs"):
        return "a Git LFS pointer, which only names the weights", f"run `git lfs pull` in its repository, or {_DOWNLOAD}"
    if _PAGE.match(text):
        title = _TITLE.search(text)
        return f"a web page{_quoted(title[1]) if title else ''}", f"open its address in a browser, and {_DOWNLOAD}"
    if text.startswith(("{", "[")):
        return f"a server's answer or settings in JSON{_quoted(_message(text))}", _DOWNLOAD
    return f"a text{_quoted(text.splitlines()[0])}", _DOWNLOAD


def _message(text: str) -> str:
    """What an answer in JSON says went wrong, else its beginning."""
    try:
        answer = json.loads(text)
    except (ValueError, RecursionError):
        answer = None
    found = [answer[key] for key in ("message", "error", "detail") if key in answer] if isinstance(answer, dict) else []
    return str(found[0]) if found else text


def _quoted(text: str) -> str:
    line = " ".join(text.split())
    return f" ('{line if len(line) <= 60 else line[:57] + '...'}')"


def _listed(names: list[str]) -> str:
    shown = ", ".join(name[-40:] for name in names[:2])
    return shown if len(names) <= 2 else f"{shown} and {len(names) - 2} more files"
