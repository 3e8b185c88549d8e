"""The pages at their addresses, as a FastAPI application."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rpsg.errors import RpsgError, needed
from rpsg.release.reader import CHECK_IT
from rpsg.viewer.guard import FAILED, SCRIPT, STYLE
from rpsg.viewer.pages import GONE, SEE_LIST
from rpsg.viewer.render import script, style

if TYPE_CHECKING:
    from rpsg.viewer.guard import App
    from rpsg.viewer.pages import Pages

#: FastAPI can send its requests to a collector that an environment variable names, which must not happen
#: here.
NO_TELEMETRY = dict.fromkeys(("tracing", "metrics", "logs", "operation_spans", "auto_configure"), False)


def make_app(pages: Pages) -> App:
    """The application. It has no pages of FastAPI's own, and accepts only GET and HEAD.

    Raises:
        MissingExtraError: FastAPI is not installed.
    """
    with needed("view", "fastapi"):
        from fastapi import FastAPI
        from fastapi.exceptions import RequestValidationError
        from fastapi.responses import HTMLResponse, JSONResponse, Response
        from starlette.exceptions import HTTPException

    def refused(_request: Any, error: Any) -> Any:
        return HTMLResponse(pages.problem(error.message, error.hint), status_code=404)

    def missing(_request: Any, _error: Any) -> Any:
        return HTMLResponse(pages.problem(GONE, SEE_LIST), status_code=404)

    def failed(_request: Any, _error: Any) -> Any:
        return HTMLResponse(pages.problem(FAILED, CHECK_IT), status_code=500)

    app = FastAPI(
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        telemetry=NO_TELEMETRY,
        exception_handlers={
            RpsgError: refused,
            HTTPException: missing,
            RequestValidationError: missing,
            Exception: failed,
        },
    )

    def texts(name: str, q: str = "", page: int = 1) -> str:
        return pages.texts(name, q, page)

    def sides(a: str = "", b: str = "") -> str:
        return pages.sides(a, b)

    def of_style() -> Any:
        return Response(style(), media_type="text/css")

    def of_script() -> Any:
        return Response(script(), media_type="text/javascript")

    for path, page, form in (
        ("/", pages.overview, HTMLResponse),
        (f"/{STYLE}", of_style, Response),
        (f"/{SCRIPT}", of_script, Response),
        ("/run/{name}", pages.run, HTMLResponse),
        ("/run/{name}/progress", pages.progress, JSONResponse),
        ("/run/{name}/texts", texts, HTMLResponse),
        ("/run/{name}/texts/{number}", pages.text, HTMLResponse),
        ("/sides", sides, HTMLResponse),
        ("/comparison/{name}", pages.comparison, HTMLResponse),
        ("/comparison/{name}/progress", pages.progress, JSONResponse),
    ):
        app.add_api_route(path, page, methods=["GET", "HEAD"], response_class=form, response_model=None)
    application: App = app
    return application
