"""Why a run of a plan would stop here and now, before it spends anything. No file is opened to find out."""

from __future__ import annotations

import os
import shutil
from shlex import quote
from typing import TYPE_CHECKING, NamedTuple

from rpsg import registry
from rpsg.disk.files import nearest
from rpsg.errors import MissingExtraError, ModelError, PrivacyError, RpsgError, RunError, UsageError
from rpsg.methods.named import method_of
from rpsg.models.build import EMBEDDER_WEIGHTS
from rpsg.models.catalog import CATALOGUE
from rpsg.models.download import locate
from rpsg.models.openai.endpoint import address_of, certificate_of, headers_of, lacks_key
from rpsg.pipeline import forecast, packages
from rpsg.privacy.odometer import state_folder
from rpsg.storage.readers.source import STDIN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rpsg.models.openai.endpoint import Kind
    from rpsg.plan import Plan


#: The keys and the account book of a first run need less.
LEAST_DISK = 1 << 20


class Obstacle(NamedTuple):
    """What is wrong and what to do, and the exit code with which a run would end."""

    sentence: str
    exit_code: int


def obstacles(plan: Plan) -> Iterator[Obstacle]:
    """What a run would stop at, in the order in which it comes to it."""
    for sentence in packages.missing(plan):
        yield Obstacle(sentence, MissingExtraError.exit_code)
    yield from _models(plan)
    for sentence in forecast.refusals(plan):
        yield Obstacle(sentence, PrivacyError.exit_code)
    if method_of(plan).reads_private:
        yield from _data(plan)
        yield from _home()


def _data(plan: Plan) -> Iterator[Obstacle]:
    if not plan.data.path:
        words = "No data is named. Give the file with the private texts, and name their column with --text."
        yield Obstacle(words, UsageError.exit_code)
    elif plan.data.path == STDIN and not plan.data.account.strip():
        words = "Standard input has no path that could name an account. Name one with --account."
        yield Obstacle(words, UsageError.exit_code)


def _home() -> Iterator[Obstacle]:
    above = nearest(state_folder())
    if not (above.is_dir() and os.access(above, os.W_OK | os.X_OK)):
        words = f"{state_folder()} cannot be written. Name another folder: export RPSG_HOME=FOLDER"
        yield Obstacle(words, RunError.exit_code)
    elif shutil.disk_usage(above).free < LEAST_DISK:
        words = f"The disk of {state_folder()} is full. Free some space: df -h {quote(str(above))}"
        yield Obstacle(words, RunError.exit_code)


def _models(plan: Plan) -> Iterator[Obstacle]:
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
            continue
        weights = EMBEDDER_WEIGHTS.get(name, name)
        try:
            if registry.is_plain(name) and not registry.is_known(kind, name):
                raise registry.unknown(kind, name)
            if weights in CATALOGUE or name.endswith(".gguf"):
                locate(weights)
        except RpsgError as error:
            error.hint += registry.hint_of_server(kind, name, plan.server)
            yield _of(error)


def _server(plan: Plan, role: str) -> Iterator[Obstacle]:
    """What is still missing for the first request to a server."""
    server, kind = plan.server, kind_of(getattr(plan.models, role))
    try:
        address = address_of(kind, server)
        headers_of(kind, server)
        certificate_of(server)
        if lacks_key(kind, server):
            raise ModelError(
                f"{address.host} needs a key, but {server.key_env} is not set:",
                hint=f"export {server.key_env}=...",
            )
    except RpsgError as error:
        yield _of(error)


def kind_of(name: str) -> Kind:
    """The kind of server that has the model of this name."""
    return "azure" if name.startswith("azure:") else "openai"


def _of(error: RpsgError) -> Obstacle:
    return Obstacle(f"{error.message} {error.hint}", error.exit_code)
