"""The page of `ttpo pick` in a real Chromium: by keyboard, mouse and touch, from the candidates to the line and the finished picture."""

import json
import shutil

import pytest
from candidate_folders import propose
from fakes import tiny_engine, tiny_photo

from ttpo_cli import pipeline
from ttpo_cli.cli.app import program
from ttpo_cli.folder.pick_store import picks_path, read_folder_picks
from ttpo_cli.imaging.writing import write_photo

playwright = pytest.importorskip("playwright.sync_api", reason="playwright comes with the extra `browser`")
pytest.importorskip("gradio", reason="gradio comes with the extra `pick`")
from pick_server import served  # noqa: E402

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
if CHROMIUM is None:
    pytest.skip("needs a Chromium on the PATH", allow_module_level=True)
PHONE = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 3, "has_touch": True, "is_mobile": True}


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def chromium(browser):
    """Opens pages that must not complain, must find all they ask for, and must ask nobody but the server."""
    strangers, complaints = [], []

    def visit(server, wait=True, **device):
        page = browser.new_context(**(device or {"viewport": {"width": 1280, "height": 800}})).new_page()
        page.set_default_timeout(60_000)
        known = (f"http://{server.host}/", "data:")
        page.on("request", lambda request: None if request.url.startswith(known) else strangers.append(request.url))
        page.on("response", lambda answer: complaints.append(answer.url) if answer.status == 404 else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.goto(server.address)
        if wait:
            shown(page)
        return page

    yield visit
    for context in browser.contexts:
        context.close()
    # Of refusals, which are part of some tests, and of a server that has ended, the browser tells its console by itself.
    assert [text for text in complaints if not text.startswith("Failed to load resource")] == [] and strangers == []


def shown(page):
    """Until every picture of the photo is there."""
    page.locator(".pick-frame img").first.wait_for(state="attached")
    eventually(page, lambda: all(page.locator(".pick-frame img").evaluate_all("all => all.map((one) => one.naturalWidth > 0)")))


def eventually(page, condition):
    for _ in range(800):
        if condition():
            return
        page.wait_for_timeout(50)
    raise AssertionError(text(page, "message"))


def text(page, name):
    return page.locator(f"#pick-{name}").inner_text()


def says(page, words):
    eventually(page, lambda: words in text(page, "message"))


def lines(out):
    return [json.loads(line) for line in picks_path(out).read_text().splitlines()] if picks_path(out).is_file() else []


def pairs(out):
    return {pick.target: (pick.preferred, pick.dispreferred) for pick in read_folder_picks(out).values()}


def test_from_candidates_to_finished_pictures_by_keyboard(tmp_path, monkeypatch, chromium, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pipeline, "load_engine", lambda *arguments, **named: tiny_engine())
    for number in (1, 2):
        write_photo(tmp_path / "album" / f"{number}.png", tiny_photo(seed=number))
    later = ["restore", "album", "-o", "out", "-q", "--select", "later"]
    assert program(later) == 0
    with served(tmp_path / "out") as server:
        page = chromium(server)
        assert text(page, "name") == "1.png" and text(page, "count") == "Photo 1 of 2 · 0 picked · 2 left"
        page.keyboard.press("3")
        says(page, "Best: 3. And the worst?")
        page.keyboard.press("Shift+Digit1")
        eventually(page, lambda: text(page, "name") == "2.png")
        says(page, "1.png: 3 over 1, written.")
        assert pairs(tmp_path / "out") == {"1.png": (3, 1)}
        assert text(page, "count") == "Photo 2 of 2 · 1 picked · 1 left"
        shown(page)
        page.keyboard.press("Shift+Digit0")
        page.keyboard.press("5")
        says(page, "All are picked.")
        assert pairs(tmp_path / "out") == {"1.png": (3, 1), "2.png": (5, 0)} and text(page, "count").endswith("2 picked · 0 left")
        assert page.url == f"http://{server.host}/", "the token left the address"
    assert program(later) == 0
    told = [json.loads((tmp_path / "out" / f"{number}.png.ttpo.json").read_text())["settings"]["pick"] for number in (1, 2)]
    assert told == [[3, 1], [5, 0]]


def test_undo_skip_and_arrows(out, chromium):
    keys = [propose(out, f"{letter}.png") for letter in "abc"]
    with served(out) as server:
        page = chromium(server)
        page.keyboard.press("u")
        says(page, "nothing to undo")
        page.keyboard.press("s")
        eventually(page, lambda: text(page, "name") == "b.png")
        page.keyboard.press("ArrowLeft")
        eventually(page, lambda: text(page, "name") == "a.png")
        page.keyboard.press("ArrowLeft")
        eventually(page, lambda: text(page, "name") == "c.png")
        shown(page)
        page.keyboard.press("1")
        page.keyboard.press("u")
        says(page, "Which is the best")
        assert page.locator(".best").count() == 0, "a mark goes before a pick does"
        page.keyboard.press("1")
        page.keyboard.press("Shift+Digit2")
        eventually(page, lambda: text(page, "name") == "a.png")
        page.keyboard.press("s")
        eventually(page, lambda: text(page, "name") == "b.png")
        page.keyboard.press("ArrowRight")
        eventually(page, lambda: text(page, "name") == "c.png")
        says(page, "Picked: 1 over 2")
        shown(page)
        page.keyboard.press("3")
        page.keyboard.press("Shift+Digit2")
        says(page, "c.png: 3 over 2, written.")
        assert pairs(out) == {"c.png": (3, 2)}
        for words, expected in (("1 over 2 holds again", {"c.png": (1, 2)}), ("waits again", {})):
            page.keyboard.press("u")
            says(page, words)
            assert pairs(out) == expected
            says(page, "Undone")
        assert [line["preferred"] for line in lines(out)] == [1, 3, 1, None] and {line["target"] for line in lines(out)} == {keys[2][0]}


def test_keys_that_belong_to_the_browser_and_numbers_that_are_not_there_do_nothing(out, chromium):
    propose(out)
    with served(out) as server:
        page = chromium(server)
        for press in ("9", "Shift+Digit9", "Control+Digit1", "Alt+Digit2", "F1"):
            page.keyboard.press(press)
        page.keyboard.press("2")
        page.keyboard.press("Shift+Digit2")
        says(page, "Worst: 2. And the best?")
        page.keyboard.press("Shift+Digit2")
        says(page, "Which is the best")
        assert lines(out) == []


def places(page):
    return page.locator(".pick-frame img").evaluate_all("all => all.map((one) => [one.style.width, one.style.transform].join())")


def test_all_pictures_zoom_and_move_together_and_full_ones_come_when_they_are_needed(out, chromium):
    propose(out, size=(1800, 1350))
    with served(out) as server:
        page = chromium(server)
        sizes = "all => all.map((one) => one.naturalWidth)"
        assert set(page.locator(".pick-frame img").evaluate_all(sizes)) == {1600} and text(page, "zoom").startswith("Fit")
        fitting = places(page)
        assert len(set(fitting)) == 1
        box = page.locator(".pick-frame").nth(2).bounding_box()
        page.mouse.dblclick(box["x"] + box["width"] * 0.75, box["y"] + box["height"] * 0.75)
        eventually(page, lambda: text(page, "zoom") == "100 %")
        close = places(page)
        assert len(set(close)) == 1 and close != fitting and close[0].startswith("1800px")
        eventually(page, lambda: set(page.locator(".pick-frame img").evaluate_all(sizes)) == {1800})
        page.mouse.move(box["x"] + 100, box["y"] + 100)
        page.mouse.down()
        page.mouse.move(box["x"] + 140, box["y"] + 120, steps=4)
        page.mouse.up()
        moved = places(page)
        numbers = [[float(part) for part in re_numbers(place)] for place in (close[0], moved[0])]
        assert len(set(moved)) == 1 and [round(b - a) for a, b in zip(*numbers, strict=True)] == [0, 40, 20], "as far as the hand"
        page.mouse.wheel(0, 300)
        eventually(page, lambda: text(page, "zoom") != "100 %")
        assert len(set(places(page))) == 1
        page.keyboard.press("z")
        eventually(page, lambda: places(page) == fitting)


def re_numbers(place):
    """[width, left, top] of what `places` tells."""
    width, left, top = place.replace("translate(", "").replace(")", "").replace("px", "").split(",")
    return width, left, top


def test_the_slider_shows_any_two_and_its_divider_follows_hand_and_keys(out, chromium):
    propose(out)
    with served(out) as server:
        page = chromium(server)
        page.click("#pick-slider")
        shown(page)
        rows = "all => all.map((one) => one.dataset.row)"
        assert sorted(page.locator(".pick-frame img").evaluate_all(rows)) == ["0", "1"]
        page.keyboard.press("ArrowDown")
        page.keyboard.press("ArrowDown")
        assert sorted(page.locator(".pick-frame img").evaluate_all(rows)) == ["0", "3"]
        page.select_option("select[aria-label=left]", "3")
        assert page.locator(".pick-half.left img").get_attribute("data-row") == "3"
        assert page.locator(".pick-half.right img").get_attribute("data-row") == "0", "they change places"
        box = page.locator(".pick-frame").bounding_box()
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 50)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + 50, steps=3)
        page.mouse.up()
        divider = page.locator(".pick-divider")
        assert 24 <= float(divider.get_attribute("aria-valuenow")) <= 26
        assert "75%" in page.locator(".pick-half.left").evaluate("(one) => getComputedStyle(one).clipPath")
        divider.focus()
        page.keyboard.press("ArrowRight")
        assert 26 <= float(divider.get_attribute("aria-valuenow")) <= 28 and text(page, "name") == "a.png"
        page.locator(".pick-sides .mark-best").first.click()
        page.locator(".pick-sides .mark-worst").last.click()
        eventually(page, lambda: pairs(out) == {"a.png": (3, 0)})


def test_two_windows_at_once(out, chromium):
    propose(out, "a.png")
    propose(out, "b.png")
    with served(out) as server:
        one, other = chromium(server), chromium(server)
        one.keyboard.press("1")
        one.keyboard.press("Shift+Digit2")
        eventually(one, lambda: pairs(out) == {"a.png": (1, 2)})
        other.keyboard.press("3")
        other.keyboard.press("Shift+Digit1")
        says(other, "picked elsewhere meanwhile (1 over 2)")
        assert pairs(out) == {"a.png": (1, 2)} and text(other, "count").endswith("1 picked · 1 left")
        assert other.locator(".pick-pane.best[data-row='3']").count() == 1, "the marks stay"
        other.click("#pick-again")
        eventually(other, lambda: pairs(out) == {"a.png": (3, 1)})
        eventually(one, lambda: text(one, "name") == "b.png")
        one.keyboard.press("u")
        says(one, "Not written")
        assert pairs(out) == {"a.png": (3, 1)}, "what another window wrote is not undone unseen"
        assert [line["schema_version"] for line in lines(out)] == [1, 1]


def test_a_photo_whose_candidates_became_others_meanwhile_is_not_picked(out, chromium):
    propose(out, "a.png")
    propose(out, "b.png")
    with served(out) as server:
        page = chromium(server)
        page.keyboard.press("1")
        now = propose(out, "a.png", made_with="n" * 64)
        page.keyboard.press("Shift+Digit2")
        says(page, "changed on the disk")
        assert lines(out) == []
        eventually(page, lambda: text(page, "name") == "a.png" and page.locator(".best").count() == 0)
        shown(page)
        page.keyboard.press("2")
        page.keyboard.press("Shift+Digit1")
        eventually(page, lambda: pairs(out) == {"a.png": (2, 1)})
        assert lines(out)[0]["made_with"] == now[2]


def test_a_pick_that_cannot_be_written_is_told_and_not_lost(out, chromium):
    propose(out)
    picks_path(out).mkdir()
    with served(out) as server:
        page = chromium(server)
        page.keyboard.press("1")
        page.keyboard.press("Shift+Digit3")
        says(page, "Not written")
        assert page.locator(".best[data-row='1']").count() and page.locator(".worst[data-row='3']").count()
        picks_path(out).rmdir()
        page.click("#pick-again")
        eventually(page, lambda: pairs(out) == {"a.png": (1, 3)})
        says(page, "All are picked")


def test_a_server_that_has_ended_is_told_and_the_marks_stay(out, chromium):
    propose(out)
    with served(out) as server:
        page = chromium(server)
        page.keyboard.press("1")
    page.keyboard.press("Shift+Digit3")
    says(page, "start `ttpo pick` again")
    assert page.locator(".pick-pane.worst[data-row='3']").count() == 1


@pytest.mark.parametrize("width", [390, 320])
@pytest.mark.parametrize("size", [(40, 30), (30, 60), (90, 20)])
def test_on_a_phone_nothing_is_cut_off_at_the_side_and_a_finger_picks(out, chromium, width, size):
    propose(out, "a-photo-with-a-name-that-is-too-long-for-a-phone-held-upright.png", size=size, rows=6)
    with served(out) as server:
        page = chromium(server, **{**PHONE, "viewport": {"width": width, "height": 844}})
        for view in ("#pick-grid", "#pick-slider"):
            page.tap(view)
            shown(page)
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            stage = page.locator("#pick-stage")
            assert stage.evaluate("(one) => one.scrollWidth <= one.clientWidth")
            for part in page.locator("#pick button:visible, #pick select, .pick-pane").all():
                box = part.bounding_box()
                assert box["x"] >= 0 and box["x"] + box["width"] <= width, part
                assert box["height"] >= 36, "large enough for a finger"
        page.tap("#pick-grid")
        page.locator(".mark-best").nth(5).tap()
        page.locator(".mark-worst").nth(2).tap()
        eventually(page, lambda: list(pairs(out).values()) == [(5, 2)])


def test_two_fingers_zoom_all_pictures(out, chromium):
    propose(out, size=(400, 300))
    with served(out) as server:
        page = chromium(server, **PHONE)
        fitting = places(page)
        box = page.locator(".pick-frame").first.bounding_box()
        fingers = page.context.new_cdp_session(page)
        middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        for kind, apart in (("touchStart", 10), ("touchMove", 20), ("touchMove", 40), ("touchEnd", None)):
            points = (
                []
                if apart is None
                else [{"x": middle[0] - apart, "y": middle[1], "id": 0}, {"x": middle[0] + apart, "y": middle[1], "id": 1}]
            )
            fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        close = places(page)
        assert len(set(close)) == 1 and float(re_numbers(close[0])[0]) > 1.9 * float(re_numbers(fitting[0])[0])


def test_a_damaged_candidate_leaves_a_note_and_the_others(out, chromium):
    propose(out)
    place = out / ".ttpo" / "candidates" / "a.png" / "02.png"
    place.write_bytes(place.read_bytes()[:60])
    with served(out) as server:
        page = chromium(server)
        eventually(page, lambda: page.locator(".absent").count() == 1)
        assert "candidate 2 cannot be shown" in page.locator(".absent").inner_text()
        assert page.locator(".pick-frame img").count() == 3


def test_a_page_with_an_old_address_shows_nothing(out, chromium):
    propose(out)
    with served(out) as server:
        server.address = server.address.replace("token-of", "token-off")
        page = chromium(server, wait=False)
        assert "open the address that `ttpo pick` printed" in page.inner_text("body")
