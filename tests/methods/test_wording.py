"""Drafts that are written after the sketch prefer the words that the private texts use more."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.pipeline.test_resume import DyingWriter, asked, evidence

from rpsg import api
from rpsg.errors import RunError
from rpsg.methods.trial import TEXTS
from rpsg.methods.wording import HIGHEST, LOWEST, STEP
from rpsg.models.fake import FakeWriter
from rpsg.stages.word_roots import words_in

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.conftest import Lab

    from rpsg.plan import Plan
    from rpsg.protocols import OnReply, Reply, Request
    from rpsg.results import Run

#: Texts of the release, drafts for each, and drafts before the sketch.
SIZE, OVERSAMPLE = 20, 16
DRAFTS = SIZE * OVERSAMPLE
BEFORE = DRAFTS // 2


def plan_of(lab: Lab, word: str, **method: Any) -> Plan:
    """A plan for rows that hold ``word`` again and again."""
    rows = [{**row, "text": f"{row['text']} {word} {word}"} for row in lab.rows(600)]
    method = {"oversample": OVERSAMPLE, **method}
    return lab.plan(lab.file(rows), privacy={"epsilon": 8.0}, corpus={"size": SIZE}, method=method)


@pytest.fixture
def common(lab: Lab) -> str:
    """A word that some of the fake writer's drafts have."""
    writer = FakeWriter()
    run = lab.run(lab.plan("", method={"name": "floor"}), "floor", writer=writer)
    used = Counter(word for text in run.texts for word in set(words_in(text)))
    return next(word for word, count in used.most_common() if count < 0.7 * len(run.texts))


def test_a_word_of_the_private_texts_is_preferred_in_the_second_half_of_the_drafts(
    lab: Lab, common: str
) -> None:
    writer = FakeWriter()
    lab.run(plan_of(lab, common, logit_bias=0.5), writer=writer)
    drafts = writer.requests[-DRAFTS:]
    first, later = drafts[:BEFORE], drafts[BEFORE:]
    assert not any(request.logit_bias for request in first)
    assert all(dict(request.logit_bias)[common] > 0 for request in later)
    told = dict(later[-1].logit_bias)
    assert told[common] > 1
    assert min(told.values()) < 0, "a word that the drafts have and the private texts have not"


def test_a_bias_is_bounded_and_in_whole_steps(lab: Lab, common: str) -> None:
    writer = FakeWriter()
    lab.run(plan_of(lab, common, logit_bias=2), writer=writer)
    told = np.array([add for request in writer.requests for _, add in request.logit_bias])
    assert told.size
    assert told.min() >= LOWEST
    assert told.max() <= HIGHEST
    assert np.array_equal(told / STEP, np.rint(told / STEP))


def test_a_small_pool_is_written_before_the_sketch_which_needs_it_to_be_fitted(lab: Lab, common: str) -> None:
    writer = FakeWriter()
    lab.run(plan_of(lab, common, logit_bias=0.5, oversample=6), writer=writer)
    assert not any(request.logit_bias for request in writer.requests)


@pytest.mark.parametrize(
    "method",
    [{"logit_bias": 0}, {}, {"logit_bias": 1, "select": "votes"}],
    ids=["set to 0", "the pack has none", "by votes"],
)
def test_no_word_is_preferred_where_the_plan_does_not_ask_for_it(
    lab: Lab, common: str, method: dict[str, Any]
) -> None:
    writer = FakeWriter()
    lab.run(plan_of(lab, common, **method), writer=writer)
    assert not any(request.logit_bias for request in writer.requests)


def test_a_release_with_such_drafts_verifies_and_only_with_its_own_strength(lab: Lab, common: str) -> None:
    run = api.run(plan_of(lab, common, logit_bias=0.5), lab.folder / "run")
    assert api.verify(run.path).ok
    plan = run.release / "evidence" / "plan.toml"
    plan.write_text(plan.read_text(encoding="utf-8").replace("logit_bias = 0.5", "logit_bias = 0.25"))
    assert not api.verify(run.path).ok


@pytest.mark.parametrize("later", [40, 81], ids=["in the first wave", "in the second wave"])
def test_a_run_that_stops_among_the_later_drafts_goes_on_with_the_same_biases(
    lab: Lab, common: str, retell: Callable[[Run], None], later: int
) -> None:
    plan = plan_of(lab, common, logit_bias=0.5)
    first, second = DyingWriter(TEXTS + BEFORE + later, KeyboardInterrupt()), FakeWriter()
    with pytest.raises(KeyboardInterrupt):
        lab.run(plan, writer=first)
    told = evidence(lab.folder / "run")
    run = lab.run(plan, writer=second)
    assert evidence(run.path) == told, "no second draw"
    assert set(asked(first, second).values()) == {1}
    retell(run)
    assert list(lab.run(plan, "uninterrupted").records) == list(run.records)


def test_after_the_sketch_neither_the_writer_nor_the_strength_can_change(lab: Lab, common: str) -> None:
    """The sketch is in the axes and the words of the drafts before it."""
    with pytest.raises(KeyboardInterrupt):
        lab.run(
            plan_of(lab, common, logit_bias=0.5), writer=DyingWriter(TEXTS + BEFORE + 1, KeyboardInterrupt())
        )
    for plan, writer in (
        (plan_of(lab, common, logit_bias=0.5), FakeWriter(name="another")),
        (plan_of(lab, common, logit_bias=0.25), FakeWriter()),
        (plan_of(lab, common, logit_bias=0.5, oversample=24), FakeWriter()),
    ):
        with pytest.raises(RunError, match="run of another plan"):
            lab.run(plan, writer=writer)


def test_a_draft_that_failed_before_the_sketch_is_not_written_after_it(lab: Lab, common: str) -> None:
    plan = plan_of(lab, common, logit_bias=0.5)

    class StopsAtABias(FakeWriter):
        def write(self, requests: Sequence[Request], on_reply: OnReply | None = None) -> list[Reply]:
            if requests[0].logit_bias:
                raise KeyboardInterrupt
            return super().write(requests, on_reply)

    fragile, sound = StopsAtABias(fails=lambda request: request.seed % 5 == 0), FakeWriter()
    with pytest.raises(KeyboardInterrupt):
        lab.run(plan, writer=fragile)
    lab.run(plan, writer=sound)
    assert fragile.requests
    assert all(request.logit_bias for request in sound.requests)


def test_later_drafts_that_are_all_unusable_leave_those_before(lab: Lab, common: str) -> None:
    class Spoiled(FakeWriter):
        def _reply(self, request: Request) -> Reply:
            reply = super()._reply(request)
            return replace(reply, text="No.") if request.logit_bias else reply

    run = lab.run(plan_of(lab, common, logit_bias=0.5), writer=Spoiled())
    assert len(run.texts) == SIZE
