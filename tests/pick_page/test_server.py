"""The server with Gradio in it: nothing without the token, nothing outside the candidates, and picks as `ttpo picks add` writes them."""

import io
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from candidate_folders import propose, shade
from PIL import Image

from ttpo_cli.cli.app import program
from ttpo_cli.folder.pick_store import picks_path
from ttpo_cli.pick_page.access import PICK
from ttpo_cli.pick_page.pending import address_of

gradio = pytest.importorskip("gradio", reason="gradio comes with the extra `pick`")
from pick_server import served  # noqa: E402

NEEDED = re.compile(r"/|/theme\.css|/favicon\.ico|/(assets|static|pick)/.*")


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One server for the tests that write nothing."""
    root = tmp_path_factory.mktemp("shared") / "out"
    key = propose(root, "deep/a & <i>.png")
    (root / "secret.txt").write_text("root: secret")
    with served(root) as server:
        server.photo, server.root = address_of(key), root
        yield server


def routes():
    """The path of every route that Gradio's source declares, with something in the place of each parameter, and of ours."""
    source = Path(gradio.routes.__file__).read_text("utf-8")
    declared = {re.sub(r"\{[^}]*\}", "x", path) for path in re.findall(r'@(?:app|router)\.\w+\(\s*f?"(/[^"]*)"', source)}
    assert len(declared) > 40 and {"/upload", "/queue/join", "/file=x", "/config", "/static/x"} <= declared, "Gradio's routes were found"
    ours = {"/pick/photos", "/pick/photo/x", "/pick/picture/x/0/view", "/pick/page.js", PICK, "/openapi.json", "/docs", "/redoc"}
    return sorted(declared | {f"/gradio_api{path}" for path in declared} | ours)


def test_no_route_of_the_server_answers_without_the_token_and_with_it_only_those_that_the_page_needs(shared):
    for path in routes():
        for method, body in (("GET", None), ("POST", b"{}"), ("PUT", b"{}"), ("DELETE", None), ("OPTIONS", None)):
            status, headers, told = shared.ask(path, method=method, body=body, token=False)
            assert status == 403 and "content-security-policy" in headers and b"token" in told, (method, path)
            needed = (method == "GET" and NEEDED.fullmatch(path)) or (method, path) == ("POST", PICK)
            assert needed or shared.ask(path, method=method, body=body)[0] == 404, (method, path)


@pytest.mark.parametrize(
    "address", ["/?token=wrong", "/?token=", "/", "/?TOKEN=token-of-the-tests", "/pick/photos?token=token-of-the-tests"]
)
def test_a_wrong_token_in_the_address_shows_nothing(shared, address):
    status, headers, body = shared.ask(address, token=False)
    assert status == 403 and "set-cookie" not in headers and b"gradio" not in body


def test_the_address_that_was_printed_opens_the_page_and_leaves_a_cookie(shared):
    status, headers, body = shared.ask(f"/?token={shared.gate.token}", token=False)
    assert status == 200 and b"gradio" in body and shared.gate.token.encode() not in body
    assert headers["set-cookie"].startswith(f"{shared.gate.cookie}={shared.gate.token}; HttpOnly; SameSite=Strict")


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "192.168.1.7"])
def test_a_foreign_host_header_is_refused(shared, host):
    assert shared.ask("/pick/photos", host=f"{host}:{shared.gate.port}")[0] == 421


def test_a_pick_from_another_origin_is_refused_and_writes_nothing(out):
    key = propose(out)
    with served(out) as server:
        wish = {"address": address_of(key), "pair": [1, 2], "held": None}
        for origin in (None, "null", "http://evil.example"):
            assert server.ask(PICK, method="POST", body=wish, origin=origin)[0] == 403
            assert not picks_path(out).exists()
        assert server.ask(PICK, method="POST", body=wish)[0] == 200 and picks_path(out).exists()


@pytest.mark.parametrize(
    "path",
    [
        "/assets/../../../../../../../../etc/passwd",
        "/assets/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        "/assets/..%2f..%2f..%2f..%2f..%2f..%2f..%2f..%2fetc%2fpasswd",
        "/static/%252e%252e/%252e%252e/%252e%252e/etc/passwd",
        "/static/..%5c..%5c..%5cetc%5cpasswd",
        "/static/%c0%ae%c0%ae/%c0%ae%c0%ae/etc/passwd",
        "/static//etc/passwd",
        "/static/%2fetc%2fpasswd",
        "/static/x%00.css",
        "//etc/passwd",
        "/etc/passwd",
        "/file=/etc/passwd",
        "/gradio_api/file=/etc/passwd",
        "/gradio_api/file%3d/etc/passwd",
        "/pick/picture/..%2f..%2f..%2fsecret.txt/0/view",
        "/pick/picture/%2e%2e/0/view",
        "/pick/../secret.txt",
        "/pick/server.py",
        "/pick/page.html",
        "/deep/a%20&%20%3Ci%3E.png",
    ],
)
def test_nothing_outside_the_candidates_is_served_however_it_is_spelt(shared, path):
    status, _, body = shared.ask(path)
    assert status in (404, 409) and b"root:" not in body and b"import" not in body


def test_photos_and_their_pictures_are_served_in_two_sizes(shared):
    assert shared.json("/pick/photos") == (200, [{"address": shared.photo, "name": "deep/a & <i>.png", "pair": None}])
    told = {"name": "deep/a & <i>.png", "rows": 4, "width": 40, "height": 30, "view": 1600, "pair": None}
    assert shared.json(f"/pick/photo/{shared.photo}") == (200, told)
    for size in ("view", "full"):
        status, headers, body = shared.ask(f"/pick/picture/{shared.photo}/2/{size}")
        picture = Image.open(io.BytesIO(body))
        assert (status, headers["content-type"], picture.size) == (200, "image/jpeg", (40, 30))
        assert all(abs(a - b) <= 3 for a, b in zip(picture.getpixel((9, 9)), shade(2), strict=True))


@pytest.mark.parametrize("rest", ["9/view", "-1/view", "0/huge", "x/view", "0", "../view"])
def test_a_picture_that_is_not_there_is_told(shared, rest):
    assert 400 <= shared.ask(f"/pick/picture/{shared.photo}/{rest}")[0] <= 500


def test_a_pick_on_the_page_is_the_line_of_the_command(out, capsys):
    key = propose(out, "deep/a & <i>.png")
    assert program(["picks", "add", str(out), key[0], "3", "1"]) == 0
    by_command = picks_path(out).read_bytes()
    picks_path(out).unlink()
    with served(out) as server:
        wish = {"address": address_of(key), "pair": [3, 1], "held": None}
        assert server.json(PICK, method="POST", body=wish) == (200, {})
        assert picks_path(out).read_bytes() == by_command
        status, told = server.json(PICK, method="POST", body=wish)
        assert status == 409 and "3 over 1" in told["error"], "held is not what it was"
        assert server.json(PICK, method="POST", body={**wish, "pair": None, "held": [3, 1]}) == (200, {})
        propose(out, key[0], made_with="n" * 64)
        status, told = server.json(PICK, method="POST", body=wish)
        assert status == 409 and "changed on the disk" in told["error"]
    assert picks_path(out).read_bytes().count(b"\n") == 2


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        {},
        {"address": 1},
        {"pair": [1]},
        {"pair": [1, 2, 3]},
        {"pair": ["1", "2"]},
        {"pair": [1, True]},
        {"pair": [2, 2]},
        {"pair": [1, 99]},
        {"held": 3},
    ],
)
def test_what_is_no_pick_is_refused_and_writes_nothing(shared, body):
    sound = {"address": shared.photo, "pair": [1, 2], "held": None}
    if isinstance(body, dict):
        body = {**sound, **body} if body else body
    assert shared.ask(PICK, method="POST", body=body)[0] in (400, 422)
    assert shared.ask(PICK, method="POST", body=sound, **{"content-type": "text/plain"})[0] == 422
    assert not picks_path(shared.root).exists()


def test_picks_that_cannot_be_written_are_told(out):
    key = propose(out)
    picks_path(out).mkdir()
    with served(out) as server:
        status, told = server.json(PICK, method="POST", body={"address": address_of(key), "pair": [1, 2], "held": None})
        assert status == 500 and "was not written" in told["error"]
        picks_path(out).rmdir()
        assert server.json(PICK, method="POST", body={"address": address_of(key), "pair": [1, 2], "held": None})[0] == 200


def test_a_link_out_of_the_folder_is_not_served(out, tmp_path):
    key = propose(out)
    place = out / ".ttpo" / "candidates" / key[0] / "01.png"
    (tmp_path / "secret.png").write_bytes(place.read_bytes())
    place.unlink()
    place.symlink_to(tmp_path / "secret.png")
    with served(out) as server:
        assert server.ask(f"/pick/picture/{address_of(key)}/0/view")[0] == 200
        status, told = server.json(f"/pick/picture/{address_of(key)}/1/view")
        assert status == 500 and "not a picture in the folder" in told["error"] and str(tmp_path) not in told["error"]


class Loaded(HTMLParser):
    """The addresses that a browser fetches, or prepares to fetch, for a page."""

    def __init__(self):
        super().__init__()
        self.addresses = []

    def handle_starttag(self, tag, attributes):
        self.addresses += [value for name, value in attributes if name in ("src", "href", "srcset", "poster", "data") and tag != "a"]


def test_the_page_names_no_other_host_that_a_browser_would_ask(shared):
    page = Loaded()
    page.feed(shared.ask("/")[2].decode())
    assert page.addresses and all(
        not re.match(r"(?:[a-z]+:)?//", address) for address in page.addresses if not address.startswith(f"http://{shared.host}")
    )
    for name in ("page.css", "page.js", "drawing.js", "server.js", "state.js", "view.js"):
        status, _, body = shared.ask(f"/pick/{name}")
        assert status == 200 and b"//" not in re.sub(rb"(?m)^\s*//.*|[;{]\s*//.*", b"", body)
