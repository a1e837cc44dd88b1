"""A PNG shown inside the terminal, where its environment says that it can: the Kitty graphics protocol, or iTerm2's inline images."""

import base64
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

Protocol = Literal["kitty", "iterm2"]

_CHUNK = 4096

_KITTY = {"xterm-kitty", "xterm-ghostty"}

_ITERM2 = {"iTerm.app", "WezTerm", "mintty"}


def inline_protocol(environment: Mapping[str, str]) -> Protocol | None:
    """The protocol of the terminal that these variables describe; None for any other, and inside tmux and screen, which drop it."""
    term = environment.get("TERM", "")
    if environment.get("TMUX") or environment.get("STY") or term.startswith(("screen", "tmux")):
        return None
    if term in _KITTY or environment.get("KITTY_WINDOW_ID"):
        return "kitty"
    return "iterm2" if environment.get("TERM_PROGRAM") in _ITERM2 or environment.get("LC_TERMINAL") == "iTerm2" else None


def inline_image(png: bytes, protocol: Protocol, columns: int) -> str:
    """What the terminal is to be sent to show a picture `columns` characters wide."""
    text = base64.b64encode(png).decode()
    if protocol == "iterm2":
        return f"\x1b]1337;File=inline=1;size={len(png)};width={columns};preserveAspectRatio=1:{text}\x07\n"
    chunks = [text[start : start + _CHUNK] for start in range(0, len(text), _CHUNK)]
    # a=T: transmit and show, f=100: PNG, q=2: no answer, which would be read as keys, m=1: more follows.
    heads = [f"a=T,f=100,q=2,c={columns},", *[""] * (len(chunks) - 1)]
    more = [1] * (len(chunks) - 1) + [0]
    return "".join(f"\x1b_G{head}m={last};{chunk}\x1b\\" for head, last, chunk in zip(heads, more, chunks, strict=True)) + "\n"


def viewer_command(platform: str, environment: Mapping[str, str]) -> list[str] | None:
    """The command that opens a file, given after it. None where no screen is known of: far away over SSH, or without a display."""
    display = environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY")
    if platform not in ("darwin", "win32"):
        return ["xdg-open"] if display else None
    far = environment.get("SSH_CONNECTION") or environment.get("SSH_TTY")
    if far:
        return None
    return ["open"] if platform == "darwin" else ["explorer"]


def open_picture(path: Path) -> bool:
    """Open it in a process of its own; False where there is no screen, or no program for it."""
    command = viewer_command(sys.platform, os.environ)
    if command is None:
        return False
    quiet = subprocess.DEVNULL
    try:
        subprocess.Popen([*command, str(path)], stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True)
    except OSError:
        return False
    return True
