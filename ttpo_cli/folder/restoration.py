"""The network's part of one photo of a folder: a finished picture, or candidates that wait for a person, for another thread to write."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from ttpo_cli import pipeline
from ttpo_cli.folder.candidate_store import read_stored, stored_bytes, stored_path
from ttpo_cli.folder.decision import Decision, settings_hash
from ttpo_cli.folder.pick_store import Picks, add_pick, picked_hash, proposal_files
from ttpo_cli.folder.plan import Job
from ttpo_cli.folder.run import Finished
from ttpo_cli.imaging.atomic import atomic_write
from ttpo_cli.imaging.formats import format_of_name
from ttpo_cli.imaging.photo import Photo, with_pixels
from ttpo_cli.imaging.writing import encode_photo
from ttpo_cli.pipeline import Result
from ttpo_cli.preference.chooser import UNASKED, Chooser, Postponed, ScoredCandidates, postpone
from ttpo_cli.preference.pick import Pick, Proposal
from ttpo_cli.progress import OnStep
from ttpo_cli.report.output import Session, candidate_files, encode_result, picture_and_record, sidecar_file
from ttpo_cli.report.record import jsonable, versions
from ttpo_cli.settings.option import recorded_texts
from ttpo_cli.settings.output import hashed_encoding
from ttpo_cli.settings.settings import of_backbone


@dataclass(frozen=True)
class FolderContext:
    """What all photos of one output folder have in common; it travels to workers.

    Attributes:
        root: the output folder.
        settings: the hash of the settings, by the ending of a file.
        made_with: the hash of those settings alone that candidates depend on, by the ending of a file.
        picks: a person's picks, of this folder or of one photo.
        later: photos without a pick are proposed, and wait.
    """

    root: Path
    settings: Mapping[str, str]
    made_with: Mapping[str, str]
    picks: Picks
    later: bool


@dataclass(frozen=True)
class FolderRestorer:
    """Restores the photos of one folder.

    Attributes:
        session: what every photo of the command is restored with.
        context: what is the same for all photos of this folder.
        picked: the picks of this run, by the person that `session` knows.
        mark: the journal's, in the names of temporary files.
    """

    session: Session
    context: FolderContext
    picked: list[Pick] = field(default_factory=list)
    mark: str = ""

    def restore(self, photo: Photo, decision: Decision, on_step: OnStep) -> Finished:
        """The finished picture, or candidates that wait; no other image is held, except candidates that are kept."""
        began, job = time.perf_counter(), decision.job
        assert job.target is not None  # a folder run writes files
        ending = job.target.suffix.lower()
        key = (decision.target, photo.content_hash, self.context.made_with[ending])
        pick = self.context.picks.get(key)
        rows = () if pick is None or pick.preferred is None or pick.dispreferred is None else (pick.preferred, pick.dispreferred)
        settings = replace(self.session.settings, pick=rows)
        ask = partial(self._ask, photo, key) if self.session.ask is not None else postpone if self.context.later else None
        stored, outputs = stored_path(self.context.root, decision.target), self.session.outputs
        chooser = Chooser(ask, read_stored(stored, self._facts(key)))
        try:
            result = pipeline.restore_photo(photo, self.session.engine, settings, on_step, chooser)
        except Postponed as postponed:
            if not outputs.latents:
                stored.unlink(missing_ok=True)
            files = partial(self._proposal, postponed.candidates, photo, key, outputs.latents)
            return Finished(
                encode=None,
                extra_files=lambda record: files(),
                scores={},
                seconds=time.perf_counter() - began,
                content_sha256=photo.content_hash,
                settings_sha256=self.context.settings[ending],
            )
        stored.unlink(missing_ok=True)
        picked = result.settings.pick
        seconds = time.perf_counter() - began - result.timings.seconds.get("asking", 0.0)
        final, record = picture_and_record(result, photo, job.source, job.target, self.session)
        if ask is not None and not rows and "asking" not in result.timings.seconds:
            record["notes"].append(UNASKED)
        return Finished(
            encode=partial(encode_result, final, record, job.target, outputs),
            extra_files=self._extra_files(result, photo, decision),
            scores={row: values["scores"] for row, values in record["rows"].items()},
            seconds=seconds,
            content_sha256=photo.content_hash,
            settings_sha256=picked_hash(
                self.context.settings[ending], Pick(*key, preferred=picked[0], dispreferred=picked[1]) if picked else None
            ),
        )

    def _ask(self, photo: Photo, key: tuple[str, str, str], scored: ScoredCandidates) -> Sequence[int]:
        """The person's pick, kept as `ttpo picks add` keeps one: the candidates' files, then the line. A photo that was skipped keeps its
        candidates too, so that it can be picked later."""
        assert self.session.ask is not None  # `restore` looked
        rows = self.session.ask(key[0], self._take_back, scored)
        for path, data in self._proposal(scored, photo, key, False).items():
            atomic_write(path, data, overwrite=True, mark=self.mark)
        if rows:
            self.picked.append(Pick(*key, preferred=rows[0], dispreferred=rows[1]))
            add_pick(self.context.root, self.picked[-1])
        return rows

    def _take_back(self) -> str:
        """Undo the last pick of this run that holds; the next run asks again."""
        if not self.picked:
            return "no pick of this run is left to undo"
        last = self.picked.pop()
        add_pick(self.context.root, Pick(*last.key, preferred=None, dispreferred=None))
        return f"{last.target}: its pick is taken back, and the next run asks again"

    def sidecar(self, target: Path, record: dict[str, Any]) -> dict[Path, bytes]:
        """The sidecar of a picture, if there is to be one."""
        return dict([sidecar_file(target, record)]) if self.session.outputs.sidecar else {}

    def _extra_files(self, result: Result, photo: Photo, decision: Decision) -> Callable[[dict[str, Any]], dict[Path, bytes]]:
        target, kept = decision.job.target, self.session.outputs.candidates
        assert target is not None  # a folder run writes files
        if kept is None:
            return partial(self.sidecar, target)
        folder = kept / Path(decision.target).parent
        return lambda record: {**self.sidecar(target, record), **dict(candidate_files(result, photo, folder, target.name))}

    def _facts(self, key: tuple[str, str, str]) -> dict[str, Any]:
        """All that the bits of one photo's candidates depend on."""
        provenance = self.session.provenance
        return {"made": key, "device": provenance["device"], "machine": provenance["machine"], "versions": versions()}

    def _proposal(self, scored: ScoredCandidates, photo: Photo, key: tuple[str, str, str], latents: bool) -> dict[Path, bytes]:
        """Every candidate as PNG, and what the metrics think of each; latents: to the last bit as well."""
        names, images = tuple(f"{row:02d}.png" for row in range(len(scored.images))), scored.images.cpu()
        pictures = {name: encode_photo(Path(name), with_pixels(photo, images[row : row + 1])).data for row, name in enumerate(names)}
        tools = self.session.engine.tools
        lower = {metric.name: metric.lower_is_better for metric in (tools.metrics if tools else ())}
        able = [metric.name for metric in scored.metrics]
        columns = {metric: scored.scores[:, able.index(metric)].tolist() if metric in able else [None] * len(names) for metric in lower}
        pristine = {metric.name: metric.pristine for metric in (tools.metrics if tools else ())}
        proposal = Proposal(
            *key,
            labels=scored.labels,
            images=names,
            scores=jsonable(columns),
            lower_is_better=lower,
            pristine=pristine,
        )
        latent_file = {stored_path(self.context.root, key[0]).name: stored_bytes(scored.made, self._facts(key))} if latents else {}
        return proposal_files(self.context.root, proposal, {**pictures, **latent_file})


def settings_by_ending(jobs: Sequence[Job], session: Session, of_candidates: bool = False) -> dict[str, str]:
    """The hash of all that a picture depends on apart from its photo, for each ending of a file: only some formats have a quality.

    of_candidates: without the fusion of the metrics, so that a pick outlives other weights. Candidates depend on it only with halving.
    """
    options, settings, encoding = vars(session.options), recorded_texts(session.settings), hashed_encoding(vars(session.outputs.encoding))
    if of_candidates and not session.settings.candidates.halving:
        del settings["selection"]
    names = ("scale", "task", "blend", "precision", *(("metrics",) if session.settings.ttpo else ()))
    facts = {
        "engine": {name: options[name] for name in names},
        "settings": settings if session.settings.ttpo else {**of_backbone(settings), "ttpo": False},
        "weights": [[entry["role"], entry["name"], entry["sha256"]] for entry in session.weights],
        "mark": session.outputs.mark,
        "strict": session.outputs.strict,
    }
    hashes = {}
    for ending in {job.target.suffix.lower() for job in jobs if job.target is not None}:
        lossy = format_of_name(f"photo{ending}") in ("jpeg", "webp", None)
        of_file = encoding if lossy else {name: value for name, value in encoding.items() if name != "quality"}
        hashes[ending] = settings_hash(jsonable({**facts, "encoding": of_file}))
    return hashes
