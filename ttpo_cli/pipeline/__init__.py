"""TTPO from a photo to its result (arXiv 2511.19169): what is loaded, what one photo needs, and the stages over it."""

from ttpo_cli.pipeline.engine import Engine, load_engine
from ttpo_cli.pipeline.photo import Result, Timings, restore_photo

__all__ = ["Engine", "Result", "Timings", "load_engine", "restore_photo"]
