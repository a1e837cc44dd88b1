"""`--dry-run`: what would be done with a photo, and with a folder, and what that would take."""

import math
import shutil
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ttpo_cli import pipeline
from ttpo_cli.cli.restore.summary import RunSummary
from ttpo_cli.cli.terminal.console import counted
from ttpo_cli.errors import TtpoError
from ttpo_cli.folder.decision import Decision, FolderRequest
from ttpo_cli.folder.estimate import Estimate, Sample, estimate
from ttpo_cli.folder.journal import Row, record_of
from ttpo_cli.folder.plan import Job
from ttpo_cli.imaging.photo import Photo
from ttpo_cli.imaging.reading import photo_size, read_photo
from ttpo_cli.imaging.resize import middle
from ttpo_cli.imaging.result_size import plan_sizes
from ttpo_cli.imaging.writing import losses
from ttpo_cli.pipeline.photo import decided
from ttpo_cli.pipeline.plan import PhotoPlan, engine_for, plan_photo
from ttpo_cli.report.output import Session, encode_result, picture_and_record

_PIECES = (48, 48, 96)  # sides, in pixels of the input; the first warms up and does not count
_ENOUGH = 3  # photos in the journal from which no piece is timed


def describe_photo(photo: Photo, job: Job, session: Session, summary: RunSummary) -> None:
    """What --dry-run says of one photo: what would be done, the time and the memory."""
    plan = plan_photo(photo, session.engine, session.settings)
    (height, width), (result_height, result_width) = plan.sizes.photo, plan.sizes.result
    output = "standard output" if job.target is None else str(job.target.resolve())
    summary.terminal.say(f"{photo.name} {width}x{height} -> {output} {result_width}x{result_height}")
    notes = [*decided(plan), *photo.notes, *losses(photo, session.outputs.encoding, job.target)]
    for note in notes:
        summary.terminal.say(f"{photo.name}: {note}")
    entry: dict[str, Any] = {"source": str(job.source), "output": output, "width": result_width, "height": result_height, "notes": notes}
    expected = _estimated(photo, job, session, plan)
    for line in _in_words(expected, None):
        summary.terminal.say(f"{photo.name}: {line}")
    summary.records.append({**entry, "estimate": vars(expected)})


def time_for(photo: Photo, job: Job, session: Session) -> str:
    """How long a photo would take if no size were too large, in words."""
    size = replace(session.settings.size, max_megapixels=math.inf)
    unlimited = replace(session, settings=replace(session.settings, size=size))
    low, high = _estimated(photo, job, unlimited, plan_photo(photo, session.engine, unlimited.settings)).seconds
    return f"{_duration(low)} to {_duration(high)}"


def _estimated(photo: Photo, job: Job, session: Session, plan: PhotoPlan) -> Estimate:
    height, width = plan.sizes.result
    samples = list(_timed_pieces(photo, {_ending(job): job}, _as_planned(session, plan)))
    return estimate([(height * width, _ending(job))], samples, _region(session), "from two pieces of it timed now")


def _ending(job: Job) -> str:
    """Of the file that is written; PNG goes to standard output."""
    return ".png" if job.target is None else job.target.suffix.lower()


def _region(session: Session) -> int:
    return session.settings.region if session.settings.ttpo else 0


def _as_planned(session: Session, plan: PhotoPlan) -> Session:
    """A session that does with every piece of a photo what the plan says of the photo, and refuses none."""
    settings = plan.final_settings(session.settings)
    settings = replace(settings, size=replace(settings.size, scale=plan.sizes.factor, long_edge=None, megapixels=None))
    return replace(
        session,
        loaded=engine_for(plan, session.engine),
        settings=settings,
        outputs=replace(session.outputs, strict=False),
    )


def describe_folder(
    root: Path, decisions: Sequence[Decision], rows: Mapping[str, Row], session: Session, request: FolderRequest, summary: RunSummary
) -> None:
    """What --dry-run says of a folder: how many of its photos would be restored and why, and an estimate of time, memory and disk."""
    terminal = summary.terminal
    reasons = Counter(f"{decision.act}: {decision.why}" for decision in decisions)
    terminal.say(f"{root}: {counted(len(decisions), 'photo')}")
    for reason, count in sorted(reasons.items()):
        terminal.say(f"  {count} to {reason}" if reason.startswith(("restore", "finish")) else f"  {count} {reason}")
    todo = [decision for decision in decisions if decision.act == "restore"]
    sizes = list(_sizes(todo, session, summary))
    entry: dict[str, Any] = {"output": str(root.resolve()), "photos": len(decisions), "decisions": dict(reasons)}
    if sizes:
        samples, how = _samples(todo, rows, request, session)
        expected = estimate(sizes, samples, _region(session), how)
        entry["estimate"] = {**vars(expected), "free_disk": _free(root)}
        for line in _in_words(expected, _free(root)):
            terminal.say(line)
    summary.records.append(entry)


def _sizes(todo: Iterable[Decision], session: Session, summary: RunSummary) -> Iterator[tuple[int, str]]:
    """(pixels of the result, ending) of each photo, from its header alone; one without a readable header is a failure."""
    for decision in todo:
        source, target = decision.job.source, decision.job.target
        assert source is not None and target is not None  # a folder run has files
        pixels = None
        with summary.attempt(str(source)):
            width, height = photo_size(source)
            result = plan_sizes((height, width), session.engine.backbone.scale, session.settings.size).result
            pixels = result[0] * result[1]
        if pixels is not None:
            yield pixels, target.suffix.lower()


def _samples(todo: Sequence[Decision], rows: Mapping[str, Row], request: FolderRequest, session: Session) -> tuple[list[Sample], str]:
    """Photos of this folder that were restored with these settings; where they are too few, pieces that are restored now."""
    known = [sample for row in rows.values() if (sample := _sample_of(row, request)) is not None]
    if len(known) >= _ENOUGH:
        return known, f"from {len(known)} photos of this folder that were restored with these settings"
    endings = {_ending(decision.job): decision.job for decision in todo}
    photo = _first_readable(todo)
    pieces = list(_timed_pieces(photo, endings, _as_planned(session, plan_photo(photo, session.engine, session.settings))))
    return pieces, f"from two pieces of {todo[0].target} timed now, so a guess: large photos, other content and other work differ"


def _sample_of(row: Row, request: FolderRequest) -> Sample | None:
    ending = Path(row.target).suffix.lower()
    if row.state != "done" or ending not in request.settings or not (row.record and row.seconds and row.output_stamp):
        return None
    if row.settings_sha256 != request.with_pick(row.target, row.content_sha256 or "", request.settings[ending]):
        return None
    record = record_of(row)
    pixels = record["size"]["width"] * record["size"]["height"]
    file_bytes = int(row.output_stamp.split("-")[0])
    memory = record["peak_memory"].get("all", {})
    return Sample(pixels=pixels, seconds=row.seconds, memory=memory, ending=ending, file_bytes=file_bytes)


def _timed_pieces(photo: Photo, endings: Mapping[str, Job], session: Session) -> Iterator[Sample]:
    """The middle of a photo in two sizes, restored and encoded in the format of each ending there is."""
    for index, side in enumerate(_PIECES):
        piece = replace(photo, pixels=middle(photo.pixels, side), alpha=None)
        began = time.perf_counter()
        result = pipeline.restore_photo(piece, session.engine, session.settings)
        seconds = time.perf_counter() - began
        for ending, job in endings.items() if index else ():
            final, record = picture_and_record(result, piece, job.source, job.target, session)
            began = time.perf_counter()
            encoded, _ = encode_result(final, record, job.target, session.outputs)
            pixels = result.outcome.final.shape[-1] * result.outcome.final.shape[-2]
            memory = result.timings.peak_memory.get("all", {})
            spent = seconds + time.perf_counter() - began
            yield Sample(pixels=pixels, seconds=spent, memory=memory, ending=ending, file_bytes=len(encoded))


def _first_readable(todo: Sequence[Decision]) -> Photo:
    for decision in todo:
        try:
            assert decision.job.source is not None  # a folder run has files
            return read_photo(decision.job.source)
        except TtpoError:
            continue  # reported when the run comes to it
    raise TtpoError("none of the photos can be read, so nothing can be estimated")


def _free(root: Path) -> int:
    """Bytes free where the folder is, or will be."""
    return shutil.disk_usage(next(parent for parent in (root.absolute(), *root.absolute().parents) if parent.exists())).free


def _in_words(expected: Estimate, free: int | None) -> Iterator[str]:
    """free: bytes on the disk; None: not said."""
    low, high = expected.seconds
    yield f"time: {_duration(low)} to {_duration(high)}, {expected.how}"
    places = ", ".join(f"{amount / 2**30:.1f} GiB {place}" for place, amount in sorted(expected.memory.items()))
    yield f"memory: about {places}, for the largest"
    if free is None:
        return
    yield f"disk: {_size(expected.disk[0])} to {_size(expected.disk[1])} of {_size(free)} free"
    if expected.disk[1] > free:
        yield "there may not be room for all of them: the run would stop there, and go on once there is"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _size(amount: float) -> str:
    return f"{amount / 2**20:.1f} MiB" if amount < 2**30 else f"{amount / 2**30:.1f} GiB"
