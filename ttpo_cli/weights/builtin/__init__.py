"""The embedded weight files themselves; `embedded_path` gives each by its name in weights_manifest.yaml, verified."""

from ttpo_cli.weights.manifest import embedded_path

__all__ = ["embedded_path"]
