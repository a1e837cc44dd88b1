"""The program that this system opens a picture with, where there is a screen beside the person to open it on."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path


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
