"""`ttpo restore FOLDER`: what a person is told while a folder is restored, and how the pieces of the run are put together."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ttpo_cli.cli.restore.dry_run import foretell_folder
from ttpo_cli.cli.restore.summary import RunSummary
from ttpo_cli.cli.terminal.console import Terminal, write_line
from ttpo_cli.cli.terminal.errors import foreseen
from ttpo_cli.errors import TtpoError
from ttpo_cli.folder.remote import sent_to
from ttpo_cli.folder.restoration import FolderWork, settings_by_ending
from ttpo_cli.report.output import Work

if TYPE_CHECKING:
    from ttpo_cli.folder.decision import Decision, Wish
    from ttpo_cli.folder.plan import Job
    from ttpo_cli.folder.run import Report
    from ttpo_cli.workers.pool import WorkerPool

_WORDS = {
    "restored": "restored",
    "completed": "completed",
    "proposed": "proposed",
    "unchanged": "unchanged",
    "waiting": "waiting for a pick",
    "kept": "passed over",
    "failed": "failed",
}


@dataclass(frozen=True)
class FolderOptions:
    """What `ttpo restore` was asked beside the work itself. pass_over: a picture of somebody else stays; otherwise it is a failure.
    later: candidates are made, and a person picks before they are finished."""

    overwrite: bool
    pass_over: bool
    redo: bool
    dry_run: bool
    json: bool
    later: bool


def restore_folder(
    root: Path, jobs: "Sequence[Job]", work: Work, asked: FolderOptions, summary: RunSummary, pool: "WorkerPool | None" = None
) -> None:
    """Restore the photos of one output folder, with the journal that lies there, in this process or by a pool.

    Raises TtpoError for what ends every photo.
    """
    from ttpo_cli.folder.decision import decide, left_behind
    from ttpo_cli.folder.journal import has_journal, open_folder_journal, read_rows
    from ttpo_cli.folder.pick_store import read_folder_picks
    from ttpo_cli.folder.run import run_folder

    terminal, settings = summary.terminal, settings_by_ending(jobs, work)
    folder = FolderWork(work, root, settings, settings_by_ending(jobs, work, of_candidates=True), read_folder_picks(root), asked.later)
    wish = wish_of(folder, asked)
    if asked.dry_run:
        rows = {row.target: row for row in (read_rows(root) if has_journal(root) else ())}
        foretell_folder(root, decide(jobs, root, rows, wish), rows, work, wish, summary)
        return
    with open_folder_journal(root) as journal:
        decisions = decide(jobs, root, {row.target: row for row in journal.rows()}, wish)
        for part in left_behind(_folders(root, decisions, work), journal.mark):
            part.unlink(missing_ok=True)
        folder = replace(folder, mark=journal.mark)
        todo = sum(decision.act == "restore" for decision in decisions)
        terminal.say(f"{root}: {todo} of {len(decisions)} photos to restore")
        counts, done, began = Counter[str](), 0, time.perf_counter()
        with terminal.progress("folder") as on_step:
            restore = partial(folder.restore, on_step=on_step) if pool is None else sent_to(pool, folder)
            for report in run_folder(decisions, journal, restore, _described, folder.sidecar):
                counts[report.outcome] += 1
                if report.decision.act == "restore":
                    done += 1
                    on_step("photos", done, todo)
                _tell(report, asked, summary, f"[{done}/{todo}]")
    _sum_up(root, counts, time.perf_counter() - began, summary)


def wish_of(folder: FolderWork, asked: FolderOptions) -> "Wish":
    """What `decide` wants to know."""
    from ttpo_cli.folder.decision import Wish
    from ttpo_cli.folder.pick_store import picked_hash, proposal_path
    from ttpo_cli.report.record import sidecar_path

    def with_pick(target: str, content_sha256: str, settings: str) -> str:
        made_with = folder.made_with[Path(target).suffix.lower()]
        return picked_hash(settings, folder.picks.get((target, content_sha256, made_with)))

    def has_candidates(target: str) -> bool:
        return proposal_path(folder.root, target).is_file()

    sidecar = sidecar_path if folder.work.outputs.sidecar else None
    return Wish(folder.settings, sidecar, asked.overwrite, asked.redo, with_pick, asked.later, has_candidates)


def _folders(root: Path, decisions: "Sequence[Decision]", work: Work) -> set[Path]:
    """Where runs of these photos write, whether they make pictures or candidates to pick from."""
    from ttpo_cli.folder.pick_store import candidates_folder

    pictures = {decision.job.target.parent for decision in decisions if decision.job.target is not None}
    waiting = {candidates_folder(root, decision.target) for decision in decisions}
    kept = work.outputs.candidates
    return pictures | waiting | (set() if kept is None else {kept / Path(decision.target).parent for decision in decisions})


def _described(error: Exception) -> tuple[str, int]:
    """One line and an exit code; in a folder, what nobody foresaw ends its photo only."""
    unforeseen = f"{type(error).__name__}: {error} (not foreseen: `ttpo --debug restore` with this photo alone shows where)"
    return foreseen(error) or (unforeseen, TtpoError.exit_code)


def _tell(report: "Report", asked: FolderOptions, summary: RunSummary, count: str) -> None:
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
        _tell_more(record, terminal)
        if asked.json:
            summary.records.append(record)
        else:
            write_line(str(target.resolve()))
    elif report.outcome == "proposed":
        terminal.say(f"{count} {decision.target}: candidates made, to be picked from ({report.seconds:.1f} s)")
    elif report.outcome == "kept" and not asked.pass_over:
        summary.fail(source, f"'{target}' {decision.why}: choose another -o, or allow --overwrite", TtpoError.exit_code)
    else:
        if report.outcome == "kept":
            terminal.say(f"{decision.target} {decision.why}: passed over (--overwrite replaces it)")
        summary.skipped.append({"source": source, "output": str(target.resolve()), "why": decision.why})


def _tell_more(record: dict[str, Any], terminal: Terminal) -> None:
    from ttpo_cli.report.table import comparison, refusals

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
