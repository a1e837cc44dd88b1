"""Nothing passes the gate without the token, the machine's own name, a path that the page needs, and, for a pick, the page's own origin."""

import asyncio
import hmac

import pytest

from ttpo_cli.pick_page.access import PICK, Gate, Guarded, is_loopback

TOKEN = "the-right-token"
COOKIE = ("cookie", f"ttpo_pick_8123={TOKEN}")
HOST = ("host", "127.0.0.1:8123")
ORIGIN = ("origin", "http://127.0.0.1:8123")


def ask(*headers, path="/pick/photos", method="GET", query="", bound="127.0.0.1", kind="http"):
    """(status, headers, body) of a request through the gate, and what the server behind it was asked."""
    behind, said = [], []

    async def server(scope, receive, send):
        behind.append(scope)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"x-mine", b"1")]})
        await send({"type": "http.response.body", "body": b"secret"})

    async def send(message):
        said.append(message)

    async def receive():
        return {"type": f"{kind}.request"}

    lines = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    scope = {"type": kind, "method": method, "path": path, "query_string": query.encode(), "headers": lines}
    asyncio.run(Guarded(server, Gate(TOKEN, bound, 8123))(scope, receive, send))
    return said, behind


def status(*headers, **named):
    said, behind = ask(*headers, **named)
    assert (said[0]["status"] == 200) == (len(behind) == 1), "whoever is refused does not reach the server"
    return said[0]["status"]


def test_the_cookie_opens_and_what_is_answered_is_kept_apart_from_other_sites():
    said, _ = ask(HOST, COOKIE)
    told = dict(said[0]["headers"])
    assert said[0]["status"] == 200 and said[1]["body"] == b"secret" and told[b"x-mine"] == b"1"
    assert b"default-src 'self'" in told[b"content-security-policy"] and b"frame-ancestors 'none'" in told[b"content-security-policy"]
    assert told[b"referrer-policy"] == b"no-referrer" and told[b"x-content-type-options"] == b"nosniff"
    assert b"set-cookie" not in told


@pytest.mark.parametrize(
    "cookie",
    [
        None,
        "",
        "ttpo_pick_8123=",
        "ttpo_pick_8123=the-right-toke",
        "ttpo_pick_8123=the-right-token2",
        "ttpo_pick_9999=the-right-token",
        "TTPO_PICK_8123=the-right-token",
        "other=the-right-token",
        "ttpo_pick_8123=th\xe9-right-token",
    ],
)
def test_a_missing_or_wrong_cookie_does_not(cookie):
    headers = [HOST] if cookie is None else [HOST, ("cookie", cookie)]
    said, behind = ask(*headers)
    assert said[0]["status"] == 403 and not behind and b"secret" not in said[1]["body"]


def test_cookies_that_other_programs_left_do_not_hide_it():
    assert status(HOST, ("cookie", f'user="2|1:0|x@y"; _x={{"a":1}}; {COOKIE[1]}; z')) == 200


def test_the_token_in_the_address_of_the_page_becomes_a_cookie_out_of_reach_and_goes_no_further():
    said, behind = ask(HOST, path="/", query=f"token={TOKEN}")
    (cookie,) = [value.decode() for name, value in said[0]["headers"] if name == b"set-cookie"]
    assert cookie.split("; ")[0] == COOKIE[1] and {"HttpOnly", "SameSite=Strict"} <= set(cookie.split("; "))
    assert said[0]["status"] == 200 and behind[0]["query_string"] == b""


@pytest.mark.parametrize("query", ["token=", "token=wrong", "Token=the-right-token", f"token={TOKEN}&token={TOKEN}", "token=%ff", ""])
def test_a_wrong_token_in_the_address_opens_nothing(query):
    assert status(HOST, path="/", query=query) == 403


def test_only_the_page_takes_the_token_from_its_address():
    assert status(HOST, path="/pick/photos", query=f"token={TOKEN}") == 403
    assert status(HOST, ORIGIN, path=PICK, method="POST", query=f"token={TOKEN}") == 403


def test_tokens_are_compared_in_constant_time(monkeypatch):
    compared = []
    monkeypatch.setattr(hmac, "compare_digest", lambda *pair: compared.append(pair) or True)
    assert status(HOST, ("cookie", "ttpo_pick_8123=wrong")) == 200 and compared == [(b"wrong", TOKEN.encode())]


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1:8123", "LOCALHOST:9", "[::1]:8123", "127.0.0.1"])
def test_the_machines_own_names_pass_whatever_the_port_since_it_may_be_forwarded(name):
    assert status(("host", name), COOKIE) == 200


@pytest.mark.parametrize(
    "name",
    [
        "evil.example",
        "evil.example:8123",
        "127.0.0.1.evil.example",
        "evil.example@127.0.0.1.evil.example",
        "",
        "[::1",
        "192.168.1.7:8123",
        "127.0.0.1:8123, x",
        "evil.example@127.0.0.1",
    ],
)
def test_a_foreign_name_is_refused_even_with_the_token(name):
    assert status(("host", name), COOKIE) == 421
    assert status(("host", name), path="/", query=f"token={TOKEN}") == 421


def test_no_host_or_two_are_refused():
    assert status(COOKIE) == 421 and status(HOST, HOST, COOKIE) == 421


def test_bound_to_more_than_this_machine_any_literal_address_will_do_but_no_other_name():
    assert status(("host", "192.168.1.7:8123"), COOKIE, bound="0.0.0.0") == 200
    assert status(("host", "evil.example"), COOKIE, bound="0.0.0.0") == 421
    assert status(("host", "photos.lan:8123"), COOKIE, bound="photos.lan") == 200


@pytest.mark.parametrize("origin", [ORIGIN[1], "https://127.0.0.1:8123"])
def test_a_pick_from_the_page_passes(origin):
    assert status(HOST, COOKIE, ("origin", origin), path=PICK, method="POST") == 200


@pytest.mark.parametrize(
    "origin",
    [
        None,
        "null",
        "http://evil.example",
        "http://127.0.0.1:9",
        "http://127.0.0.1",
        "http://127.0.0.1:8123.evil.example",
        "chrome-extension://127.0.0.1:8123",
        "http://[",
        "",
    ],
)
def test_a_pick_from_elsewhere_does_not(origin):
    headers = [HOST, COOKIE] + ([] if origin is None else [("origin", origin)])
    assert status(*headers, path=PICK, method="POST") == 403


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_nothing_but_a_pick_may_change_anything(method):
    assert status(HOST, COOKIE, ORIGIN, path="/pick/photos", method=method) == 404
    assert status(HOST, COOKIE, ORIGIN, path="/gradio_api/upload", method=method) == 404
    assert status(HOST, COOKIE, ORIGIN, path=PICK, method=method) == (200 if method == "POST" else 404)


@pytest.mark.parametrize(
    "path",
    [
        "/assets/../secret",
        "/assets/..",
        "/assets/./x",
        "/assets/%2e%2e/secret",
        "/assets/..%2fsecret",
        "/assets/..\\secret",
        "/assets//etc/passwd",
        "//etc/passwd",
        "/pick/picture/..%c0%af/0/view",
        "/pick/photos\0",
        "/pick/photos\n",
        "/pick/photos/",
        "/etc/passwd",
        "/file=/etc/passwd",
        "/gradio_api/file=/etc/passwd",
        "/gradio_api/queue/join",
        "/gradio_api/info",
        "/config",
        "/upload",
        "/monitoring/x",
        "/docs",
        "",
    ],
)
def test_a_path_that_the_page_does_not_need_is_not_there_even_with_the_token(path):
    assert status(HOST, COOKIE, path=path) == 404
    assert status(HOST, path=path) == 403, "and without the token nobody learns even that"


@pytest.mark.parametrize(
    "path", ["/", "/theme.css", "/favicon.ico", "/assets/index-D_ph.v.js", "/static/fonts/A/B-c.woff2", "/pick/picture/ab12/0/view"]
)
def test_the_paths_of_the_page_are_there(path):
    assert status(HOST, COOKIE, path=path) == 200 and status(HOST, COOKIE, path=path, method="HEAD") == 200
    assert status(HOST, path=path) == 403


def test_no_websocket_passes():
    said, behind = ask(HOST, COOKIE, kind="websocket")
    assert said == [{"type": "websocket.close", "code": 1008}] and not behind


def test_loopback_is_what_others_cannot_reach():
    assert all(map(is_loopback, ("127.0.0.1", "127.9.9.9", "::1", "localhost", "LOCALHOST")))
    assert not any(map(is_loopback, ("0.0.0.0", "::", "192.168.1.7", "example.org", "localhost.example.org", "")))
