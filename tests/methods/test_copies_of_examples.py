"""A text that repeats an example of the pack is in no release, whichever method made it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from rpsg.domains import read_pack
from rpsg.methods.base import Job
from rpsg.methods.dp_steps import public_filters
from rpsg.models.fake import FakeWriter
from rpsg.pipeline.people import nobody
from rpsg.pipeline.private_data import NoQuestions
from rpsg.protocols import Silent
from rpsg.records import Candidate, Card, Pool

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.conftest import Lab

    from rpsg.protocols import Reply, Request


def test_the_filters_of_every_method_drop_what_repeats_an_example(lab: Lab) -> None:
    pack, tools, plan = read_pack(lab.pack), lab.tools(), lab.plan(method={"name": "floor"})
    job = Job(plan, pack, None, nobody(tools, Silent(), "no data"), NoQuestions(), tools, Silent())
    texts = (f"Well: {pack.examples[0].text}", "Nobody has said this about any tea so far.")
    pool = Pool(tuple(Candidate(i, text, Card({})) for i, text in enumerate(texts)))
    assert [c.id for c in public_filters(job, pack, pool).alive()] == [1]


class Copyist(FakeWriter):
    """Writes an example of the pack in place of every other text."""

    def __init__(self, example: str) -> None:
        super().__init__()
        self._example = example

    def write(
        self, requests: Sequence[Request], on_reply: Callable[[int, Reply], None] | None = None
    ) -> list[Reply]:
        def said(index: int, reply: Reply) -> Reply:
            return replace(reply, text=f"{reply.text} {self._example}") if index % 2 else reply

        replies = [said(i, reply) for i, reply in enumerate(super().write(requests))]
        for index, reply in enumerate(replies):
            if on_reply is not None:
                on_reply(index, reply)
        return replies


@pytest.mark.parametrize("method", ["floor", "strict", "split"])
def test_no_release_holds_an_example_that_the_writer_repeated(lab: Lab, method: str) -> None:
    example = read_pack(lab.pack).examples[0].text
    data = "" if method == "floor" else lab.file(lab.rows(400))
    run = lab.run(lab.plan(data, method={"name": method}), writer=Copyist(example))
    assert run.texts
    assert not [text for text in run.texts if example in text]
