"""The SHA-256 of a file, which says whether its bytes are the ones that were published."""

import hashlib
from pathlib import Path

from ttpo_cli.errors import WeightsError


def file_sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes. Raises WeightsError where it cannot be read."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as stream:
            while block := stream.read(2**20):
                digest.update(block)
    except OSError as error:
        raise WeightsError(f"{path} cannot be read ({error.strerror}): check the path of the weights") from error
    return digest.hexdigest()
