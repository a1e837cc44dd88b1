"""The files that the restoration of one photo leaves: the picture, its sidecar and its candidates."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from ttpo_cli import __version__
from ttpo_cli.errors import GuardRejected
from ttpo_cli.imaging.atomic import atomic_write, check_target
from ttpo_cli.imaging.file_name import derived_name
from ttpo_cli.imaging.photo import Photo, with_pixels
from ttpo_cli.imaging.writing import encode_photo, left_out, losses
from ttpo_cli.imaging.xmp_mark import ENHANCED, GENERATIVE, Mark
from ttpo_cli.pipeline import Engine, Result
from ttpo_cli.preference.chooser import AskPerson
from ttpo_cli.report.contact_sheet import contact_sheet
from ttpo_cli.report.page import PagePhoto, page_photo
from ttpo_cli.report.provenance import describe_machine, provenance
from ttpo_cli.report.record import record_result, sidecar_path
from ttpo_cli.report.table import IDENTICAL
from ttpo_cli.settings.engine import EngineOptions
from ttpo_cli.settings.output import Encoding, Outputs
from ttpo_cli.settings.settings import Settings


@dataclass(frozen=True)
class Session:
    """What every photo of one command is restored with.

    Attributes:
        options: what the engine was loaded from.
        loaded: the engine; None in a process whose workers restore.
        weights: what `weights_of` says of the engine.
        settings: of the pipeline.
        outputs: which files are written, and how.
        ask: shows the candidates to the person who chooses, where there is one.
    """

    options: EngineOptions
    loaded: Engine | None
    weights: list[dict[str, Any]]
    settings: Settings
    outputs: Outputs
    ask: AskPerson | None = None

    @property
    def engine(self) -> Engine:
        """Only where it was loaded."""
        assert self.loaded is not None
        return self.loaded

    @cached_property
    def provenance(self) -> dict[str, Any]:
        """The part of every record that is the same for all photos."""
        encoded = {**vars(self.outputs.encoding), "mark": self.outputs.mark}
        return provenance(self.options, self.engine.device, describe_machine(), encoded)


@dataclass(frozen=True)
class Written:
    """The record of one photo; its encoded bytes where they go to standard output; its part of the page."""

    record: dict[str, Any]
    encoded: bytes | None
    page: PagePhoto | None


def write_result(result: Result, photo: Photo, source: Path | None, target: Path | None, session: Session) -> Written:
    """Write everything but the page, which waits for the last photo. The picture comes first, so that no sidecar stands without one.

    Raises GuardRejected, where that was asked for, before anything is written.
    """
    outputs = session.outputs
    final, record = picture_and_record(result, photo, source, target, session)
    if target is not None:
        check_target(target, source=source, overwrite=outputs.overwrite)
    encoded, record = encode_result(final, record, target, outputs)
    if target is not None:
        atomic_write(target, encoded, outputs.overwrite)
    if outputs.candidates is not None:
        for path, data in candidate_files(result, photo, outputs.candidates, Path(photo.name).stem):
            atomic_write(path, data, outputs.overwrite)
    if outputs.sidecar and target is not None:
        atomic_write(*sidecar_file(target, record), overwrite=True)
    page = page_photo(result, photo.pixels, record) if outputs.report is not None else None
    return Written(record=record, encoded=encoded if target is None else None, page=page)


def picture_and_record(
    result: Result, photo: Photo, source: Path | None, target: Path | None, session: Session
) -> tuple[Photo, dict[str, Any]]:
    """The photo to be written, and its record without the hashes of the file. Raises GuardRejected where --strict demands it."""
    outputs = session.outputs
    if outputs.strict and guard_refused_all(result):
        raise GuardRejected("the guard refused every change to the restored image: loosen --guard-..., or leave out --strict")
    final = with_pixels(photo, result.outcome.final)
    record = {**record_result(result, photo, session.engine, session.weights), **session.provenance}
    if session.engine.automatic:
        record["engine"] = {**record["engine"], "backbone": ",".join(result.plan.backbones)}
    record["notes"] += losses(final, outputs.encoding, target, _mark(record, outputs))
    record["left_out"] = list(left_out(final, outputs.encoding, target))
    record["source"]["path"] = None if source is None else str(source.resolve())
    record["output"] = None if target is None else str(target.resolve())
    return final, record


def encode_result(final: Photo, record: dict[str, Any], target: Path | None, outputs: Outputs) -> tuple[bytes, dict[str, Any]]:
    """The picture's file, and the record with the hashes of its samples and of the file."""
    encoded = encode_photo(target, final, outputs.encoding, _mark(record, outputs))
    return encoded.data, {**record, "pixels_sha256": encoded.pixels_sha256, "output_sha256": hashlib.sha256(encoded.data).hexdigest()}


def _mark(record: dict[str, Any], outputs: Outputs) -> Mark | None:
    return mark_of(record) if outputs.mark else None


def mark_of(record: dict[str, Any]) -> Mark | None:
    """What XMP says: a diffusion prior took part, or restoring networks alone made the picture. None for a photo that was kept."""
    restoration = record.get("restoration", {"kept": False, "others": []})
    if restoration["kept"]:
        return None
    by_networks = {"restored", *restoration["others"], *(label.split(" ")[0] for label in restoration["others"])}
    return Mark(ENHANCED if record["chosen"] in by_networks else GENERATIVE, f"ttpo {__version__}")


def sidecar_file(target: Path, record: dict[str, Any]) -> tuple[Path, bytes]:
    """Where the record of a picture lies, and its bytes."""
    return sidecar_path(target), (json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def guard_refused_all(result: Result) -> bool:
    """Whether there were changes to the restored image, and the guard let none pass."""
    changes = [contender for contender in result.outcome.contenders if contender.verdict.fidelity < IDENTICAL]
    return bool(changes) and not any(contender.kept for contender in changes)


def candidate_files(result: Result, photo: Photo, folder: Path, stem: str) -> Iterator[tuple[Path, bytes]]:
    """Every candidate as `<stem>_<index>.png`, and `<stem>_candidates.png`, where each stands under its label."""
    outcome = result.outcome
    for index, contender in enumerate(outcome.contenders[: outcome.candidate_count]):
        path = folder / derived_name(stem, f"_{index:02d}.png")
        yield path, encode_photo(path, with_pixels(photo, contender.image)).data
    sheet = contact_sheet(outcome.candidates, outcome.candidate_labels)
    plain = replace(photo, pixels=sheet, alpha=None, grey=False, bit_depth=8)
    path = folder / derived_name(stem, "_candidates.png")
    yield path, encode_photo(path, plain, Encoding(keep=frozenset())).data
