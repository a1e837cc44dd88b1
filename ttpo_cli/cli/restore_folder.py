"""`ttpo restore FOLDER`: what a person is told while a folder is restored, and how the pieces of the run are put together."""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ttpo_cli.cli.failures import foreseen
from ttpo_cli.cli.foretell import foretell_folder
from ttpo_cli.cli.outputs import Work, candidate_files, encode_result, settled, sidecar_file
from ttpo_cli.cli.tally import Tally
from ttpo_cli.cli.terminal import OnStep, Terminal, write_line
from ttpo_cli.errors import TtpoError

if TYPE_CHECKING:
    from ttpo_cli.batch.decision import Decision, Wish
    from ttpo_cli.batch.folder_run import Finished, Report
    from ttpo_cli.batch.plan import Job
    from ttpo_cli.imaging.photo import Photo

_WORDS = {"restored": "restored", "completed": "completed", "unchanged": "unchanged", "kept": "passed over", "failed": "failed"}


@dataclass(frozen=True)
class FolderOptions:
    """What `ttpo restore` was asked beside the work itself. pass_over: a picture of somebody else stays; otherwise it is a failure."""

    overwrite: bool
    pass_over: bool
    redo: bool
    dry_run: bool
    json: bool


def restore_folder(root: Path, jobs: "Sequence[Job]", work: Work, asked: FolderOptions, tally: Tally) -> None:
    """Restore the photos of one output folder, with the journal that lies there. Raises TtpoError for what ends every photo."""
    from ttpo_cli.batch.decision import decide, left_behind
    from ttpo_cli.batch.folder_journal import has_journal, open_folder_journal, read_rows
    from ttpo_cli.batch.folder_run import run_folder

    terminal, settings = tally.terminal, settings_by_ending(jobs, work)
    wish = wish_of(settings, work, asked)
    if asked.dry_run:
        rows = {row.target: row for row in (read_rows(root) if has_journal(root) else ())}
        foretell_folder(root, decide(jobs, root, rows, wish), rows, work, settings, tally)
        return
    with open_folder_journal(root) as journal:
        decisions = decide(jobs, root, {row.target: row for row in journal.rows()}, wish)
        for part in left_behind(_folders(decisions, work), journal.mark):
            part.unlink(missing_ok=True)
        todo = sum(decision.act == "restore" for decision in decisions)
        terminal.say(f"{root}: {todo} of {len(decisions)} photos to restore")
        counts, began = Counter[str](), time.perf_counter()
        with terminal.progress("folder") as on_step:
            restore = partial(_restore, work=work, root=root, settings=settings, on_step=on_step)
            for report in run_folder(decisions, journal, restore, _described, partial(_sidecar, work=work)):
                counts[report.outcome] += 1
                if report.decision.act == "restore":
                    on_step("photos", counts["restored"] + counts["failed"], todo)
                _tell(report, asked, tally, f"[{counts['restored'] + counts['failed']}/{todo}]")
    _sum_up(root, counts, time.perf_counter() - began, tally)


def wish_of(settings: Mapping[str, str], work: Work, asked: FolderOptions) -> "Wish":
    """What `decide` wants to know."""
    from ttpo_cli.batch.decision import Wish
    from ttpo_cli.report.record import sidecar_path

    return Wish(settings, sidecar_path if work.outputs.sidecar else None, asked.overwrite, asked.redo)


def settings_by_ending(jobs: "Sequence[Job]", work: Work) -> dict[str, str]:
    """The hash of all that a picture depends on beside its photo, for each ending of a file: only some formats have a quality."""
    from ttpo_cli.batch.decision import settings_hash
    from ttpo_cli.imaging.formats import format_of_name
    from ttpo_cli.report.record import jsonable

    made_of, settings, encoding = vars(work.made_of), vars(work.settings), work.outputs.encoding
    names = ("scale", "task", "precision", *(("metrics",) if work.settings.ttpo else ()))
    facts = {
        "engine": {name: made_of[name] for name in names},
        "settings": settings if work.settings.ttpo else {"restore": settings["restore"], "ttpo": False},
        "weights": [[entry["role"], entry["name"], entry["sha256"]] for entry in work.weights],
        "mark": work.outputs.mark,
        "strict": work.outputs.strict,
    }
    hashes = {}
    for ending in {job.target.suffix.lower() for job in jobs if job.target is not None}:
        lossy = format_of_name(f"photo{ending}") in ("jpeg", "webp", None)
        of_file = encoding if lossy else {name: value for name, value in encoding.items() if name != "quality"}
        hashes[ending] = settings_hash(jsonable({**facts, "encoding": of_file}))
    return hashes


def _restore(photo: "Photo", decision: "Decision", work: Work, root: Path, settings: Mapping[str, str], on_step: OnStep) -> "Finished":
    """The network's part of one photo; what it leaves holds the finished picture and no other image, but for candidates that are kept."""
    from ttpo_cli.batch.folder_run import Finished
    from ttpo_cli.pipeline import restore_photo

    began, job = time.perf_counter(), decision.job
    assert job.target is not None  # a folder run writes files
    result = restore_photo(photo.pixels, photo.content_hash, work.engine, work.settings, on_step)
    final, record = settled(result, photo, job, work)
    beside: Callable[[dict[str, Any]], dict[Path, bytes]] = partial(_sidecar, job.target, work=work)
    if work.outputs.candidates is not None:
        folder = work.outputs.candidates / Path(decision.target).parent
        beside = partial(_beside, beside=beside, candidates=partial(candidate_files, result, photo, folder, job.target.name))
    return Finished(
        encode=partial(encode_result, final, record, job.target, work.outputs),
        beside=beside,
        scores={row: values["scores"] for row, values in record["rows"].items()},
        seconds=time.perf_counter() - began,
        content_sha256=photo.content_hash,
        settings_sha256=settings[job.target.suffix.lower()],
    )


def _folders(decisions: "Sequence[Decision]", work: Work) -> set[Path]:
    """Where a run of these decisions writes."""
    targets = {decision.job.target.parent for decision in decisions if decision.job.target is not None}
    candidates = work.outputs.candidates
    return targets if candidates is None else targets | {candidates / Path(decision.target).parent for decision in decisions}


def _sidecar(target: Path, record: dict[str, Any], work: Work) -> dict[Path, bytes]:
    return dict([sidecar_file(target, record)]) if work.outputs.sidecar else {}


def _beside(record: dict[str, Any], beside: Callable[..., dict[Path, bytes]], candidates: Callable[..., Any]) -> dict[Path, bytes]:
    return {**beside(record), **dict(candidates())}


def _described(error: Exception) -> tuple[str, int]:
    """One line and an exit code; in a folder, what nobody foresaw ends its photo only."""
    unforeseen = f"{type(error).__name__}: {error} (not foreseen: `ttpo --debug restore` with this photo alone shows where)"
    return foreseen(error) or (unforeseen, TtpoError.exit_code)


def _tell(report: "Report", asked: FolderOptions, tally: Tally, count: str) -> None:
    decision, terminal = report.decision, tally.terminal
    source, target = str(decision.job.source), decision.job.target
    if report.error is not None:
        tally.fail(source, *_described(report.error))
        return
    assert target is not None  # a folder run writes files
    if report.outcome in ("restored", "completed"):
        record = report.record
        because = "" if decision.why == "new" else f"; {decision.why}"
        terminal.say(f"{count} {decision.target}: kept {record['chosen']} - {record['reason']} ({report.seconds:.1f} s{because})")
        _tell_more(record, terminal)
        if asked.json:
            tally.records.append(record)
        else:
            write_line(str(target.resolve()))
    elif report.outcome == "kept" and not asked.pass_over:
        tally.fail(source, f"'{target}' {decision.why}: choose another -o, or allow --overwrite", TtpoError.exit_code)
    else:
        if report.outcome == "kept":
            terminal.say(f"{decision.target} {decision.why}: passed over (--overwrite replaces it)")
        tally.skipped.append({"source": source, "output": str(target.resolve()), "why": decision.why})


def _tell_more(record: dict[str, Any], terminal: Terminal) -> None:
    from ttpo_cli.report.table import comparison, refusals

    if terminal.verbose:
        terminal.table(record["source"]["name"], *comparison(record))
        for note in (*refusals(record), *record["notes"]):
            terminal.say(f"{record['source']['name']}: {note}")


def _sum_up(root: Path, counts: Counter[str], seconds: float, tally: Tally) -> None:
    said = ", ".join(f"{counts[outcome]} {word}" for outcome, word in _WORDS.items() if counts[outcome])
    tally.terminal.say(f"{root}: {said} in {seconds:.0f} s")
    if counts["failed"]:
        tally.terminal.say("failed, and tried again the next time:")
        for failure in tally.failures[-counts["failed"] :]:
            tally.terminal.say(f"  {failure['source']}")
