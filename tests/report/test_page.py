"""The page stands alone: valid, escaped, without any address it would have to fetch."""

import base64
import io
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
import torch
from fakes import tiny_engine, tiny_photo, tiny_result
from PIL import Image

from ttpo_cli.report import page as page_module
from ttpo_cli.report.page import data_uri, page, page_photo
from ttpo_cli.report.record import record_result

VOID = {"meta", "img", "input", "link", "br"}


class Checker(HTMLParser):
    """Collects tags and complains about nesting."""

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.text = [], [], []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def entry(name="a & b <i>.png", ttpo=True):
    photo = tiny_photo(name=name)
    return page_photo(tiny_result(ttpo), photo.pixels, record_result(tiny_result(ttpo), photo, tiny_engine(), []))


def parsed(*entries):
    checker = Checker()
    checker.feed(page(list(entries), "before & after"))
    assert checker.open == []
    return checker


def test_tags_are_balanced_for_one_and_for_many_photos():
    parsed(entry())
    checker = parsed(entry(), entry("other.png", ttpo=False))
    targets = {attributes["id"] for tag, attributes in checker.tags if tag == "article"}
    assert {attributes["href"][1:] for tag, attributes in checker.tags if tag == "a"} == targets


def test_nothing_is_fetched():
    checker = parsed(entry())
    sources = [value for _, attributes in checker.tags for name, value in attributes.items() if name in ("src", "href")]
    assert sources and all(value.startswith("data:image/") for value in sources)
    assert not re.search(r"https?://|url\(|@import", page([entry()], "t"))


def test_names_labels_and_reasons_cannot_inject_markup():
    def tags(text):
        given = entry(text)
        hostile = [{**row, "label": text, "guard": text} for row in given.record["candidates"]]
        record = {**given.record, "reason": text, "chosen": text, "notes": [text], "candidates": hostile, "settings": {text: text}}
        checker = parsed(replace(given, record=record))
        assert text in "".join(checker.text)
        return [(tag, sorted(attributes)) for tag, attributes in checker.tags]

    assert tags('"><script>alert(1)</script>&' + "'") == tags("harmless")


def test_every_picture_can_be_chosen_and_one_that_stands_under_two_names_is_embedded_once():
    given = entry()
    checker = parsed(given)
    options = [attributes["value"] for tag, attributes in checker.tags if tag == "option"]
    pictures = [attributes for tag, attributes in checker.tags if tag == "img"]
    assert set(given.images) == {"input", "restored", "best candidate", "guided", "result"}
    assert len(pictures) == len(set(given.images.values())) + 1
    assert options[:5] == options[5:10]
    assert all(attributes["alt"] for attributes in pictures)


def test_the_divider_is_a_labelled_slider_that_the_keyboard_moves():
    slider = next(attributes for tag, attributes in parsed(entry()).tags if tag == "input")
    assert slider["type"] == "range" and slider["aria-label"]


def test_scores_of_the_record_stand_in_the_page():
    given = entry()
    text = "".join(parsed(given).text)
    for values in given.record["rows"].values():
        for score in values["scores"].values():
            assert f"{score:.3f}" in text
    assert given.record["reason"] in text


@pytest.mark.parametrize("lossless", [True, False])
def test_a_data_uri_holds_the_picture(lossless):
    image = torch.zeros(1, 3, 4, 6)
    image[:, 0] = 0.6
    kind, _, data = data_uri(image, lossless).partition(";base64,")
    assert kind == ("data:image/png" if lossless else "data:image/jpeg")
    picture = Image.open(io.BytesIO(base64.b64decode(data)))
    assert picture.size == (6, 4)
    assert all(abs(found - wanted) <= 2 for found, wanted in zip(picture.getpixel((3, 2)), (153, 0, 0), strict=True))


def test_large_photos_are_said_to_be_shown_as_jpeg(monkeypatch):
    assert "shown as computed" in page([entry()], "t")
    monkeypatch.setattr(page_module, "LOSSLESS_PIXELS", 100)
    assert "shown as JPEG" in page([entry()], "t")
