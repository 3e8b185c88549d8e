"""``rpsg embed``: a run that stops when its private texts are embedded; ``rpsg run`` uses the embeddings.

No noise is drawn, so nothing is spent. As in any run, the embeddings are in the vault, and in parts until all
are there. So a command that was stopped continues after the last part.
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


class Embedded(Exception):  # noqa: N818  # not an error: the run is where it should stop
    """All private texts of the run are embedded."""


def embed(
    plan: Plan, out: Path, *, progress: Progress | None = None, tools: Tools | None = None
) -> Run | None:
    """Begin the run of the plan in ``out``, or resume it, and stop when its private texts are embedded.

    The account must have enough budget left for the run, but none is reserved while the texts are embedded.
    Returns the run if it is finished already; then nothing was read.

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
            "The plan counts the private texts in shards, and each shard embeds its own texts when it is "
            "counted.",
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
        if private.account is not None:  # as for any stopped run, no budget is reserved while it waits
            private.account.give_back(run.folder.run_id)
        _ = private.people.embeddings
    raise Embedded
