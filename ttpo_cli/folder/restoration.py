"""The network's part of one photo of a folder: a finished picture, or candidates that wait for a person, for another thread to write."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ttpo_cli.preference.chooser import UNASKED
from ttpo_cli.progress import OnStep
from ttpo_cli.report.output import Work, candidate_files, encode_result, settled, sidecar_file

if TYPE_CHECKING:
    from ttpo_cli.folder.decision import Decision
    from ttpo_cli.folder.pick_store import Picks
    from ttpo_cli.folder.plan import Job
    from ttpo_cli.folder.run import Finished
    from ttpo_cli.imaging.photo import Photo
    from ttpo_cli.pipeline import Result
    from ttpo_cli.preference.chooser import ScoredCandidates
    from ttpo_cli.preference.pick import Pick


@dataclass(frozen=True)
class FolderWork:
    """What every photo of a folder is restored with. settings: their hash by a file's ending; made_with: of those alone that candidates
    depend on. later: photos without a pick are proposed.
    given: the picks of this run, by the person that `work` knows. mark: the journal's, in the names of temporary files."""

    work: Work
    root: Path
    settings: Mapping[str, str]
    made_with: Mapping[str, str]
    picks: "Picks"
    later: bool
    given: "list[Pick]" = field(default_factory=list)
    mark: str = ""

    def restore(self, photo: "Photo", decision: "Decision", on_step: OnStep) -> "Finished":
        """What it leaves holds the finished picture and no other image, but for candidates that are kept or proposed."""
        from ttpo_cli.folder.candidate_store import read_stored, stored_path
        from ttpo_cli.folder.pick_store import picked_hash
        from ttpo_cli.folder.run import Finished
        from ttpo_cli.pipeline import restore_photo
        from ttpo_cli.preference.chooser import Chooser, Postponed, postpone
        from ttpo_cli.preference.pick import Pick

        began, job = time.perf_counter(), decision.job
        assert job.target is not None  # a folder run writes files
        ending = job.target.suffix.lower()
        key = (decision.target, photo.content_hash, self.made_with[ending])
        pick = self.picks.get(key)
        rows = () if pick is None or pick.preferred is None or pick.dispreferred is None else (pick.preferred, pick.dispreferred)
        settings = replace(self.work.settings, pick=rows)
        ask = partial(self._ask, photo, key) if self.work.ask is not None else postpone if self.later else None
        stored = stored_path(self.root, decision.target)
        chooser = Chooser(ask, read_stored(stored, self._facts(key)))
        try:
            result = restore_photo(photo.pixels, photo.content_hash, self.work.engine, settings, on_step, chooser)
        except Postponed as postponed:
            if not self.work.outputs.latents:
                stored.unlink(missing_ok=True)
            files = partial(self._proposal, postponed.candidates, photo, key, self.work.outputs.latents)
            return Finished(None, lambda record: files(), {}, time.perf_counter() - began, photo.content_hash, self.settings[ending])
        stored.unlink(missing_ok=True)
        picked = result.settings.pick
        seconds = time.perf_counter() - began - result.timings.seconds.get("asking", 0.0)
        facts = (seconds, photo.content_hash, picked_hash(self.settings[ending], Pick(*key, *picked) if picked else None))
        final, record = settled(result, photo, job.source, job.target, self.work)
        if ask is not None and not rows and "asking" not in result.timings.seconds:
            record["notes"].append(UNASKED)
        scores = {row: values["scores"] for row, values in record["rows"].items()}
        encode = partial(encode_result, final, record, job.target, self.work.outputs)
        return Finished(encode, self._beside(result, photo, decision), scores, *facts)

    def _ask(self, photo: "Photo", key: tuple[str, str, str], offer: "ScoredCandidates") -> Sequence[int]:
        """The person's pick, kept as `ttpo picks add` keeps one: the candidates' files, then the line. A photo that was skipped keeps its
        candidates too, so that it can be picked later."""
        from ttpo_cli.folder.pick_store import add_pick
        from ttpo_cli.imaging.atomic import atomic_write
        from ttpo_cli.preference.pick import Pick

        assert self.work.ask is not None  # `restore` looked
        rows = self.work.ask(key[0], self._take_back, offer)
        for path, data in self._proposal(offer, photo, key, False).items():
            atomic_write(path, data, overwrite=True, mark=self.mark)
        if rows:
            self.given.append(Pick(*key, *rows))
            add_pick(self.root, self.given[-1])
        return rows

    def _take_back(self) -> str:
        """Undo the last pick of this run that holds; the next run asks again."""
        from ttpo_cli.folder.pick_store import add_pick
        from ttpo_cli.preference.pick import Pick

        if not self.given:
            return "no pick of this run is left to undo"
        last = self.given.pop()
        add_pick(self.root, Pick(*last.key, None, None))
        return f"{last.target}: its pick is taken back, and the next run asks again"

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

    def _facts(self, key: tuple[str, str, str]) -> dict[str, Any]:
        """All that the bits of one photo's candidates depend on."""
        from ttpo_cli.report.record import versions

        told = self.work.provenance
        return {"made": key, "device": told["device"], "machine": told["machine"], "versions": versions()}

    def _proposal(self, offer: "ScoredCandidates", photo: "Photo", key: tuple[str, str, str], latents: bool) -> dict[Path, bytes]:
        """Every candidate as PNG, and what the metrics think of each; latents: to the last bit as well."""
        from ttpo_cli.folder.candidate_store import stored_bytes, stored_path
        from ttpo_cli.folder.pick_store import proposal_files
        from ttpo_cli.imaging.photo import with_pixels
        from ttpo_cli.imaging.writing import encode_photo
        from ttpo_cli.preference.pick import Proposal
        from ttpo_cli.report.record import jsonable

        names, images = tuple(f"{row:02d}.png" for row in range(len(offer.images))), offer.images.cpu()
        pictures = {name: encode_photo(Path(name), with_pixels(photo, images[row : row + 1])).data for row, name in enumerate(names)}
        tools = self.work.engine.tools
        lower = {metric.name: metric.lower_is_better for metric in (tools.metrics if tools else ())}
        able = [metric.name for metric in offer.metrics]
        columns = {metric: offer.scores[:, able.index(metric)].tolist() if metric in able else [None] * len(names) for metric in lower}
        pristine = {metric.name: metric.pristine for metric in (tools.metrics if tools else ())}
        told = Proposal(*key, offer.labels, names, jsonable(columns), lower, pristine)
        bits = {stored_path(self.root, key[0]).name: stored_bytes(offer.made, self._facts(key))} if latents else {}
        return proposal_files(self.root, told, {**pictures, **bits})


def settings_by_ending(jobs: "Sequence[Job]", work: Work, of_candidates: bool = False) -> dict[str, str]:
    """The hash of all that a picture depends on beside its photo, for each ending of a file: only some formats have a quality.

    of_candidates: without how the metrics are fused, which no candidate depends on (but where halving judges them by it), so that a pick
    outlives other weights.
    """
    from ttpo_cli.folder.decision import settings_hash
    from ttpo_cli.imaging.formats import format_of_name
    from ttpo_cli.report.record import jsonable
    from ttpo_cli.settings.option import recorded_texts

    made_of, settings, encoding = vars(work.made_of), recorded_texts(work.settings), work.outputs.encoding
    if of_candidates and not work.settings.candidates.halving:
        del settings["selection"]
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
