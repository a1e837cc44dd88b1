"""`ttpo report` and --report for a folder: the page and its pictures, and, where there is a Chromium, what a person can do with them."""

import json
import shutil

import pytest
from fakes import tiny_engine, tiny_photo

from ttpo_cli import pipeline
from ttpo_cli.cli.app import program
from ttpo_cli.folder.journal import read_rows
from ttpo_cli.imaging.writing import write_photo
from ttpo_cli.report.folder_page import FolderPhoto, folder_page

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)


@pytest.fixture
def album(tmp_path, monkeypatch):
    """Six photos and a broken one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pipeline, "load_engine", lambda *arguments, **named: tiny_engine())
    for seed in range(6):
        write_photo(tmp_path / "album" / f"{seed} & #.png", tiny_photo(seed=seed))
    (tmp_path / "album" / "bad.png").write_bytes(b"no photo")
    return tmp_path


def run(*words):
    return program([*words, "-q"])


def test_a_report_is_written_with_the_run_and_again_without_asking(album, capsys):
    assert run("restore", "album", "-o", "out", "--report", "page.html") == 1
    pictures = {path.name: path.stat().st_mtime_ns for path in (album / "page_files").iterdir()}
    assert len(pictures) == 18  # a thumbnail, before and after of six
    write_photo(album / "album" / "0 & #.png", tiny_photo(seed=9), overwrite=True)
    assert run("restore", "album", "-o", "out", "--report", "page.html") == 1
    again = {path.name: path.stat().st_mtime_ns for path in (album / "page_files").iterdir()}
    assert len(again) == 18 and len(pictures.items() & again.items()) == 15, "only what changed is made, and what is gone is swept"
    text = (album / "page.html").read_text()
    assert all(f"page_files/{name}" in text for name in again) and text.count("<article") == 7


def test_a_page_of_somebody_else_is_not_replaced(album, capsys):
    (album / "page.html").write_text("mine")
    assert run("restore", "album", "-o", "out", "--report", "page.html") == 1
    assert (album / "page.html").read_text() == "mine" and not (album / "out").exists()


def test_a_report_can_be_made_later_and_of_several_folders(album, capsys):
    assert run("restore", "album", "-o", "out") == 1
    write_photo(album / "other" / "x.png", tiny_photo())
    assert run("restore", "other", "-o", "second") == 0
    capsys.readouterr()
    assert run("report", "out", "second", "-o", "both.html") == 0
    assert capsys.readouterr().out == f"{(album / 'both.html').resolve()}\n"
    text = (album / "both.html").read_text()
    assert text.count("<article") == 8 and "second/x.png" in text and "out/bad.png" in text
    assert run("report", "out") == 0 and (album / "out" / "report.html").exists()
    assert run("report", "nowhere") == 1


def test_a_photo_that_is_gone_leaves_a_card_without_its_before(album, capsys):
    assert run("restore", "album", "-o", "out") == 1
    (album / "album" / "1 & #.png").unlink()
    assert run("report", "out", "-o", "page.html") == 0
    text = (album / "page.html").read_text()
    assert text.count('data-before=""') == 2 and text.count('data-after=""') == 1


@pytest.fixture
def browser():
    """A page in a real Chromium that must not complain."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright comes with the extra `browser`")
    if CHROMIUM is None:
        pytest.skip("needs a Chromium on the PATH")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = chromium.new_page(viewport={"width": 1200, "height": 800})
        complaints = []
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        yield page
        chromium.close()
        assert complaints == []


def eventually(page, condition):
    """Wait for what a script says; the page's own policy forbids the driver to wait inside it."""
    for _ in range(200):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(50)
    raise AssertionError(condition)


def names(page):
    return page.locator(".card:visible h2").all_text_contents()  # of a card not painted yet, the inner text is empty


def test_a_person_sorts_filters_compares_and_steps_through_the_photos(album, browser, capsys):
    assert run("restore", "album", "-o", "out", "--report", "deep/page #1.html") == 1
    browser.goto((album / "deep" / "page #1.html").as_uri())
    assert names(browser)[0] == "bad.png" and browser.locator("#count").inner_text() == "7 of 7"
    browser.select_option("#order", "name")
    assert names(browser) == [*(f"{seed} & #.png" for seed in range(6)), "bad.png"]
    browser.check("#reverse")
    assert names(browser)[:2] == ["bad.png", "5 & #.png"]
    browser.select_option("#order", "fidelity dB")
    assert names(browser)[-1] == "bad.png", "what has no value is last, whichever way round"
    browser.fill("#text", "3 &")
    assert names(browser) == ["3 & #.png"] and browser.locator("#count").inner_text() == "1 of 7"
    browser.fill("#text", "")
    browser.select_option("#kind", "failed")
    assert names(browser) == ["bad.png"]
    browser.select_option("#kind", "")
    browser.uncheck("#reverse")
    browser.select_option("#order", "name")

    browser.locator(".card .open").first.click()
    assert browser.locator("#viewed").inner_text() == "0 & #.png"
    for picture in ("#before", "#after"):
        eventually(browser, f"document.querySelector('{picture}').naturalWidth > 0")
    sizes = [browser.evaluate(f"document.querySelector('{picture}').naturalWidth") for picture in ("#before", "#after")]
    assert sizes == [16, 64]
    boxes = [browser.locator(picture).bounding_box() for picture in ("#before", "#after")]
    assert boxes[0] == boxes[1], "both lie over each other"
    browser.locator("#split").focus()
    browser.keyboard.press("Home")
    assert browser.evaluate("getComputedStyle(document.querySelector('#before')).clipPath").count("100%") == 1
    browser.mouse.click(boxes[1]["x"] + boxes[1]["width"] * 0.75, boxes[1]["y"] + boxes[1]["height"] / 2)
    assert 70 < float(browser.locator("#split").input_value()) < 80
    browser.keyboard.press("n")
    assert browser.locator("#viewed").inner_text() == "1 & #.png"
    browser.click("#previous")
    browser.click("#previous")
    assert browser.locator("#viewed").inner_text() == "5 & #.png", "round the end, past the one that failed"
    assert browser.evaluate("document.querySelector('#file').href") == (album / "out" / "5 & #.png").as_uri()
    browser.click("#close")
    assert not browser.locator("#viewer").is_visible()


def test_a_thousand_photos_open_without_loading_a_thousand_pictures(album, browser, capsys):
    assert run("restore", "album", "-o", "out", "--report", "page.html") == 1
    record = json.loads(read_rows(album / "out")[0].record or "")
    picture = next(path.name for path in (album / "page_files").glob("*-320.jpg"))
    address = f"page_files/{picture}"
    photos = [FolderPhoto(f"{index}.png", record, "", 1.0, f"{address}?{index}", address, address, "x") for index in range(1000)]
    (album / "page.html").write_text(folder_page(photos, "thousand"))
    browser.goto((album / "page.html").as_uri())
    eventually(browser, "document.querySelector('.card img').naturalWidth > 0")
    loaded = "[...document.querySelectorAll('.card img')].filter((image) => image.naturalWidth > 0).length"
    assert 0 < browser.evaluate(loaded) < 200
    browser.locator("#photo-999").scroll_into_view_if_needed()
    eventually(browser, "document.querySelector('#photo-999 img').naturalWidth > 0")
    assert browser.evaluate(loaded) < 600
    browser.fill("#text", "77")
    assert browser.locator("#count").inner_text() == "19 of 1000"
