"""What the paper's method refuses, warns of and survives: places of models, missing parts, failures."""

from __future__ import annotations

import json
import re
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from tests.methods.kept import MARKER, stages

from rpsg import api
from rpsg.errors import ModelError, PrivacyError, UsageError
from rpsg.methods.base import Tools
from rpsg.models.fake import FakeClassifier, FakeEmbedder, FakeWriter
from rpsg.pipeline import execute as running
from rpsg.protocols import Silent, Span
from rpsg.storage.call_store import request_key
from rpsg.testing.lab import plugged
from rpsg.testing.noise import FixedNoise

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.conftest import Lab


class Summaries:
    """A summariser that says the same of everybody."""

    name, endpoint = "summaries", "local_model"

    def summarize(self, texts: Sequence[str], *, count: int, sampled: bool, **how: Any) -> list[list[str]]:
        self.lengths = (how["least"], how["most"])
        return [[f"somebody talks about a purchase, {i}, {sampled}" for i in range(count)] for _ in texts]


def test_with_a_summarizer_no_private_text_is_in_a_prompt(lab: Lab) -> None:
    writer, summariser = FakeWriter(), Summaries()
    tools = Tools(writer, FakeEmbedder(), FakeClassifier(), summariser=summariser)  # type: ignore[arg-type]  # a plain class
    plan = lab.plan(lab.file(lab.rows(40)), method={"name": "paper"}, paper={"abstracter": "summariser"})
    run = running.execute(plan, lab.folder / "run", tools=tools)
    prompts = " ".join(message.content for request in writer.requests for message in request.messages)
    assert not [word for word in lab.apple if word in prompts]
    assert summariser.lengths == (50, 150)
    assert {line["model"]: line["carries"] for line in run.ledger["egress"]}[
        "fake-writer"
    ] == "abstracted_private"
    assert "Abstracts of private texts were sent to" in run.ledger["claim"]["text"]


class Remote(FakeWriter):
    endpoint = "remote_llm"
    host = "api.example"


@pytest.mark.parametrize(
    ("method", "remote", "abstracter", "allowed"),
    [
        ("paper", "never", "writer", False),
        ("paper", "never", "summariser", False),
        ("paper", "abstracts", "writer", False),
        ("paper", "abstracts", "summariser", True),
        ("paper", "records", "writer", True),
        ("split", "never", "writer", False),
    ],
)
def test_a_writer_elsewhere_is_sent_only_what_the_plan_allows(
    lab: Lab, method: str, remote: str, abstracter: str, allowed: bool
) -> None:
    writer = Remote()
    tools = Tools(writer, FakeEmbedder(), FakeClassifier(), summariser=Summaries())  # type: ignore[arg-type]  # a plain class
    paper = {"remote": remote, "abstracter": abstracter}
    plan = lab.plan(lab.file(lab.rows(300)), corpus={"size": 8}, method={"name": method}, paper=paper)
    if allowed:
        run = running.execute(plan, lab.folder / "run", tools=tools)
        assert "api.example" in (run.release / "egress.json").read_text()
        assert "api.example" in run.ledger["claim"]["text"]
    else:
        with pytest.raises(PrivacyError, match="Nothing was read") as caught:
            running.execute(plan, lab.folder / "run", tools=tools)
        assert "[paper] remote" in caught.value.hint
        assert writer.requests == []


def test_an_embedder_elsewhere_is_refused(lab: Lab) -> None:
    class Away(FakeEmbedder):
        endpoint = "remote_llm"

    with pytest.raises(PrivacyError, match="stay on this machine"):
        lab.run(lab.plan(lab.file(lab.rows(40)), method={"name": "paper"}), embedder=Away())


def test_a_summarizer_that_is_asked_for_must_be_there(lab: Lab) -> None:
    plan = lab.plan(lab.file(lab.rows(40)), method={"name": "paper"}, paper={"abstracter": "summariser"})
    with pytest.raises(UsageError, match="summarizer"):
        lab.run(plan)


class Notes(Silent):
    def __init__(self) -> None:
        self.told: list[str] = []

    def note(self, message: str) -> None:
        self.told.append(message)


class Stages(Silent):
    def __init__(self) -> None:
        self.begun: list[str] = []

    def start(self, stage: str, total: int | None = None) -> None:
        self.begun.append(stage)


@pytest.mark.parametrize("method", ["paper", "split", "strict"])
def test_who_runs_without_a_recognizer_of_names_is_told_before_and_while_it_runs(
    lab: Lab, method: str
) -> None:
    plan = lab.plan(lab.file(lab.rows(200)), method={"name": method})
    with_names = {"recogniser": "presidio", "recogniser_model": "en_core_web_sm"}
    safe = lab.plan(lab.file(lab.rows(200)), method={"name": method}, paper=with_names)
    notes = Notes()
    running.execute(plan, lab.folder / "told", tools=lab.tools(), progress=notes)
    for told in (api.preview(plan).warnings, notes.told):
        assert any("not recognize names of people" in line for line in told) == (method != "strict")
    assert not any("not recognize names of people" in line for line in api.preview(safe).warnings)


def test_settings_that_the_method_paper_does_not_look_at_are_named_before_and_while_it_runs(lab: Lab) -> None:
    said: dict[str, Any] = {
        "privacy": {"epsilon": 0.5, "lifetime_epsilon": 8.0},
        "method": {"name": "paper", "rounds": 2},
    }
    plan, notes = lab.plan(lab.file(lab.rows(40)), **said), Notes()
    running.execute(plan, lab.folder / "run", tools=lab.tools(), progress=notes)
    for told in (api.preview(plan).warnings, notes.told):
        (line,) = [line for line in told if "no effect" in line]
        assert "--epsilon, --rounds have no effect" in line
        assert "nominal_epsilon" in line
    quiet: dict[str, Any] = {
        "privacy": {"epsilon": 2.0, "lifetime_epsilon": 8.0},
        "method": {"name": "paper"},
    }
    assert not any("no effect" in line for line in api.preview(lab.plan(**quiet)).warnings)
    strict = api.preview(lab.plan(method={"rounds": 2}))
    assert not any("no effect" in line for line in strict.warnings)


def test_the_number_of_seeds_goes_before_the_size_and_the_plan_says_so(lab: Lab) -> None:
    shown = api.preview(lab.plan(method={"name": "paper"}, paper={"seeds": 7}))
    assert shown.candidates == 7
    assert any("seeds = 7" in line and "--size 20 has no effect" in line for line in shown.warnings)


def test_a_model_for_the_patterns_is_refused(lab: Lab) -> None:
    plan = lab.plan(method={"name": "paper"}, paper={"recogniser_model": "en_core_web_sm"})
    for refused in (api.preview, lab.run):
        with pytest.raises(UsageError, match="recogniser_model") as caught:
            refused(plan)
        assert "presidio" in caught.value.hint


def test_a_recognizer_that_there_is_not_is_refused_with_those_that_there_are(lab: Lab) -> None:
    plan = lab.plan(method={"name": "split"}, paper={"recogniser": "magic"})
    for refused in (api.preview, lab.run):
        with pytest.raises(UsageError, match="no recognizer 'magic'") as caught:
            refused(plan)
        assert "patterns, presidio" in caught.value.hint


class EveryWeek:
    """Takes each "week" for a name."""

    name, endpoint = "every-week-1", "local_model"

    def find(self, texts: Sequence[str]) -> list[list[Span]]:
        return [[Span(m.start(), m.end(), "name") for m in re.finditer("week", text)] for text in texts]


def test_a_recognizer_of_another_package_guards_and_scrubs_and_is_in_the_ledger(lab: Lab) -> None:
    plan = lab.plan(lab.file(lab.rows(200)), method={"name": "paper"}, paper={"recogniser": "every-week"})
    with plugged("recognizers", {"every-week": lambda _, *, model: EveryWeek()}):
        assert not any("not recognize names of people" in line for line in api.preview(plan).warnings)
        run = lab.run(plan)
    assert "every-week-1" in {line.get("model") for line in run.ledger["egress"]}
    assert run.texts
    assert not any("week" in text for text in run.texts)
    plain = lab.run(lab.plan(lab.file(lab.rows(200)), method={"name": "paper"}), "plain")
    assert any("week" in text for text in plain.texts)


def test_a_record_without_words_takes_nobody_s_place(lab: Lab) -> None:
    rows = [{**row, "text": " "} if i % 2 else row for i, row in enumerate(lab.rows(60))]
    seeds = stages(lab.run(lab.plan(lab.file(rows), method={"name": "paper"})))["seeds"]
    assert (seeds["facts"]["taken"], seeds["facts"]["given"]) == (30, 20)
    assert all(seed["text"].strip() for seed in seeds["value"])


def test_the_plan_says_how_much_is_asked_and_what_the_run_asks_is_within_it(lab: Lab) -> None:
    plan = lab.plan(lab.file(lab.rows(40)), method={"name": "paper"})
    shown, writer = api.preview(plan), FakeWriter()
    lab.run(plan, writer=writer)
    asked = {line.what: (line.about, line.at_most) for line in shown.forecasts}
    assert shown.candidates == 20
    assert shown.llm_calls == asked["requests"][0] == 16 + 150 + 60
    assert 16 + 100 + 40 <= len(writer.requests) <= (asked["requests"][1] or 0) == 16 + 200 + 160
    assert asked["tokens"][1] is None, "records have no length that is public"
    assert shown.attributes == ()


def test_with_a_summarizer_the_writer_is_asked_for_rewrites_alone(lab: Lab) -> None:
    plan = lab.plan(method={"name": "paper"}, paper={"abstracter": "summariser"})
    assert api.preview(plan).llm_calls == 8 + 60


def test_test_noise_makes_a_run_that_says_it_is_not_private(lab: Lab) -> None:
    plan = lab.plan(lab.file(lab.rows(40)), method={"name": "paper"})
    run = lab.run(plan, noise=FixedNoise())
    assert run.ledger["status"] == "not_private_testing"
    assert all(record["claim"].startswith("NOT PRIVATE") for record in run.records)


def test_a_model_that_fails_on_a_private_text_tells_nothing_of_it(lab: Lab) -> None:
    class Broken(FakeEmbedder):
        def embed(self, texts: Sequence[str]) -> Any:
            if MARKER in texts[0]:
                raise ValueError(f"cannot embed {texts[0]!r}")
            return super().embed(texts)

    rows = [{**row, "text": f"{row['text']} {MARKER}"} for row in lab.rows(40)]
    with pytest.raises(PrivacyError, match="withheld") as caught:
        lab.run(lab.plan(lab.file(rows), method={"name": "paper"}), embedder=Broken())
    assert MARKER not in str(caught.value)
    assert caught.value.__context__ is None


def test_a_writer_that_is_down_stops_the_run_and_it_can_go_on(lab: Lab) -> None:
    plan = lab.plan(lab.file(lab.rows(40)), method={"name": "paper"})
    with pytest.raises(ModelError, match="tested on 8 public prompts"):
        lab.run(plan, writer=FakeWriter(fails=lambda _: True))
    assert len(lab.run(plan).texts) == 18


def test_what_is_kept_of_a_failed_private_prompt_confirms_no_guess(lab: Lab) -> None:
    """Whoever guesses a private text could hash the prompt it makes, and look for that among plain hashes."""
    writer = FakeWriter(fails=lambda request: request.seed % 2 == 0)
    run = lab.run(lab.plan(lab.file(lab.rows(40)), method={"name": "paper"}), writer=writer)
    kept = (run.path / "private/failed.txt").read_text()
    failed = [request for request in writer.requests if request.seed % 2 == 0]
    assert failed
    assert not any(request_key(writer.name, request) in kept for request in failed)


def test_the_journal_tells_neither_how_many_private_prompts_there_were_nor_how_long_they_took(
    lab: Lab,
) -> None:
    watch = Stages()
    run = lab.run(lab.plan(lab.file(lab.rows(40)), method={"name": "paper"}), progress=watch)
    assert "first rewrite, attempt 2" in watch.begun, "who looks on is told that a text is written again"
    assert len(set(watch.begun)) == len(watch.begun)
    events = [json.loads(line) for line in (run.path / "journal.jsonl").read_text().splitlines()]
    told = [event for event in events if event["event"] in {"sending", "finished"}]
    stages_told = [event["stage"] for event in told if event["event"] == "sending"]
    assert len(stages_told) == len(set(stages_told)) >= 2
    assert not [event for event in told if "at" in event or "requests" in event]
    assert not [stage for stage in stages_told if "attempt" in stage]


def test_no_input_takes_the_place_of_an_output_that_failed(lab: Lab) -> None:
    """Every second request fails: those places stay empty."""
    plan = lab.plan(lab.file(lab.rows(40)), method={"name": "paper"}, paper={"nll_percentile": 0})
    order = count()  # not by seed: these are secret, and a whole batch could fail by chance
    run = lab.run(plan, writer=FakeWriter(fails=lambda _: next(order) % 2 == 0))
    private = {row["text"] for row in lab.rows(40)}
    assert len(run.texts) <= 20
    assert not private & set(run.texts)
    kept = [text for text in stages(run)["second-rewrite"]["value"] if text["dropped"] is None]
    assert all(text["text"] for text in kept)
