"""``rpsg embed``: a run as far as the embeddings of its private texts, which ``rpsg run`` then uses.

No noise is drawn, so nothing is spent. The embeddings are as in any run: in its vault, in parts while not all
are there, so that a command that was stopped goes on with the last part.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, NoReturn

from rpsg.errors import UsageError
from rpsg.methods.named import method_of
from rpsg.pipeline.execute import execute
from rpsg.pipeline.logs import Logged, logged, tell
from rpsg.pipeline.private_data import open_side

if TYPE_CHECKING:
    from pathlib import Path

    from rpsg.methods.base import Tools
    from rpsg.pipeline.private_data import RunParts
    from rpsg.plan import Plan
    from rpsg.protocols import Progress
    from rpsg.release.run import Run


class Embedded(Exception):  # noqa: N818  # no error: the run is where it should stop
    """All private texts of the run are embedded."""


def embed(
    plan: Plan, out: Path, *, progress: Progress | None = None, tools: Tools | None = None
) -> Run | None:
    """Begin the run of the plan in ``out``, or resume it, and stop when its private texts are embedded.

    The budget is reserved meanwhile, as in a run, and given back at the end. Returns the run if it is
    finished already, and then nothing was read.

    Raises:
        UsageError: the method does not embed all private texts, or they are counted in shards.
        RpsgError: as ``execute``.
    """
    if not method_of(plan).embeds:
        raise UsageError(
            f"The method {plan.method.name} does not begin by embedding all private texts.",
            hint="Begin with rpsg run: it keeps each step that it has finished.",
        )
    if plan.data.shards:
        raise UsageError(
            "The plan counts the private texts in shards, and each shard embeds its own when it is counted.",
            hint="Leave [data] shards out, or use rpsg shards, rpsg count and rpsg merge.",
        )
    log = logged(progress, "run")
    try:
        return execute(plan, out, progress=log, tools=tools, side=_embedded)
    except Embedded:
        if isinstance(log, Logged):
            log.end()
        tell("run", logging.INFO, "embedded", "the private texts are embedded")
        return None


def _embedded(run: RunParts) -> NoReturn:
    with open_side(run) as private:
        _ = private.people.embeddings
    raise Embedded
