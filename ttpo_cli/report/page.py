"""One self-contained HTML page: a before/after divider, the candidates, the scores.

It needs no network and no other file. All text is escaped.
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from torch import Tensor

from ttpo_cli.preference.outcome import BEST_OF_N
from ttpo_cli.report.contact_sheet import contact_sheet, to_pillow
from ttpo_cli.report.document import Document
from ttpo_cli.report.table import Table, candidates, comparison, refusals

if TYPE_CHECKING:
    from ttpo_cli.pipeline import Result

LOSSLESS_PIXELS = 1_500_000
SHEET_CELL = 240
_JPEG_QUALITY = 92
_ZOOM = """<label>Size <select class="size"><option value="0">fit</option><option value="1">100 %</option>
<option value="2">200 %</option><option value="4">400 %</option></select></label>"""
_LEGEND = """<p class="caption">An arrow says which way is better. Fidelity: PSNR to the restored image. To input: PSNR of the picture,
shrunk, to the input. Calls: of the prior's network. Calls and seconds count everything a picture needed.</p>"""
_DETAILS = ("settings", "seeds", "network_calls", "seconds", "peak_memory", "weights", "metrics", "versions", "source")


@dataclass(frozen=True)
class PagePhoto:
    """One photo of the page, its pictures already encoded.

    Attributes:
        record: what the sidecar says of the photo.
        images: name -> data URI, in the order of the menus.
        sheet: data URI of the contact sheet of the candidates.
        lossless: whether the pictures are PNG, and not JPEG.
    """

    record: Mapping[str, Any]
    images: Mapping[str, str]
    sheet: str
    lossless: bool


def page_photo(result: Result, lq: Tensor, record: Mapping[str, Any]) -> PagePhoto:
    """Encode one photo's pictures: PNG up to 1.5 megapixels, JPEG beyond. lq: (1, 3, h, w) in [0, 1], the photo before restoration."""
    outcome = result.outcome
    pictures = {"input": lq, **{row: outcome.image(row) for row in ("restored", "best candidate", BEST_OF_N, "guided", "result")}}
    lossless = outcome.final.shape[-1] * outcome.final.shape[-2] <= LOSSLESS_PIXELS
    images = {name: data_uri(image, lossless) for name, image in pictures.items() if image is not None}
    sheet = contact_sheet(outcome.candidates, outcome.candidate_labels, cell=SHEET_CELL, whole=False)
    return PagePhoto(record=record, images=images, sheet=data_uri(sheet, lossless=False), lossless=lossless)


def page(photos: Sequence[PagePhoto], title: str) -> str:
    """The whole page as HTML text."""
    names = [escape(photo.record["source"]["name"]) for photo in photos]
    links = "".join(f'<li><a href="#photo-{index}">{name}</a></li>' for index, name in enumerate(names))
    version = photos[0].record["versions"]["ttpo"] if photos else ""
    contents = f'<nav aria-label="Photos"><ol>{links}</ol></nav>' if len(photos) > 1 else ""
    articles = "\n".join(_article(photo, index) for index, photo in enumerate(photos))
    return Document(
        title=title,
        summary=f"{len(photos)} photo{'' if len(photos) == 1 else 's'}, ttpo {version}",
        without_scripts="The divider and the choice of pictures need scripts; the tables do not.",
        body=f"{contents}\n<main>\n{articles}\n</main>",
        script="page.js",
    ).html()


def data_uri(image: Tensor, lossless: bool) -> str:
    """(1, 3, H, W) in [0, 1] -> a data URI: PNG, or JPEG of quality 92 without chroma subsampling."""
    stream = io.BytesIO()
    if lossless:
        to_pillow(image).save(stream, "PNG")
    else:
        to_pillow(image).save(stream, "JPEG", quality=_JPEG_QUALITY, subsampling="4:4:4")
    return f"data:image/{'png' if lossless else 'jpeg'};base64,{base64.b64encode(stream.getvalue()).decode()}"


def _article(photo: PagePhoto, index: int) -> str:
    record = photo.record
    source, size = record["source"], record["size"]
    notes = "".join(f"<li>{escape(note)}</li>" for note in (*refusals(record), *record["notes"]))
    details = json.dumps({name: record[name] for name in _DETAILS}, indent=2, ensure_ascii=False)
    candidate_table = _table(candidates(record), record["chosen"], "Candidates")
    return f"""<article id="photo-{index}">
<h2>{escape(source["name"])}</h2>
<p class="verdict">{source["width"]} × {source["height"]} → {size["width"]} × {size["height"]}.
Kept: <strong>{escape(record["chosen"])}</strong>. {escape(record["reason"])}</p>
{_compare(photo)}
<h3>Scores</h3>
{_table(comparison(record), "result", "Scores")}
{_LEGEND}
{f"<ul>{notes}</ul>" if notes else ""}
<h3>Candidates</h3>
<p class="caption">At 100 %, the region of at most {SHEET_CELL} pixels where they differ most.</p>
<img class="sheet" src="{photo.sheet}" alt="The same region of every candidate, each under its label">
<details><summary>Scores of every candidate</summary>{candidate_table}</details>
<details><summary>Settings, seeds, weights, versions</summary><pre>{escape(details)}</pre></details>
</article>"""


def _compare(photo: PagePhoto) -> str:
    """The divider over two of the pictures; a picture that stands under two names is embedded once."""
    name, size = photo.record["source"]["name"], photo.record["size"]
    distinct = list(dict.fromkeys(photo.images.values()))
    places = {label: distinct.index(uri) for label, uri in photo.images.items()}
    left, right = places["restored"], places["result"]
    images = "".join(
        f'<img class="{_sides(place, left, right)}" src="{uri}" alt="{escape(name)}: {escape(_names(places, place))}">'
        for place, uri in enumerate(distinct)
    )
    shown = "shown as computed" if photo.lossless else f"shown as JPEG of quality {_JPEG_QUALITY}: the file itself is finer"
    return f"""<div class="compare fit">
<div class="controls">
<label>Left {_select("left", places, "restored")}</label>
<label>Right {_select("right", places, "result")}</label>
{_ZOOM}
<span class="caption">Drag, or use the arrow keys; {shown}.</span>
</div>
<div class="stage"><div class="frame" style="--width: {size["width"]}; --height: {size["height"]}">
{images}
<span class="tag left">restored</span><span class="tag right">result</span><div class="divider"></div>
<input type="range" class="split" min="0" max="100" step="0.5" value="50" aria-label="Divider between the left and the right picture">
</div></div>
</div>"""


def _sides(place: int, left: int, right: int) -> str:
    return " ".join(side for side, chosen in (("left", left), ("right", right)) if place == chosen)


def _names(places: Mapping[str, int], place: int) -> str:
    return ", ".join(label for label, other in places.items() if other == place)


def _select(side: str, places: Mapping[str, int], selected: str) -> str:
    options = "".join(
        f'<option value="{place}"{" selected" if label == selected else ""}>{escape(label)}</option>' for label, place in places.items()
    )
    return f'<select class="{side}">{options}</select>'


def _table(table: Table, chosen: str, caption: str) -> str:
    """A table with row and column headers; the row `chosen` is emphasised."""
    columns, rows = table
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in columns)
    body = "".join(
        f'<tr{" class=chosen" if row[0] == chosen else ""}><th scope="row">{escape(row[0])}</th>'
        + "".join(f"<td>{escape(cell)}</td>" for cell in row[1:])
        + "</tr>"
        for row in rows
    )
    return f'<div class="scroll"><table aria-label="{caption}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
