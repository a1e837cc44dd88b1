"""`ttpo restore FOLDER`: how the parts of a folder's run are put together, and what a person reads meanwhile."""

import time
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from ttpo_cli.cli.restore.dry_run import describe_folder
from ttpo_cli.cli.restore.request import RestoreRequest
from ttpo_cli.cli.restore.summary import RunSummary
from ttpo_cli.cli.terminal.console import Terminal, counted, write_line
from ttpo_cli.cli.terminal.errors import foreseen
from ttpo_cli.errors import TtpoError
from ttpo_cli.folder.decision import Decision, FolderRequest, decide, left_behind
from ttpo_cli.folder.journal import has_journal, open_folder_journal, read_rows
from ttpo_cli.folder.pick_store import candidates_folder, picked_hash, proposal_path, read_folder_picks
from ttpo_cli.folder.plan import Job
from ttpo_cli.folder.remote import pooled
from ttpo_cli.folder.restoration import FolderContext, FolderRestorer, settings_by_ending
from ttpo_cli.folder.run import Report, run_folder
from ttpo_cli.report.output import Session
from ttpo_cli.report.record import sidecar_path
from ttpo_cli.report.table import comparison, refusals
from ttpo_cli.workers.pool import WorkerPool

_WORDS = {
    "restored": "restored",
    "completed": "completed",
    "proposed": "with candidates to pick from",
    "unchanged": "unchanged",
    "waiting": "waiting for a pick",
    "kept": "passed over",
    "failed": "failed",
}


def restore_folder(
    root: Path, jobs: Sequence[Job], session: Session, request: RestoreRequest, summary: RunSummary, pool: WorkerPool | None = None
) -> None:
    """Restore the photos of one output folder, with the journal that lies there, in this process or by a pool.

    Raises TtpoError for what ends every photo.
    """
    context = FolderContext(
        root=root,
        settings=settings_by_ending(jobs, session),
        made_with=settings_by_ending(jobs, session, of_candidates=True),
        picks=read_folder_picks(root),
        later=request.run.select == "later",
    )
    requested = folder_request(context, request)
    if request.run.dry_run:
        rows = {row.target: row for row in (read_rows(root) if has_journal(root) else ())}
        describe_folder(root, decide(jobs, root, rows, requested), rows, session, requested, summary)
        return
    with open_folder_journal(root) as journal:
        decisions = decide(jobs, root, {row.target: row for row in journal.rows()}, requested)
        for part in left_behind(_folders(root, decisions, session), journal.mark):
            part.unlink(missing_ok=True)
        for entry in request.not_read:
            if entry.root == root:
                journal.not_read(entry.inside.as_posix(), entry.source, entry.reason)
        restorer = FolderRestorer(session, context, mark=journal.mark)
        total = sum(decision.act == "restore" for decision in decisions)
        summary.terminal.say(f"{root}: {total} of {counted(len(decisions), 'photo')} to restore")
        counts, lost, done, began = Counter[str](), Counter[str](), 0, time.perf_counter()
        with summary.terminal.progress("folder") as on_step:
            restore = partial(restorer.restore, on_step=on_step) if pool is None else pooled(pool, restorer, request.run.damaged)
            for report in run_folder(decisions, journal, restore, _described, restorer.sidecar, request.run.damaged):
                counts[report.outcome] += 1
                lost.update(report.record.get("left_out", ()))
                if report.decision.act == "restore":
                    done += 1
                    on_step("photos", done, total)
                _describe(report, request, summary, f"[{done}/{total}]")
    if lost:
        named = ", ".join(f"{name} ({counted(count, 'photo')})" for name, count in lost.most_common())
        summary.terminal.say(f"{root}: left out, as the records say: {named}")
    _sum_up(root, counts, time.perf_counter() - began, summary)


def folder_request(context: FolderContext, request: RestoreRequest) -> FolderRequest:
    """What `decide` needs to know."""

    def with_pick(target: str, content_sha256: str, settings: str) -> str:
        made_with = context.made_with[Path(target).suffix.lower()]
        return picked_hash(settings, context.picks.get((target, content_sha256, made_with)))

    return FolderRequest(
        settings=context.settings,
        sidecar=sidecar_path if request.run.outputs.sidecar else None,
        overwrite=request.run.outputs.overwrite,
        redo=request.run.redo,
        with_pick=with_pick,
        later=context.later,
        has_candidates=lambda target: proposal_path(context.root, target).is_file(),
    )


def _folders(root: Path, decisions: Sequence[Decision], session: Session) -> set[Path]:
    """Where runs of these photos write, whether they make pictures or candidates to pick from."""
    pictures = {decision.job.target.parent for decision in decisions if decision.job.target is not None}
    waiting = {candidates_folder(root, decision.target) for decision in decisions}
    kept = session.outputs.candidates
    return pictures | waiting | (set() if kept is None else {kept / Path(decision.target).parent for decision in decisions})


def _described(error: Exception) -> tuple[str, int]:
    """One line and an exit code; in a folder, what nobody foresaw ends its photo only."""
    unforeseen = f"{type(error).__name__}: {error} (not foreseen: `ttpo --debug restore` with this photo alone shows where)"
    return foreseen(error) or (unforeseen, TtpoError.exit_code)


def _describe(report: Report, request: RestoreRequest, summary: RunSummary, count: str) -> None:
    decision, terminal = report.decision, summary.terminal
    source, target = str(decision.job.source), decision.job.target
    if report.error is not None:
        summary.fail(source, *_described(report.error))
        return
    assert target is not None  # a folder run writes files
    if report.outcome in ("restored", "completed"):
        record = report.record
        because = "" if decision.why == "new" else f"; {decision.why}"
        terminal.say(f"{count} {decision.target}: kept {record['chosen']} - {record['reason']} ({report.seconds:.1f} s{because})")
        _describe_details(record, terminal)
        if request.json:
            summary.records.append(record)
        else:
            write_line(str(target.resolve()))
    elif report.outcome == "proposed":
        terminal.say(f"{count} {decision.target}: candidates made, to be picked from ({report.seconds:.1f} s)")
    elif report.outcome == "kept" and not request.run.skip_existing:
        summary.fail(source, f"'{target}' {decision.why}: choose another -o, or allow --overwrite", TtpoError.exit_code)
    else:
        if report.outcome == "kept":
            terminal.say(f"{decision.target} {decision.why}: passed over (--overwrite replaces it)")
        summary.skipped.append({"source": source, "output": str(target.resolve()), "why": decision.why})


def _describe_details(record: dict[str, Any], terminal: Terminal) -> None:
    if terminal.verbose:
        terminal.table(record["source"]["name"], *comparison(record))
        for note in (*refusals(record), *record["notes"]):
            terminal.say(f"{record['source']['name']}: {note}")


def _sum_up(root: Path, counts: Counter[str], seconds: float, summary: RunSummary) -> None:
    said = ", ".join(f"{counts[outcome]} {word}" for outcome, word in _WORDS.items() if counts[outcome])
    summary.terminal.say(f"{root}: {said} in {seconds:.0f} s")
    if counts["proposed"] or counts["waiting"]:
        summary.terminal.say(
            f"pick with `ttpo pick {root}` or `ttpo picks add`, then run this again; candidates: {root / '.ttpo' / 'candidates'}"
        )
    if counts["failed"]:
        summary.terminal.say("failed, and tried again the next time:")
        for failure in summary.failures[-counts["failed"] :]:
            summary.terminal.say(f"  {failure['source']}")
