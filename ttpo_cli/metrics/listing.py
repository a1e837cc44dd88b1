"""Every metric in one table, none of pyiqa's loaded: what it compares, which way is better, its range, its files, large photos."""

from dataclasses import dataclass

import torch

from ttpo_cli.metrics import face_identity
from ttpo_cli.metrics.catalog import METRICS, STORED, load_metric
from ttpo_cli.metrics.pyiqa_metrics import LICENCE, UNSUPPORTED, facts_of, large_photos_of, pyiqa_names
from ttpo_cli.metrics.weight_files import entries_of


@dataclass(frozen=True)
class Listed:
    """One metric in words. better: higher, lower, or the value that is right; files: entries of the store, none where it needs none."""

    name: str
    reference: bool
    better: str
    range: str
    files: tuple[str, ...]
    large_photos: str
    licence: str

    def cells(self) -> list[str]:
        """The row of a table: what `COLUMNS` names."""
        files = ", ".join(self.files) or "none"
        return [self.name, "yes" if self.reference else "no", self.better, self.range, files, self.large_photos, self.licence]


COLUMNS = ["metric", "reference", "better", "range", "weights", "of a large photo it sees", "licence"]


# Names under which ttpo computes something else than pyiqa does: its own, or of msswd random projections that need no weights.
_BOTH = ("niqe", "piqe", "psnr", "msswd")


def list_metrics() -> list[Listed]:
    """ttpo's own, then every one of pyiqa's that scores one photo; `pyiqa:NAME` where ttpo has one of that name itself."""
    own = [name for name in METRICS if name not in pyiqa_names() or name in _BOTH]
    return [*map(_own, [*own, *STORED]), *(_of_pyiqa(name, own) for name in pyiqa_names() if name not in UNSUPPORTED)]


def _own(name: str) -> Listed:
    stored = name in STORED  # listed also where its packages are not installed
    metric = face_identity.described(face_identity.face_identity) if stored else load_metric(name, torch.device("cpu"))
    better = f"{metric.target:g}" if metric.target is not None else "lower" if metric.lower_is_better else "higher"
    least, greatest = ("" if end is None else f"{end:g}" for end in metric.range)
    files = {"niqe": ("niqe-pristine",), "ranker": ("ranker",), face_identity.NAME: face_identity.FILES}.get(name, ())
    return Listed(
        name=name,
        reference=metric.needs_reference,
        better=better,
        range=_range(least, greatest),
        files=files,
        large_photos="all of it",
        licence=metric.licence,
    )


def _of_pyiqa(name: str, own: list[str]) -> Listed:
    needs_reference, lower, stated = facts_of(name)
    least, greatest = (end.strip() if end.strip() != "~" else "" for end in stated.split(","))
    large, window = large_photos_of(name)
    large += f"; above {window} px the mean of windows" if window else ""
    shown = f"pyiqa:{name}" if name in own else name
    return Listed(
        name=shown,
        reference=needs_reference,
        better="lower" if lower else "higher",
        range=_range(least, greatest),
        files=entries_of(name),
        large_photos=large,
        licence=LICENCE,
    )


def _range(least: str, greatest: str) -> str:
    return f"{least or '-inf'} to {greatest or 'inf'}" if least or greatest else "no bounds"
