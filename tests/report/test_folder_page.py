"""The page of a folder: every photo a card, outliers first, nothing fetched from elsewhere, no text that could be read as markup."""

import copy
import json
import re
from html.parser import HTMLParser

import pytest
from fakes import tiny_engine, tiny_photo, tiny_result

from ttpo_cli.report.folder_page import GENERATOR, FolderPhoto, folder_page
from ttpo_cli.report.record import record_result

RECORD = record_result(tiny_result(), tiny_photo(), tiny_engine(), [])


def a_photo(name, fidelity=30.0, chosen="guided"):
    record = copy.deepcopy(RECORD)
    record["chosen"] = chosen
    record["rows"]["result"]["fidelity_db"] = fidelity
    return FolderPhoto(name, record, "", 1.5, f"f/{name}-t.jpg", f"f/{name}-b.jpg", f"f/{name}-a.jpg", f"../{name}")


class Page(HTMLParser):
    """The cards with their attributes and pictures, and every address in the page."""

    def __init__(self, text):
        super().__init__()
        self.cards, self.addresses, self.open = [], [], []
        self.feed(text)
        assert self.open == [], "every element is closed"

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.addresses += [given[name] for name in ("src", "href", "action") if name in given]
        if tag == "article":
            self.cards.append({**given, "images": []})
        if tag == "img" and self.cards and "article" in self.open:
            self.cards[-1]["images"].append(given)
        if tag not in ("meta", "img", "input", "link", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def data_of(text):
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)[1])


@pytest.fixture
def photos():
    return [a_photo(f"{index:02d}.png", 30 + index / 10) for index in range(9)] + [
        a_photo("odd.png", 5.0),
        FolderPhoto("bad.png", None, "cut <short>"),
    ]


def test_what_failed_comes_first_then_what_stands_out(photos):
    text = folder_page(photos, "album")
    assert [entry["name"] for entry in data_of(text)][:2] == ["bad.png", "odd.png"]
    assert "stands out: fidelity dB 5" in text and text.count("stands out: ") == 1
    assert "failed: cut &lt;short&gt;" in text


def test_every_card_has_its_values_at_its_place_and_lazy_pictures(photos):
    text = folder_page(photos, "album")
    page, data = Page(text), data_of(text)
    assert [int(card["data-place"]) for card in page.cards] == list(range(11)) and len(data) == 11
    for card, values in zip(page.cards, data, strict=True):
        if values["name"] == "bad.png":
            assert card["images"] == [] and card["data-after"] == "" and card["data-kind"] == "failed"
        else:
            assert card["data-before"] == f"f/{values['name']}-b.jpg" and card["data-link"] == f"../{values['name']}"
            assert [image["loading"] for image in card["images"]] == ["lazy"]
            assert values["fidelity dB"] is not None and "gain in roughness" in values


def test_a_thousand_photos_are_one_page_of_a_few_megabytes():
    text = folder_page([a_photo(f"{index}.png", 20 + index % 7) for index in range(1000)], "album")
    assert len(Page(text).cards) == 1000 and len(text) < 4e6
    assert "1000 photos: 1000 kept guided" in text


def test_no_name_can_be_read_as_markup():
    evil = '</script><script>alert("&")</script><img src=x onerror=1>.png'
    text = folder_page([a_photo(evil)], evil)
    page = Page(text)
    assert len(page.cards) == 1 and page.cards[0]["images"][0]["alt"] == evil
    assert data_of(text)[0]["name"] == evil and page.open == []


def test_nothing_is_fetched_from_elsewhere(photos):
    text = folder_page(photos, "album")
    assert not any("//" in address for address in Page(text).addresses)
    assert "default-src 'none'" in text and "http" not in re.sub(r"http-equiv", "", text)


def test_a_report_can_be_told_from_other_files(photos):
    assert GENERATOR in folder_page(photos, "album")[:400]


def test_identical_results_have_no_fidelity_to_stand_out_by():
    data = data_of(folder_page([a_photo("a.png", 100.0)], "album"))
    assert data[0]["fidelity dB"] is None
