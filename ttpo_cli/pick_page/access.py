"""Who may ask the page for what, as an ASGI layer around the whole server, Gradio's routes included: everything else is refused.

A request passes if it names this machine (a name that an attacker's DNS points here is refused), has the token, asks for one of the few
paths that the page needs, and, where it changes something, comes from the page itself.
"""

import hmac
import ipaddress
import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

PICK = "/pick/choose"
# What the page loads: itself, Gradio's scripts, styles and fonts, and what is ours. Gradio's calls, queue, uploads and files are not in it.
_READABLE = re.compile(r"/|/(?:theme\.css|favicon\.ico)|/(?:assets|static|pick)/[A-Za-z0-9_.\-]+(?:/[A-Za-z0-9_.\-]+)*")
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._\-]+)(?::[0-9]*)?")
_HEADERS = {
    "content-security-policy": "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline';"
    " img-src 'self' data: blob:; object-src 'none'; form-action 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cross-origin-resource-policy": "same-origin",
}


@dataclass(frozen=True)
class Gate:
    """Who may pass.

    Attributes:
        token: what an address must have.
        host: what the server is bound to.
        port: part of the cookie's name, since browsers do not keep the cookies of two ports apart.
    """

    token: str
    host: str
    port: int

    @property
    def cookie(self) -> str:
        """The name under which a browser keeps the token."""
        return f"ttpo_pick_{self.port}"

    def refusal(self, method: str, path: str, query: bytes, headers: Mapping[str, list[str]]) -> tuple[int, str] | None:
        """(status, message), None for a request that may pass. headers: lower-case name -> values."""
        hosts = headers.get("host", [])
        if len(hosts) != 1 or not self._is_this_machine(hosts[0]):
            return 421, "This name is not the machine's own: open the address that `ttpo pick` printed."
        if not self.brings_token(path, query) and not self._holds_token(headers.get("cookie", [])):
            return 403, "The token is missing or is an old one: open the address that `ttpo pick` printed."
        if method in ("GET", "HEAD"):
            return None if _is_readable(path) else (404, "There is nothing here.")
        if path != PICK or method != "POST":
            return 404, "There is nothing here."
        origins = headers.get("origin", [])
        if len(origins) != 1 or origins[0].lower() not in (f"http://{hosts[0].lower()}", f"https://{hosts[0].lower()}"):
            return 403, "Only the page itself may pick."
        return None

    def brings_token(self, path: str, query: bytes) -> bool:
        """Whether the page is asked for with the token in its address."""
        given = parse_qs(query.decode("latin-1")).get("token", [])
        return path == "/" and len(given) == 1 and self._is_token(given[0])

    def set_cookie(self) -> str:
        """The header by which the browser keeps the token: out of reach for scripts, and for what other sites make it ask."""
        return f"{self.cookie}={self.token}; HttpOnly; SameSite=Strict; Path=/"

    def _holds_token(self, lines: list[str]) -> bool:
        """Among whatever cookies other programs on this machine have left in the browser."""
        kept = [part.strip().partition("=") for line in lines for part in line.split(";")]
        return any(name == self.cookie and self._is_token(value) for name, _, value in kept)

    def _is_token(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(), self.token.encode())

    def _is_this_machine(self, header: str) -> bool:
        """Whatever the port, since it may be forwarded. Bound to more than this machine, any literal address is fine: it needs no DNS."""
        plain = _HOST.fullmatch(header.lower())
        if plain is None:
            return False
        name = plain[1].strip("[]")
        if name in ("localhost", "127.0.0.1", "::1", self.host.lower()):
            return True
        return not is_loopback(self.host) and _is_address(name)


class Guarded:
    """The server behind the gate."""

    def __init__(self, app: App, gate: Gate) -> None:
        self._app, self._gate = app, gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI 3; no websocket passes."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers: dict[str, list[str]] = {}
        for name, value in scope["headers"]:
            headers.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
        refused = self._gate.refusal(scope["method"], scope["path"], scope["query_string"], headers)
        extra = [(name.encode(), value.encode()) for name, value in _HEADERS.items()]
        if refused is not None:
            status, text = refused
            await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", b"text/plain"), *extra]})
            await send({"type": "http.response.body", "body": f"{text}\n".encode()})
            return
        if self._gate.brings_token(scope["path"], scope["query_string"]):
            extra.append((b"set-cookie", self._gate.set_cookie().encode()))

        async def send_with_headers(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", []), *extra]}
            await send(message)

        await self._app({**scope, "query_string": b""} if scope["path"] == "/" else scope, receive, send_with_headers)


def is_loopback(host: str) -> bool:
    """Whether nobody but this machine reaches a server that is bound to this."""
    return host.lower() == "localhost" or (_is_address(host) and ipaddress.ip_address(host).is_loopback)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _is_readable(path: str) -> bool:
    """One of the paths that the page needs, spelt plainly: no escape is left in it, and no step upwards."""
    return _READABLE.fullmatch(path) is not None and not any(part in (".", "..") for part in path.split("/"))
