"""`ttpo train embed`: make a trained file one of those the package ships (a checkout's business, not a photographer's)."""

from pathlib import Path
from typing import Annotated

import typer

from ttpo_cli.cli.terminal.console import write_line


def embed(
    name: Annotated[str, typer.Argument(help="lfc-sr-small-x4, haar-prior, ranker or niqe-pristine.")],
    file: Annotated[Path, typer.Argument(help="The safetensors file a training wrote.")],
    trained_by: Annotated[str, typer.Option(help="The command and the photos behind it, for the manifest.")],
) -> None:
    """Copy a trained file into the package and write its size and SHA-256 into weights_manifest.yaml."""
    from ttpo_cli.weights.embedding import update_manifest_entry

    entry = update_manifest_entry(name, file, trained_by=trained_by)
    write_line(f"{entry.file}: {entry.bytes} bytes, sha256 {entry.sha256}")
