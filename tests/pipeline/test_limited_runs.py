"""A run stops at a limit, keeps what it has, and goes on with a larger one to the same end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rpsg import api, registry
from rpsg.errors import LimitError, UsageError
from rpsg.models.fake import FakeWriter
from rpsg.storage.call_report import read_public_calls
from rpsg.storage.call_store import request_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Lab

    from rpsg.release.run import Run


class Remote(FakeWriter):
    endpoint = "remote_llm"
    host = "llm.example.org"


def asked(*writers: FakeWriter) -> list[str]:
    return sorted(request_key(w.name, request) for w in writers for request in w.requests)


def test_a_run_goes_on_with_a_larger_limit_to_what_it_would_have_been(
    lab: Lab, retell: Callable[[Run], None]
) -> None:
    data = lab.file(lab.rows(300))
    writers = [FakeWriter() for _ in range(3)]
    for writer, cap in zip(writers, (10, 35), strict=False):
        with pytest.raises(LimitError):
            lab.run(lab.plan(data, limits={"requests": cap}), writer=writer)
    assert [len(writer.requests) for writer in writers] == [10, 25, 0]
    run = lab.run(lab.plan(data), writer=writers[2])
    assert len(asked(*writers)) == len(set(asked(*writers)))
    retell(run)
    assert lab.run(lab.plan(data), "at once").texts == run.texts


def test_a_limited_run_is_the_same_release_as_one_without_limits(
    lab: Lab, retell: Callable[[Run], None]
) -> None:
    data = lab.file(lab.rows(300))
    free = lab.run(lab.plan(data), "free")
    retell(free)
    capped = lab.run(lab.plan(data, limits={"tokens": 10**7, "seconds": 1000}), "capped")
    for name in ("corpus.jsonl", "evidence/plan.toml", "evidence/texts.jsonl", "egress.json"):
        assert (free.release / name).read_bytes() == (capped.release / name).read_bytes(), name


def test_a_limit_of_cost_without_a_price_is_refused_before_anything_is_read(lab: Lab) -> None:
    plan = lab.plan(lab.folder / "is-not-there.jsonl", limits={"cost": 1.0})
    with pytest.raises(UsageError, match="is not known") as refused:
        lab.run(plan, writer=Remote())
    assert "[[models]]" in refused.value.hint
    assert not (lab.folder / "run").exists()


def test_a_limit_of_cost_with_a_price_is_kept(lab: Lab) -> None:
    prices = lab.folder / "prices.toml"
    prices.write_text('[[models]]\nname = "fa*"\nprompt = 2.0\ncompletion = 8.0\nseen = 2026-01-31\n')
    writer = Remote()
    limits = {"cost": 0.01, "prices": str(prices)}
    with pytest.raises(LimitError, match="of cost"):
        lab.run(lab.plan(lab.file(lab.rows(300)), limits=limits), writer=writer)
    used = read_public_calls(lab.folder / "run").used
    assert len(writer.requests) == used.requests > 5
    assert 2.0 * used.prompt_tokens + 8.0 * used.completion_tokens <= 0.01 * 1e6


def test_a_preview_says_which_limit_will_be_reached(lab: Lab) -> None:
    roomy = api.preview(lab.plan(limits={"tokens": 10**8, "requests": 10**6}))
    assert not any("limit" in warning for warning in roomy.warnings)
    tight = api.preview(lab.plan(limits={"tokens": 500, "requests": 20}))
    assert sum("will be reached" in warning for warning in tight.warnings) == 2
    tokens = next(line for line in tight.forecasts if line.what == "tokens")
    assert tokens.about is not None
    assert tokens.at_most is not None
    assert 500 < tokens.about <= tokens.at_most
    between = api.preview(lab.plan(limits={"tokens": int(tokens.about + tokens.at_most) // 2}))
    assert any("may be reached" in warning for warning in between.warnings)


def test_a_preview_of_a_writer_far_away_says_where_it_is_and_what_is_not_known(lab: Lab) -> None:
    plan = lab.plan(models={"writer": "openai:some"}, server={"base_url": "https://llm.example.org/v1"})
    seen = api.preview(plan)
    assert {flow.stage: flow.place for flow in seen.flows}["writer"] == "llm.example.org"
    assert seen.seconds is None
    assert "no table of prices" in seen.prices
    remote_reader = lab.plan(models={"embedder": "openai:e"}, server={"base_url": "https://e.example/v1"})
    refused = api.preview(remote_reader)
    assert any("would be refused" in stop for stop in refused.obstacles)
    assert refused.exit_code == 10


def test_a_preview_holds_what_a_run_then_uses(lab: Lab) -> None:
    plan = lab.plan(lab.file(lab.rows(300)))
    at_most = {line.what: line.at_most for line in api.preview(plan).forecasts}
    lab.run(plan)
    used = read_public_calls(lab.folder / "run").used
    assert used.prompt_tokens + used.completion_tokens <= (at_most["tokens"] or 0)


def test_a_preview_of_a_method_with_private_seeds_says_that_prompts_hold_private_text(lab: Lab) -> None:
    for method, claim in (("paper", "There is no guarantee"), ("split", "donors are not protected")):
        remote = {"base_url": "https://llm.example.org/v1"}
        seen = api.preview(lab.plan(method={"name": method}, models={"writer": "openai:some"}, server=remote))
        assert claim in seen.claim
        (writer,) = [flow for flow in seen.flows if flow.stage == "writer"]
        assert (writer.place, "private texts" in writer.sees) == ("llm.example.org", True)
        assert any("would be refused" in stop for stop in seen.obstacles)


def test_a_preview_asks_no_model_and_makes_nothing(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        pytest.fail("a model was loaded")

    monkeypatch.setattr(registry, "writer", refuse)
    monkeypatch.setattr(registry, "embedder", refuse)
    file = lab.file([{"text": "some words", "user": 1}])
    before = sorted(lab.folder.rglob("*"))
    api.preview(lab.plan(file))
    assert sorted(lab.folder.rglob("*")) == before
