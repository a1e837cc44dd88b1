"""Where weights are kept, as the environment says: TTPO_HOME, HF_HOME, HF_HUB_CACHE, HF_ENDPOINT, HF_HUB_OFFLINE, TTPO_MANIFEST."""

import sys
from collections.abc import Mapping
from pathlib import Path

# The folder of a snapshot inside an entry's own, where it is not left in the hub's cache.
SNAPSHOT = "snapshot"

TRUE = ("1", "on", "yes", "true")


def cache_folder(environment: Mapping[str, str]) -> Path:
    """Where this platform keeps what can be fetched again."""
    if sys.platform == "darwin":
        return Path("~/Library/Caches").expanduser()
    if sys.platform == "win32":
        return Path(environment.get("LOCALAPPDATA", "~/AppData/Local")).expanduser()
    return Path(environment.get("XDG_CACHE_HOME") or "~/.cache").expanduser()


def ttpo_home(environment: Mapping[str, str]) -> Path:
    """TTPO_HOME, else `ttpo` in the platform's cache folder."""
    return Path(environment.get("TTPO_HOME") or cache_folder(environment) / "ttpo").expanduser()


def hub_cache(environment: Mapping[str, str]) -> Path:
    """Where huggingface_hub keeps snapshots; its own rule, which is the same on every platform."""
    if environment.get("HF_HUB_CACHE"):
        return Path(environment["HF_HUB_CACHE"]).expanduser()
    home = environment.get("HF_HOME") or Path(environment.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface"
    return Path(home).expanduser() / "hub"


def is_offline(environment: Mapping[str, str]) -> bool:
    """HF_HUB_OFFLINE, read as huggingface_hub reads it."""
    return environment.get("HF_HUB_OFFLINE", "").lower() in TRUE
