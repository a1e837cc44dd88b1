"""The server of `ttpo pick`: Gradio's page with our part in it, and our own addresses for photos, pictures and picks."""

from collections.abc import Callable
from importlib import resources
from pathlib import Path

import gradio  # pyright: ignore[reportMissingImports]
import uvicorn  # pyright: ignore[reportMissingImports]
from fastapi import FastAPI, Request, Response  # pyright: ignore[reportMissingImports]
from fastapi.responses import JSONResponse  # pyright: ignore[reportMissingImports]
from pydantic import BaseModel, StrictInt  # pyright: ignore[reportMissingImports]

from ttpo_cli.errors import TtpoError, UsageError
from ttpo_cli.imaging.preview import picture_size
from ttpo_cli.pick_page.access import PICK, App, Gate, Guarded
from ttpo_cli.pick_page.pending import Backlog, Stale
from ttpo_cli.pick_page.previews import SIZES, Previews

_KINDS = {"css": "text/css", "js": "text/javascript"}
_GRACE = 1  # seconds that requests under way have when the server ends

_Pair = tuple[StrictInt, StrictInt]


class _PickRequest(BaseModel):
    """A pick as the page sends it.

    Attributes:
        address: the photo's.
        pair: (preferred, dispreferred); None takes the present pick back.
        held: the pick that the person saw.
    """

    address: str
    pair: _Pair | None
    held: _Pair | None


def web_server(root: Path, gate: Gate) -> uvicorn.Server:
    """The server: its `run(sockets=[...])` answers until SIGINT or SIGTERM, which is raised again."""
    options = {"log_level": "warning", "access_log": False, "server_header": False, "timeout_graceful_shutdown": _GRACE}
    return uvicorn.Server(uvicorn.Config(guarded_app(root, gate), **options))


def guarded_app(root: Path, gate: Gate) -> App:
    """The whole server, behind the gate."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    _add_routes(app, Backlog(root), Previews())
    with gradio.Blocks(title="ttpo pick", analytics_enabled=False) as page:
        start = "import('/pick/page.js').then((page) => page.start(element))"
        gradio.HTML(html_template=_file("page.html"), js_on_load=start, elem_id="ttpo-pick")
    mounted = gradio.mount_gradio_app(
        app, page, path="/", footer_links=[], run_history=False, ssr_mode=False, enable_monitoring=False, pwa=False
    )
    return Guarded(mounted, gate)


def _add_routes(app: FastAPI, backlog: Backlog, previews: Previews) -> None:
    @app.exception_handler(TtpoError)
    def as_json(_: Request, error: TtpoError) -> Response:
        return JSONResponse({"error": str(error)}, 409 if isinstance(error, Stale) else 400 if isinstance(error, UsageError) else 500)

    @app.get("/pick/photos")
    def photos() -> Response:
        return JSONResponse([{"address": photo.address, "name": photo.key[0], "pair": photo.pair} for photo in backlog.photos()])

    @app.get("/pick/photo/{address}")
    def photo(address: str) -> Response:
        proposal, pair = backlog.photo(address)
        width, height = picture_size(backlog.picture(address, 0))
        facts = {"rows": len(proposal.images), "width": width, "height": height, "view": SIZES["view"], "pair": pair}
        return JSONResponse({"name": proposal.target, **facts})

    @app.get("/pick/picture/{address}/{row}/{size}")
    def picture(address: str, row: int, size: str) -> Response:
        if size not in SIZES:
            raise UsageError(f"unknown size '{size}', known: {', '.join(SIZES)}")
        data = previews.picture(backlog.picture(address, row), SIZES[size])
        return Response(data, media_type="image/jpeg", headers={"cache-control": "private, max-age=3600"})

    @app.post(PICK)
    def choose(request: _PickRequest) -> Response:
        backlog.choose(request.address, request.pair, request.held)
        return JSONResponse({})

    for name in ("page.css", "page.js", "drawing.js", "server.js", "state.js", "view.js"):
        app.add_api_route(f"/pick/{name}", _asset(name), methods=["GET"])


def _asset(name: str) -> Callable[[], Response]:
    def asset() -> Response:
        return Response(_file(name), media_type=_KINDS[name.rpartition(".")[2]], headers={"cache-control": "no-cache"})

    return asset


def _file(name: str) -> str:
    return resources.files("ttpo_cli.pick_page").joinpath(name).read_text("utf-8")
