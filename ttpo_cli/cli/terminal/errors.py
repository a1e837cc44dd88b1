"""An error as one line and an exit code: what a user can repair, what the system refused, and memory that ran out."""

import sys

from ttpo_cli.errors import MemoryExhausted, TtpoError

_SMALLER = "try a smaller --region or --tile, --candidates-batch 1, or --device cpu"


def foreseen(error: BaseException) -> tuple[str, int] | None:
    """(one line, exit code), or None for an error that nobody foresaw."""
    if isinstance(error, TtpoError):
        return str(error), error.exit_code
    if isinstance(error, MemoryError) or _is_device_memory(error):
        return f"out of memory: {_SMALLER}", MemoryExhausted.exit_code
    if isinstance(error, OSError):
        return f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}", TtpoError.exit_code
    return None


def _is_device_memory(error: BaseException) -> bool:
    """torch's own kinds of it; without torch there is no such error, so it is not imported for the question."""
    if "torch" not in sys.modules or not isinstance(error, RuntimeError):
        return False
    from ttpo_cli.device.device import is_out_of_memory

    return is_out_of_memory(error)
