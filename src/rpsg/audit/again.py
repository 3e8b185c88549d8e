"""The pipeline of a plan, to be run again on some of the people: the aid of the attack ``lira-shadow``.

Each run is complete, with its noise and its charges, in a folder that is deleted afterwards with its keys and
its account book. Only the attack reads what the run makes; it never leaves the audit.
"""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rpsg.audit.aids import Aids
from rpsg.disk.files import private_dir
from rpsg.errors import UsageError
from rpsg.methods.named import method_of
from rpsg.pipeline.execute import execute
from rpsg.pipeline.models_of_run import load_tools

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    import numpy.typing as npt

    from rpsg.audit.aids import Pipeline
    from rpsg.methods.base import Tools
    from rpsg.plan import Plan
    from rpsg.protocols import Endpoint, OnReply, Reply, Request, Writer

_HOME = "RPSG_HOME"


def pipeline_of(plan: Plan, tools: Tools | None = None) -> Pipeline:
    """A pipeline that makes a corpus from given texts as ``plan`` says. The plan's data, holdout, canaries
    and account are ignored.

    ``tools`` replace the plan's models. A request that was answered once is not sent again in a later run, so
    shadows cost least if prompts do not depend on private texts. Do not call it in several threads: during a
    run, ``RPSG_HOME`` of this process names a temporary folder.

    Raises:
        UsageError: the plan needs labels or columns, its method reads no private data, or donors are listed.
    """
    if not method_of(plan).reads_private:
        raise UsageError(
            "This method reads no private data.",
            hint="Leave out lira-shadow: no text of its corpus can depend on who was in the data.",
        )
    if plan.data.label is not None or plan.data.columns or plan.split.donor_list:
        raise UsageError(
            "A plan with labels, columns or a list of donors cannot be run again on the texts of an audit.",
            hint="Leave out lira-shadow, or give a pipeline of your own.",
        )
    loaded = tools or load_tools(plan)
    kept = replace(loaded, writer=_Kept(loaded.writer))

    def pipeline(texts: Sequence[str], owner: npt.NDArray[np.int64], _: int) -> Sequence[str]:
        with _somewhere_else() as folder:
            file = folder / "some.jsonl"
            rows = zip(texts, owner.tolist(), strict=True)
            lines = (json.dumps({"text": text, "user": f"person {person}"}) + "\n" for text, person in rows)
            file.write_text("".join(lines), encoding="utf-8")
            return execute(_of_some(plan, file, len(set(owner.tolist()))), folder / "run", tools=kept).texts

    return pipeline


def with_pipeline(aids: Aids | None, plan: Plan, tools: Tools | None = None) -> Aids:
    """The aids, with the pipeline of ``plan``; UsageError when ``pipeline_of`` raises it."""
    return replace(aids or Aids(), pipeline=pipeline_of(plan, tools))


def _of_some(plan: Plan, file: Path, people: int) -> Plan:
    """The plan for the texts in ``file``. All shadows have the same seed; otherwise no request would be the
    same in two of them.
    """
    data = {
        "path": str(file),
        "text": "text",
        "user": "user",
        "format": "jsonl",
        "audit_holdout": 0.0,
        "audit_canaries": 0,
        "account": "",
    }
    public = None if plan.privacy.n_public is None else people
    changes = {
        "data": plan.data.model_copy(update=data),
        "privacy": plan.privacy.model_copy(update={"n_public": public}),
    }
    return plan.model_copy(update=changes)


@contextmanager
def _somewhere_else() -> Iterator[Path]:
    """A folder that only this user can read, with the keys and account book of the runs in it; deleted
    afterwards.
    """
    before = os.environ.get(_HOME)
    with tempfile.TemporaryDirectory(prefix="rpsg-shadow-") as made:
        folder = Path(made)
        os.environ[_HOME] = str(private_dir(folder / "home"))
        try:
            yield folder
        finally:
            if before is None:
                del os.environ[_HOME]
            else:
                os.environ[_HOME] = before


class _Kept:
    """A writer to which each request is sent only once."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._replies: dict[Request, Reply] = {}

    @property
    def name(self) -> str:
        return self._writer.name

    @property
    def endpoint(self) -> Endpoint:
        return self._writer.endpoint

    def __getattr__(self, name: str) -> Any:
        """Any other attribute of the writer, such as its host."""
        return getattr(self._writer, name)

    def write(self, requests: Sequence[Request], on_reply: OnReply | None = None) -> list[Reply]:
        new = [request for request in dict.fromkeys(requests) if request not in self._replies]
        failed: dict[Request, Reply] = {}
        for request, reply in zip(new, self._writer.write(new) if new else (), strict=True):
            (failed if reply.finish == "error" else self._replies)[request] = reply
        found = [self._replies[one] if one in self._replies else failed[one] for one in requests]
        if on_reply is not None:
            for index, reply in enumerate(found):
                on_reply(index, reply)
        return found
