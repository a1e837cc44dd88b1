"""Names derived from a photo's name: never longer than a file system takes, and the same at each run."""

import hashlib
import os

# Bytes of a name on the file systems of Linux, macOS and Windows.
LONGEST_NAME = 255
_MARK = 8


def derived_name(stem: str, ending: str) -> str:
    """`stem` and then `ending`; where that is too long, the beginning of `stem`, a tilde, and the start of its sha256 stand for it."""
    room = LONGEST_NAME - len(os.fsencode(ending))
    encoded = os.fsencode(stem)
    if len(encoded) <= room:
        return stem + ending
    mark = f"~{hashlib.sha256(encoded).hexdigest()[:_MARK]}"
    cut = encoded[: room - len(mark)]
    while cut and encoded[len(cut)] & 0xC0 == 0x80:  # the next byte goes on with a letter of UTF-8
        cut = cut[:-1]
    return os.fsdecode(cut) + mark + ending
