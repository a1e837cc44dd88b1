"""What the restoration of one photo leaves behind: the picture, its sidecar and its candidates."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ttpo_cli.errors import GuardRejected
from ttpo_cli.report.provenance import describe_machine

if TYPE_CHECKING:
    from ttpo_cli.imaging.photo import Photo
    from ttpo_cli.imaging.xmp_mark import Mark
    from ttpo_cli.pipeline import Engine, Result
    from ttpo_cli.preference.chooser import AskPerson
    from ttpo_cli.report.page import PagePhoto
    from ttpo_cli.settings.engine import EngineOptions
    from ttpo_cli.settings.settings import Settings


@dataclass(frozen=True)
class Outputs:
    """How results are written, and what beside them. candidates: a folder; report: one HTML file for all photos; mark: say in XMP how the
    pixels were made; strict: no picture where the guard refused every change. latents: candidates that wait are kept to the last bit."""

    format: str
    bit_depth: str
    quality: int
    keep: frozenset[str]
    overwrite: bool
    sidecar: bool
    candidates: Path | None
    report: Path | None
    mark: bool
    strict: bool
    latents: bool = True

    @property
    def encoding(self) -> dict[str, Any]:
        """Of the picture's file, beside its mark."""
        return {"format": self.format, "bit_depth": self.bit_depth, "quality": self.quality, "keep": self.keep}


@dataclass(frozen=True)
class Work:
    """What every photo of one command is restored with.

    loaded: None in a process that has others restore. ask: puts the candidates to the person who chooses, if there is one.
    """

    made_of: "EngineOptions"
    loaded: "Engine | None"
    weights: list[dict[str, Any]]
    settings: "Settings"
    outputs: Outputs
    ask: "AskPerson | None" = None

    @property
    def engine(self) -> "Engine":
        """Only where it was loaded."""
        assert self.loaded is not None
        return self.loaded

    @cached_property
    def provenance(self) -> dict[str, Any]:
        """The part of every record that is the same for all photos."""
        from ttpo_cli.report.provenance import provenance

        return provenance(self.made_of, self.engine.device, describe_machine(), {**self.outputs.encoding, "mark": self.outputs.mark})


@dataclass(frozen=True)
class Written:
    """The record of one photo; its encoded bytes where they go to standard output; its part of the page."""

    record: dict[str, Any]
    encoded: bytes | None
    page: "PagePhoto | None"


def write_result(result: "Result", photo: "Photo", source: Path | None, target: Path | None, work: Work) -> Written:
    """Write everything but the page, which waits for the last photo. The picture comes first, so that no sidecar stands without one.

    Raises GuardRejected, where that was asked for, before anything is written.
    """
    from ttpo_cli.imaging.atomic import atomic_write, check_target
    from ttpo_cli.report.page import page_photo

    outputs = work.outputs
    final, record = settled(result, photo, source, target, work)
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
    return Written(record, encoded if target is None else None, page)


def settled(result: "Result", photo: "Photo", source: Path | None, target: Path | None, work: Work) -> "tuple[Photo, dict[str, Any]]":
    """The photo to be written, and its record but for the hashes of the file. Raises GuardRejected where --strict has it so."""
    from ttpo_cli.imaging.photo import with_pixels
    from ttpo_cli.imaging.writing import losses
    from ttpo_cli.report.record import record_result

    outputs = work.outputs
    if outputs.strict and guard_refused_all(result):
        raise GuardRejected("the guard refused every change to the restored image: loosen --guard-..., or leave out --strict")
    final = with_pixels(photo, result.outcome.final)
    record = {**record_result(result, photo, work.engine, work.weights), **work.provenance}
    how = {name: value for name, value in outputs.encoding.items() if name != "quality"}
    record["notes"] += losses(final, path=target, **how, mark=mark_of(record["chosen"]) if outputs.mark else None)
    record["source"]["path"] = None if source is None else str(source.resolve())
    record["output"] = None if target is None else str(target.resolve())
    return final, record


def encode_result(final: "Photo", record: dict[str, Any], target: Path | None, outputs: Outputs) -> tuple[bytes, dict[str, Any]]:
    """The picture's file, and the record with the hashes of its samples and of the file."""
    import hashlib

    from ttpo_cli.imaging.writing import encode_photo

    encoded = encode_photo(target, final, **outputs.encoding, mark=mark_of(record["chosen"]) if outputs.mark else None)
    return encoded.data, {**record, "pixels_sha256": encoded.pixels_sha256, "output_sha256": hashlib.sha256(encoded.data).hexdigest()}


def mark_of(chosen: str) -> "Mark":
    """What XMP says: a generative model took part, or the restoring network alone made the picture."""
    from ttpo_cli import __version__
    from ttpo_cli.imaging.xmp_mark import ENHANCED, GENERATIVE, Mark

    return Mark(ENHANCED if chosen == "restored" else GENERATIVE, f"ttpo {__version__}")


def sidecar_file(target: Path, record: dict[str, Any]) -> tuple[Path, bytes]:
    """Where the record of a picture lies, and its bytes."""
    from ttpo_cli.report.record import sidecar_path

    return sidecar_path(target), (json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def guard_refused_all(result: "Result") -> bool:
    """Whether there were changes to the restored image, and the guard let none pass."""
    from ttpo_cli.report.table import IDENTICAL

    changes = [contender for contender in result.outcome.contenders if contender.verdict.fidelity < IDENTICAL]
    return bool(changes) and not any(contender.kept for contender in changes)


def candidate_files(result: "Result", photo: "Photo", folder: Path, stem: str) -> Iterator[tuple[Path, bytes]]:
    """Every candidate as `<stem>_<index>.png`, and `<stem>_candidates.png`, where each stands under its label."""
    from dataclasses import replace

    from ttpo_cli.imaging.photo import with_pixels
    from ttpo_cli.imaging.writing import encode_photo
    from ttpo_cli.report.contact_sheet import contact_sheet

    outcome = result.outcome
    for index, contender in enumerate(outcome.contenders[: outcome.candidate_count]):
        path = folder / f"{stem}_{index:02d}.png"
        yield path, encode_photo(path, with_pixels(photo, contender.image)).data
    sheet = contact_sheet(outcome.candidates, outcome.candidate_labels)
    plain = replace(photo, pixels=sheet, alpha=None, grey=False, bit_depth=8)
    path = folder / f"{stem}_candidates.png"
    yield path, encode_photo(path, plain, keep=frozenset()).data
