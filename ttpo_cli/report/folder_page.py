"""One HTML page for a folder: a card a photo, sorted and filtered by script, outliers first, and a before/after divider for each.

Its pictures are files next to it, loaded when they come into view, so that a thousand photos open at once. All text is escaped.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from ttpo_cli.report.document import Document, template
from ttpo_cli.report.outliers import Outlier, outliers
from ttpo_cli.report.table import IDENTICAL

# What a file begins with that may be replaced by the next report without asking.
GENERATOR = '<meta name="generator" content="ttpo folder report">'

# What can be sorted by, but says nothing of how good a picture is.
_NO_QUALITY = frozenset({"seconds a megapixel", "result pixels"})


@dataclass(frozen=True)
class FolderPhoto:
    """One card.

    The four addresses are relative to the page, and empty where there is no such picture.

    Attributes:
        name: what the card is titled.
        record: of a photo that was restored; None of one that failed.
        error: why it failed.
        seconds: of the whole restoration.
        thumbnail, before, after: addresses of pictures.
        link: address of the restored file.
    """

    name: str
    record: Mapping[str, Any] | None
    error: str = ""
    seconds: float | None = None
    thumbnail: str = ""
    before: str = ""
    after: str = ""
    link: str = ""


def folder_page(photos: Sequence[FolderPhoto], title: str) -> str:
    """The whole page as HTML text."""
    measured = [_measured(photo) for photo in photos]
    standing_out = outliers([{name: value for name, value in values.items() if name not in _NO_QUALITY} for values in measured])
    order = sorted(range(len(photos)), key=lambda index: (-_rank(photos[index], standing_out[index]), photos[index].name))
    columns = list(dict.fromkeys(name for values in measured for name in values))
    data = [{"name": photos[index].name, "outlier": _rank(photos[index], standing_out[index]), **measured[index]} for index in order]
    kinds = sorted({_kind(photo) for photo in photos})
    body = template("folder_body.html").substitute(
        data=json.dumps(data, ensure_ascii=False).replace("<", "\\u003c"),
        cards="\n".join(_card(photos[index], standing_out[index], place) for place, index in enumerate(order)),
    )
    controls = template("folder_controls.html").substitute(orders=_options(["name", *columns]), kinds=_options(kinds))
    return Document(
        title=title,
        summary=_summary(photos),
        without_scripts="Sorting, filtering and the divider need scripts; the photos below stand in order, outliers first.",
        body=body,
        script="folder_page.js",
        styles=("page.css", "folder_page.css"),
        images="'self' file: data:",
        generator=GENERATOR,
        controls=controls,
    ).html()


def _options(names: Sequence[str]) -> str:
    return "".join(f'<option value="{escape(name)}">{escape(name)}</option>' for name in names)


def _measured(photo: FolderPhoto) -> dict[str, float | None]:
    """What can be sorted by: of the result, and what each metric gained over the restored image."""
    if photo.record is None:
        return {}
    rows = photo.record["rows"]
    result, restored = rows["result"], rows["restored"]
    gained = {
        f"gain in {name}": value - restored["scores"][name]
        for name, value in result["scores"].items()
        if value is not None and restored["scores"].get(name) is not None and not name.startswith("fused")
    }
    pixels = photo.record["size"]["width"] * photo.record["size"]["height"]
    return {
        "fidelity dB": _below_identical(result["fidelity_db"]),
        "to input dB": _below_identical(result["consistency_db"]),
        **{name: value for name, value in result["scores"].items() if not name.startswith("fused")},
        **gained,
        "seconds a megapixel": None if photo.seconds is None else photo.seconds / pixels * 1e6,
        "result pixels": float(pixels),
    }


def _below_identical(decibel: float | None) -> float | None:
    return None if decibel is None or decibel >= IDENTICAL else decibel


def _kind(photo: FolderPhoto) -> str:
    """What became of a photo. All candidates are one kind."""
    if photo.record is None:
        return "failed"
    chosen = photo.record["chosen"]
    return "kept a candidate" if chosen.startswith("candidate") else f"kept {chosen}"


def _rank(photo: FolderPhoto, outlier: Outlier) -> float:
    """What failed comes before whatever stands out."""
    return 1e9 if photo.record is None else round(outlier.distance, 3)


def _summary(photos: Sequence[FolderPhoto]) -> str:
    counts: dict[str, int] = {}
    for photo in photos:
        counts[_kind(photo)] = counts.get(_kind(photo), 0) + 1
    listed = ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items(), key=lambda entry: -entry[1]))
    return f"{len(photos)} photo{'' if len(photos) == 1 else 's'}: {listed}" if photos else "no photo"


def _card(photo: FolderPhoto, outlier: Outlier, place: int) -> str:
    name = escape(photo.name)
    picture = f'<img src="{escape(photo.thumbnail)}" alt="{name}" loading="lazy" decoding="async">' if photo.thumbnail else ""
    shown = f'<button type="button" class="open" aria-label="Compare {name}">{picture}</button>' if photo.after else picture
    views = f'data-before="{escape(photo.before)}" data-after="{escape(photo.after)}" data-link="{escape(photo.link)}"'
    return f"""<article class="card" id="photo-{place}" data-place="{place}" data-kind="{escape(_kind(photo))}" {views}>
{shown}<h2>{name}</h2>
{_facts(photo, outlier)}
</article>"""


def _facts(photo: FolderPhoto, outlier: Outlier) -> str:
    if photo.record is None:
        return f'<p class="warning">failed: {escape(photo.error)}</p>'
    record, result = photo.record, photo.record["rows"]["result"]
    scores = ", ".join(f"{name} {value:.3f}" for name, value in result["scores"].items() if value is not None)
    source, size = record["source"], record["size"]
    refused = [row for row, values in record["rows"].items() if values["guard"] not in (None, "kept")]
    lines = [
        f"<strong>{escape(record['reason'])}</strong>",
        f"{source['width']} × {source['height']} → {size['width']} × {size['height']}"
        + (f", {photo.seconds:.1f} s" if photo.seconds else ""),
        escape(scores),
        escape(f"refused by the guard: {', '.join(refused)}") if refused else "",
    ]
    facts = "".join(f"<p>{line}</p>" for line in lines if line)
    notable = outlier.distance >= 3.5  # the bound that Iglewicz and Hoaglin recommend
    return facts + (f'<p class="warning">stands out: {escape(outlier.why)}</p>' if notable else "")
