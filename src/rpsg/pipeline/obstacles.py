"""Why a run of a plan would stop here and now, before it spends anything. No file is opened to find out."""

from __future__ import annotations

import os
import shutil
from shlex import quote
from typing import TYPE_CHECKING

from rpsg import registry
from rpsg.arguments import suggestion
from rpsg.disk.files import nearest
from rpsg.errors import RpsgError
from rpsg.methods.named import method_of
from rpsg.models.build import EMBEDDER_WEIGHTS
from rpsg.models.catalog import CATALOGUE
from rpsg.models.download import locate
from rpsg.models.openai.endpoint import address_of, certificate_of, headers_of
from rpsg.pipeline import forecast, packages
from rpsg.privacy.odometer import state_folder
from rpsg.storage.readers.source import STDIN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rpsg.models.openai.endpoint import Kind
    from rpsg.plan import Plan


#: The keys and the account book of a first run need less.
_LEAST_DISK = 1 << 20


def obstacles(plan: Plan) -> Iterator[str]:
    """Each sentence says what is wrong, and what to do."""
    if method_of(plan).reads_private:
        if not plan.data.path:
            yield "No data is named. Name the file: rpsg plan reviews.csv --text review"
        elif plan.data.path == STDIN and not plan.data.account.strip():
            yield "Standard input has no path that could name an account. Name one with --account."
        above = nearest(state_folder())
        if not (above.is_dir() and os.access(above, os.W_OK | os.X_OK)):
            yield f"{state_folder()} cannot be written. Name another folder: export RPSG_HOME=FOLDER"
        elif shutil.disk_usage(above).free < _LEAST_DISK:
            yield f"The disk of {state_folder()} is full. Free some space: df -h {quote(str(above))}"
    yield from packages.missing(plan)
    yield from _models(plan)


def _models(plan: Plan) -> Iterator[str]:
    """What is wrong with the names of models, and with where they are."""
    models = plan.models
    roles: tuple[tuple[str, registry.Kind, str | None], ...] = (
        ("writer", "writers", models.writer),
        ("embedder", "embedders", models.embedder),
        ("classifier", "classifiers", models.sentiment),
        ("scorer", "scorers", models.scorer),
    )
    # On a cluster the writer's weights and keys are on the nodes, so they are not looked for here.
    for role, kind, name in roles[1:] if plan.engine.is_elsewhere else roles:
        if name is None:
            continue
        if name.partition(":")[0] in forecast.SERVED:
            yield from _server(plan, role)
        elif registry.is_plain(name) and not registry.is_known(kind, name):
            known = registry.names(kind)
            use = f"{suggestion(name, known)}Use one of: {', '.join(known)}."
            yield f"There is no {role} {name!r}. {use}"
        elif (weights := EMBEDDER_WEIGHTS.get(name, name)) in CATALOGUE or name.endswith(".gguf"):
            try:
                locate(weights)
            except RpsgError as error:
                yield f"{error.message} {error.hint}"


def _server(plan: Plan, role: str) -> Iterator[str]:
    """What is still missing for the first request to a server."""
    server = plan.server
    kind: Kind = "azure" if getattr(plan.models, role).startswith("azure:") else "openai"
    try:
        address = address_of(kind, server)
        headers = {name.lower() for name in headers_of(kind, server)}
        certificate_of(server)
    except RpsgError as error:
        yield f"{error.message} {error.hint}"
        return
    needs_key = kind == "azure" or not server.base_url
    if needs_key and not headers & {"authorization", "api-key"}:
        yield f"{address.host} needs a key, but {server.key_env} is not set: export {server.key_env}=..."
