"""A recorded restoration done again: the photo it came from, the engine it names, and how the new pixels compare with the old."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_type_hints

from torch import Tensor

from ttpo_cli import pipeline
from ttpo_cli.errors import TtpoError
from ttpo_cli.imaging.photo import Photo, with_pixels
from ttpo_cli.imaging.reading import read_photo
from ttpo_cli.imaging.writing import Encoded, encode_photo
from ttpo_cli.pipeline import Engine
from ttpo_cli.progress import OnStep
from ttpo_cli.report.output import mark_of
from ttpo_cli.report.provenance import describe_machine, differences, engine_options, settings_of
from ttpo_cli.report.record import weights_of
from ttpo_cli.settings.output import Encoding
from ttpo_cli.settings.value_type import fits
from ttpo_cli.weights.sha256 import file_sha256
from ttpo_cli.weights.store import Store

# What a repetition reads of a record, apart from settings and engine.
_FIELDS: dict[str, Any] = {
    "source": Mapping[str, Any],
    "device": str,
    "machine": Mapping[str, Any],
    "weights": tuple[Mapping[str, str | bool | float | None], ...],
    "versions": Mapping[str, str | None],
    "output_options": Mapping[str, Any],
    "output": str | None,
    "output_sha256": str | None,
    "pixels_sha256": str,
}


@dataclass(frozen=True)
class Repeated:
    """A restoration done again.

    Attributes:
        encoded: the picture's file as it is now.
        same: whether its pixels are those of the record.
        verdict: that, in words, with how far the pixels are apart.
        differences: what else differs from the record, a line each.
    """

    encoded: Encoded
    same: bool
    verdict: str
    differences: list[str]


def load_engine_of(record: dict[str, Any], store: Store) -> Engine:
    """The engine that the record names. Raises TtpoError where it cannot be loaded."""
    return pipeline.load_engine(engine_options(record), settings_of(record), store)


def repeat(record: dict[str, Any], source: Photo, engine: Engine, on_step: OnStep) -> Repeated:
    """Restore the photo as the record says, and compare."""
    weights = weights_of(engine, engine_options(record).metric_files)
    lines = differences(record, weights, str(engine.device), describe_machine())
    result = pipeline.restore_photo(source, engine, settings_of(record), on_step)
    encoded = _encode(source, result.outcome.final, result.outcome.chosen, record)
    same = encoded.pixels_sha256 == record["pixels_sha256"]
    verdict = "the same pixels" if same else _how_far(encoded, record)
    return Repeated(encoded=encoded, same=same, verdict=verdict, differences=lines)


def read_record(path: Path) -> dict[str, Any]:
    """The record. Raises TtpoError for any other file, or that was written before records could be repeated."""
    try:
        record = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise TtpoError(f"'{path}' cannot be read ({error.strerror}): give the OUTPUT.ttpo.json next to a picture") from error
    except (ValueError, RecursionError) as error:
        raise TtpoError(f"'{path}' is not a record of ttpo: give the OUTPUT.ttpo.json next to a picture") from error
    wanted = {"source", "settings", "engine", "device", "machine", "weights", "versions", "output_options", "pixels_sha256"}
    missing = sorted(wanted - record.keys()) if isinstance(record, dict) else sorted(wanted)
    if missing:
        raise TtpoError(f"'{path}' does not say enough to repeat it ({', '.join(missing)}): it is not a record, or one of an older ttpo")
    wrong = sorted(name for name, hint in _FIELDS.items() if name in record and not fits(record[name], hint))
    if not wrong and not all(fits(record["output_options"].get(name), hint) for name, hint in get_type_hints(Encoding).items()):
        wrong = ["output_options"]
    if not wrong and not isinstance(record["source"].get("sha256"), str):
        wrong = ["source"]
    if not wrong and not all({"role", "name", "sha256"} <= entry.keys() for entry in record["weights"]):
        wrong = ["weights"]
    if wrong:
        raise TtpoError(f"'{path}' has a '{wrong[0]}' that cannot be: it was changed or damaged since it was written")
    engine_options(record)
    settings_of(record)  # both raise where they are of another ttpo
    return record


def source_of(record: dict[str, Any], given: Path | None, sidecar: Path) -> Photo:
    """The photo that was restored. Raises TtpoError where it is another one, or where its place is unknown."""
    recorded = record["source"].get("path")
    if given is None and recorded is None:
        raise TtpoError(f"'{sidecar}' records a photo that came from standard input: give it with --photo FILE")
    path = Path(recorded) if given is None else given
    if given is None and not path.exists():
        raise TtpoError(f"'{path}' is no longer there: give the photo with --photo FILE")
    photo = read_photo(path)
    if photo.content_hash != record["source"]["sha256"]:
        then, now = record["source"]["sha256"][:12], photo.content_hash[:12]
        raise TtpoError(f"'{path}' is not the photo that was restored (sha256 {then} then, {now} now): give that one with --photo FILE")
    return photo


def _encode(source: Photo, pixels: Tensor, chosen: str, record: dict[str, Any]) -> Encoded:
    """The picture's file as it was requested then."""
    options = dict(record["output_options"])
    mark = mark_of({**record, "chosen": chosen}) if options.pop("mark", False) else None
    encoding = Encoding(**{**options, "keep": frozenset(options["keep"])})
    target = None if record.get("output") is None else Path(record["output"])
    return encode_photo(target, with_pixels(source, pixels), encoding, mark)


def _how_far(encoded: Encoded, record: dict[str, Any]) -> str:
    """That the pixels differ, and by how much where the picture of then is still there as it was written."""
    then = None if record.get("output") is None else Path(record["output"])
    if then is None or not then.is_file() or file_sha256(then) != record.get("output_sha256"):
        return "other pixels"
    before, now = read_photo(then), read_photo(encoded.data)
    if before.pixels.shape != now.pixels.shape:
        return "other pixels, and another size"
    return f"other pixels, at most {float((before.pixels - now.pixels).abs().max()) * 255:.2f} of 255 apart"
