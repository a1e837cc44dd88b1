"""A folder whose pictures are made by a function of a few lines, with the real journal, decisions and threads around it."""

import hashlib
import json
from functools import partial
from pathlib import Path

from fakes import tiny_photo

from ttpo_cli.folder.decision import FolderRequest, decide, left_behind
from ttpo_cli.folder.journal import open_folder_journal
from ttpo_cli.folder.plan import plan
from ttpo_cli.folder.run import Finished, run_folder
from ttpo_cli.imaging.writing import encode_photo, write_photo


def make_album(folder: Path, count: int) -> list[str]:
    for index in range(count):
        write_photo(folder / f"{index}.png", tiny_photo(seed=index))
    return [f"{index}.png" for index in range(count)]


class AlbumRuns:
    """Runs over one album; `restored` lists the photos that went through the work, in order."""

    def __init__(self, album: Path, out: Path):
        self.album, self.out, self.restored = album, out, []

    def run(self, settings="first", work=None, **request):
        """{target: outcome} of one run. work: called with each photo before its picture is made."""
        jobs = plan([str(self.album)], str(self.out), recursive=True)
        with open_folder_journal(self.out) as journal:
            rows = {row.target: row for row in journal.rows()}
            decisions = decide(jobs, self.out, rows, FolderRequest({".png": settings}, self.sidecar, **request))
            for part in left_behind((job.target.parent for job in jobs), journal.mark):
                part.unlink()
            restore = partial(self.restore, settings=settings, work=work or (lambda name: None))
            reports = list(run_folder(decisions, journal, restore, lambda error: (str(error), 1), self.small_files))
        return {report.decision.target: report.outcome for report in reports}

    def restore(self, photo, decision, settings, work):
        self.restored.append(decision.target)
        work(decision.target)
        data = encode_photo(None, photo).data + settings.encode()
        record = {"sha256": hashlib.sha256(data).hexdigest()}
        return Finished(
            encode=lambda: (data, record),
            extra_files=partial(self.small_files, decision.job.target),
            scores={},
            seconds=1.0,
            content_sha256=photo.content_hash,
            settings_sha256=settings,
        )

    @staticmethod
    def sidecar(target):
        return target.with_name(f"{target.name}.json")

    def small_files(self, target, record):
        return {self.sidecar(target): json.dumps(record).encode()}

    def written(self):
        """{name: bytes} of everything but the journal."""
        files = sorted(path for path in self.out.rglob("*") if path.is_file() and ".ttpo" not in path.parts)
        return {path.relative_to(self.out).as_posix(): path.read_bytes() for path in files}
