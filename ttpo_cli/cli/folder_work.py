"""The network's part of one photo of a folder: a finished picture, or candidates that wait for a person, for another thread to write."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ttpo_cli.cli.outputs import Work, candidate_files, encode_result, settled, sidecar_file
from ttpo_cli.cli.terminal import OnStep

if TYPE_CHECKING:
    from ttpo_cli.batch.backlog import Picks
    from ttpo_cli.batch.decision import Decision
    from ttpo_cli.batch.folder_run import Finished
    from ttpo_cli.batch.plan import Job
    from ttpo_cli.imaging.photo import Photo
    from ttpo_cli.pipeline import Result


@dataclass(frozen=True)
class FolderWork:
    """What every photo of a folder is restored with. settings: their hash by a file's ending. later: photos without a pick are proposed."""

    work: Work
    root: Path
    settings: Mapping[str, str]
    picks: "Picks"
    later: bool

    def restore(self, photo: "Photo", decision: "Decision", on_step: OnStep) -> "Finished":
        """What it leaves holds the finished picture and no other image, but for candidates that are kept or proposed."""
        from ttpo_cli.batch.backlog import picked_hash
        from ttpo_cli.batch.folder_run import Finished
        from ttpo_cli.pipeline import restore_photo

        began, job = time.perf_counter(), decision.job
        assert job.target is not None  # a folder run writes files
        made_with = self.settings[job.target.suffix.lower()]
        pick = self.picks.get((decision.target, photo.content_hash, made_with))
        rows = () if pick is None or pick.preferred is None or pick.dispreferred is None else (pick.preferred, pick.dispreferred)
        settings = replace(self.work.settings, pick=rows)
        result = restore_photo(photo.pixels, photo.content_hash, self.work.engine, settings, on_step)
        final, record = settled(result, photo, job, self.work)
        facts = (photo.content_hash, picked_hash(made_with, pick))
        if self.later and pick is None and record["preferred"] is not None:
            files = partial(self._proposal, result, photo, decision, made_with)
            return Finished(None, files, {}, time.perf_counter() - began, *facts)
        if self.later and pick is None:
            record["notes"].append("done in regions or without candidates, so there was nothing to pick: the metrics chose")
        scores = {row: values["scores"] for row, values in record["rows"].items()}
        encode = partial(encode_result, final, record, job.target, self.work.outputs)
        return Finished(encode, self._beside(result, photo, decision), scores, time.perf_counter() - began, *facts)

    def sidecar(self, target: Path, record: dict[str, Any]) -> dict[Path, bytes]:
        """The sidecar of a picture, if there is to be one."""
        return dict([sidecar_file(target, record)]) if self.work.outputs.sidecar else {}

    def _beside(self, result: "Result", photo: "Photo", decision: "Decision") -> Callable[[dict[str, Any]], dict[Path, bytes]]:
        target, kept = decision.job.target, self.work.outputs.candidates
        assert target is not None  # a folder run writes files
        if kept is None:
            return partial(self.sidecar, target)
        folder = kept / Path(decision.target).parent
        return lambda record: {**self.sidecar(target, record), **dict(candidate_files(result, photo, folder, target.name))}

    def _proposal(
        self, result: "Result", photo: "Photo", decision: "Decision", made_with: str, record: dict[str, Any]
    ) -> dict[Path, bytes]:
        """Every candidate as PNG, and what the metrics think of each."""
        from ttpo_cli.batch.backlog import proposal_files
        from ttpo_cli.imaging.photo import with_pixels
        from ttpo_cli.imaging.writing import encode_photo
        from ttpo_cli.preference.pick import Proposal
        from ttpo_cli.report.record import jsonable

        names = tuple(f"{row:02d}.png" for row in range(len(result.candidates)))
        pictures = {
            name: encode_photo(Path(name), with_pixels(photo, result.candidates[row : row + 1])).data for row, name in enumerate(names)
        }
        tools = self.work.engine.tools
        lower = {metric.name: metric.lower_is_better for metric in (tools.metrics if tools else ())}
        scores = {metric: jsonable([result.scores[label].get(metric) for label in result.candidate_labels]) for metric in lower}
        told = Proposal(decision.target, photo.content_hash, made_with, result.candidate_labels, names, scores, lower)
        return proposal_files(self.root, told, pictures)


def settings_by_ending(jobs: "Sequence[Job]", work: Work) -> dict[str, str]:
    """The hash of all that a picture depends on beside its photo, for each ending of a file: only some formats have a quality."""
    from ttpo_cli.batch.decision import settings_hash
    from ttpo_cli.imaging.formats import format_of_name
    from ttpo_cli.report.record import jsonable

    made_of, settings, encoding = vars(work.made_of), vars(work.settings), work.outputs.encoding
    names = ("scale", "task", "blend", "precision", *(("metrics",) if work.settings.ttpo else ()))
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
