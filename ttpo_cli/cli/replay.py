"""`ttpo replay`: the restoration that a sidecar tells of, done again, and whether it gives the same pixels."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ttpo_cli.cli.options import shared as options
from ttpo_cli.cli.terminal.console import Json, NoColor, Quiet, Terminal, write_json, write_line
from ttpo_cli.cli.terminal.downloads import opened_store
from ttpo_cli.errors import TtpoError
from ttpo_cli.report.output import mark_of
from ttpo_cli.report.provenance import describe_machine

if TYPE_CHECKING:
    import torch

    from ttpo_cli.imaging.photo import Photo
    from ttpo_cli.imaging.writing import Encoded


def replay(
    sidecar: Annotated[Path, typer.Argument(help="OUTPUT.ttpo.json, as `ttpo restore` writes it.", show_default=False)],
    photo: Annotated[Path | None, typer.Option(help="The photo, where it is no longer at the place that the sidecar names.")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the picture here too.")] = None,
    overwrite: options.Overwrite = False,
    offline: options.Offline = False,
    manifest: options.Manifest = None,
    json: Json = False,
    quiet: Quiet = False,
    no_color: NoColor = False,
) -> None:
    """Repeat a restoration and compare: the same pixels, or what differs (weights, versions, device, machine). Exit 1 where they differ."""
    from ttpo_cli.imaging.atomic import atomic_write, check_target
    from ttpo_cli.report.provenance import differences, engine_options, settings_of

    terminal = Terminal(quiet, no_color=no_color)
    record = _read(sidecar)
    made_of, settings = engine_options(record), settings_of(record)
    source = _source(record, photo, sidecar)
    if output is not None:
        check_target(output, overwrite=overwrite)

    from ttpo_cli.pipeline import load_engine, restore_photo
    from ttpo_cli.report.record import weights_of

    with opened_store(terminal) as store:
        engine = load_engine(made_of, settings, store)
    lines = differences(record, weights_of(engine, made_of.metric_files), str(engine.device), describe_machine())
    with terminal.progress(source.name) as on_step:
        result = restore_photo(source.pixels, source.content_hash, engine, settings, on_step)
    encoded = _encode(source, result.outcome.final, result.outcome.chosen, record)
    same = encoded.pixels_sha256 == record["pixels_sha256"]
    if output is not None:
        atomic_write(output, encoded.data, overwrite)
    for line in lines:
        terminal.say(line)
    terminal.say(f"{sidecar.name}: {'the same pixels' if same else _how_far(encoded, record)}")
    if json:
        hashes = {"then": record["pixels_sha256"], "now": encoded.pixels_sha256}
        write_json({"schema_version": 1, "same": same, "pixels_sha256": hashes, "differences": lines})
    elif output is not None:
        write_line(str(output.resolve()))
    raise typer.Exit(0 if same else TtpoError.exit_code)


def _read(path: Path) -> dict[str, Any]:
    """The record. Raises TtpoError for a file that is none, or that was written before records could be repeated."""
    try:
        record = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise TtpoError(f"'{path}' cannot be read ({error.strerror}): give the OUTPUT.ttpo.json beside a picture") from error
    except ValueError as error:
        raise TtpoError(f"'{path}' is no record of ttpo: give the OUTPUT.ttpo.json beside a picture") from error
    wanted = {"source", "settings", "engine", "device", "machine", "weights", "versions", "output_options", "pixels_sha256"}
    missing = sorted(wanted - record.keys()) if isinstance(record, dict) else sorted(wanted)
    if missing:
        raise TtpoError(f"'{path}' does not say enough to repeat it ({', '.join(missing)}): it is no record, or of an older ttpo")
    return record


def _source(record: dict[str, Any], given: Path | None, sidecar: Path) -> "Photo":
    """The photo that was restored. Raises TtpoError where it is another one, or where nobody says where it is."""
    from ttpo_cli.imaging.reading import read_photo

    told = record["source"].get("path")
    if given is None and told is None:
        raise TtpoError(f"'{sidecar}' tells of a photo that came from standard input: give it with --photo FILE")
    path = Path(told) if given is None else given
    if given is None and not path.exists():
        raise TtpoError(f"'{path}' is no longer there: give the photo with --photo FILE")
    photo = read_photo(path)
    if photo.content_hash != record["source"]["sha256"]:
        then, now = record["source"]["sha256"][:12], photo.content_hash[:12]
        raise TtpoError(f"'{path}' is not the photo that was restored (sha256 {then} then, {now} now): give that one with --photo FILE")
    return photo


def _encode(source: "Photo", pixels: "torch.Tensor", chosen: str, record: dict[str, Any]) -> "Encoded":
    """The picture's file as it was asked for then."""
    from ttpo_cli.imaging.photo import with_pixels
    from ttpo_cli.imaging.writing import encode_photo

    how = dict(record["output_options"])
    mark = mark_of(chosen) if how.pop("mark") else None
    how["keep"] = frozenset(how["keep"])
    target = None if record.get("output") is None else Path(record["output"])
    return encode_photo(target, with_pixels(source, pixels), **how, mark=mark)


def _how_far(encoded: "Encoded", record: dict[str, Any]) -> str:
    """That the pixels differ, and by how much where the picture of then is still there as it was written."""
    from ttpo_cli.imaging.reading import read_photo
    from ttpo_cli.weights.sha256 import file_sha256

    then = None if record.get("output") is None else Path(record["output"])
    if then is None or not then.is_file() or file_sha256(then) != record.get("output_sha256"):
        return "other pixels"
    before, now = read_photo(then), read_photo(encoded.data)
    if before.pixels.shape != now.pixels.shape:
        return "other pixels, and another size"
    return f"other pixels, at most {float((before.pixels - now.pixels).abs().max()) * 255:.2f} of 255 apart"
