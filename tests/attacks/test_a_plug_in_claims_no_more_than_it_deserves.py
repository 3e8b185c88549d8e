"""What a method of another package says of itself is checked before anything is read."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from tests.pipeline.test_egress import Somewhere

from rpsg import api
from rpsg.cli import main
from rpsg.errors import InfeasibleError, PrivacyError, RpsgError, UsageError
from rpsg.methods import strict
from rpsg.methods.base import Method
from rpsg.methods.named import find_method
from rpsg.models.fake import FakeEmbedder, FakeWriter
from rpsg.pipeline.execute import execute
from rpsg.privacy.accounting import StagePlan, calibrate
from rpsg.privacy.egress import PUBLIC, STRICT
from rpsg.privacy.facts import UnprotectedFlow
from rpsg.privacy.histogram import Query
from rpsg.records import Candidate, Card, Pool
from rpsg.testing.lab import plugged

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.conftest import Lab

    from rpsg.domains import Pack
    from rpsg.methods.base import Job
    from rpsg.plan import Plan
    from rpsg.privacy.accounting import Budget
    from rpsg.protocols import OnReply, Reply, Request

SEEN: list[str] = []
FAR: dict[str, Any] = {"endpoint": "remote_llm", "host": "far.example.com"}
WRITER_ALONE = (STRICT[-1],)


def texts(job: Job) -> Pool:
    return Pool(tuple(Candidate(i, f"Text number {i} about {job.pack.about}.", Card({})) for i in range(3)))


def one_id(_: Job) -> Pool:
    return Pool((Candidate(0, "A text of tea.", Card({})), Candidate(0, "A text of oil.", Card({}))))


def three_times(plan: Plan, pack: Pack) -> Budget:
    rich = plan.model_copy(update={"privacy": plan.privacy.model_copy(update={"epsilon": 6.0})})
    return strict.METHOD.budget(rich, pack)  # type: ignore[misc]  # strict has one


def less_noise(plan: Plan, pack: Pack) -> Budget:
    honest = strict.METHOD.budget(plan, pack)  # type: ignore[misc]  # strict has one
    return replace(honest, releases=tuple(replace(r, sigma=r.sigma / 10) for r in honest.releases))


def one_question(plan: Plan, _: Pack) -> Budget:
    stage = StagePlan("lengths", share=1.0, rule="S2_one_cell", c=plan.records_per_unit)
    return calibrate(plan.privacy.epsilon, plan.privacy.delta, [stage], adjacency=plan.privacy.adjacency)


def notes_the_place(plan: Plan) -> None:
    SEEN.append(plan.data.path)


def fails(*_: object) -> Any:
    raise ZeroDivisionError("private words may be in here")


def named(name: str, **changes: Any) -> Method:
    return replace(strict.METHOD, name=name, **changes)


def read_raw(*_: object) -> tuple[UnprotectedFlow, ...]:
    return (UnprotectedFlow("records", "prompt", "raw text"),)


def reading(name: str, reads: Any, **changes: Any) -> Method:
    flows = read_raw if reads == "records" else None
    return Method(name, "a plug-in", reads, texts, **{"flows": flows, **changes})


METHODS = [
    named("unlisted", egress=lambda _: WRITER_ALONE),
    named("public", egress=lambda _: PUBLIC),
    named("tighter", egress=lambda _: (*STRICT[:-1], replace(STRICT[-1], place="here"))),
    named("rich", budget=three_times),
    named("quiet", budget=less_noise),
    named("failing", check=fails),
    reading("silent", "records", egress=lambda _: ()),
    reading("as-public", "records", egress=lambda _: PUBLIC),
    reading("curious", "nothing", check=notes_the_place),
    reading("other-role", "nothing", models=lambda _: {"oracle": FakeWriter}),
    Method("one-id", "a plug-in", "nothing", one_id),
    Method("crashing", "a plug-in", "nothing", fails),
]


class Sly(Method):
    """Says one thing when it is asked, and does another."""

    claim = "end_to_end_dp"


@pytest.fixture(autouse=True)
def installed() -> Iterator[None]:
    SEEN.clear()
    sly = Sly("sly", "a plug-in", "records", texts, flows=read_raw)
    with plugged("methods", {**{method.name: method for method in METHODS}, "sly": sly, "broken": 7}):
        yield


def plan_of(lab: Lab, name: str) -> Plan:
    return lab.plan(lab.file(lab.rows(60)), method={"name": name})


@pytest.mark.parametrize("name", ["unlisted", "public"])
def test_a_method_cannot_let_private_texts_go_to_an_embedder_elsewhere(lab: Lab, name: str) -> None:
    tools = replace(lab.tools(), embedder=Somewhere(FakeEmbedder(), **FAR))
    with pytest.raises(PrivacyError, match="embedder"):
        execute(plan_of(lab, name), lab.folder / "run", tools=tools)
    with pytest.raises(PrivacyError, match="embedder"):
        api.preview(plan_of(lab, name))


@pytest.mark.parametrize("name", ["silent", "as-public"])
def test_a_method_that_reads_records_says_who_is_sent_them(lab: Lab, name: str) -> None:
    with pytest.raises(PrivacyError, match="does not correctly declare"):
        lab.run(plan_of(lab, name))
    assert not (lab.folder / "run" / "release").exists()


def test_a_method_may_keep_more_on_this_machine_than_it_has_to(lab: Lab) -> None:
    plan = plan_of(lab, "tighter")
    assert [rule.place for rule in find_method("tighter").egress_of(plan)] == ["here"] * len(STRICT)


@pytest.mark.parametrize("name", ["rich", "quiet"])
def test_a_budget_that_is_not_the_plan_s_is_refused_by_plan_and_run(lab: Lab, name: str) -> None:
    for refused in (api.preview, lab.run):
        with pytest.raises(UsageError, match="budget"):
            refused(plan_of(lab, name))


def test_no_function_of_a_plug_in_is_shown_where_the_data_are(lab: Lab) -> None:
    lab.run(plan_of(lab, "curious"))
    assert SEEN
    assert set(SEEN) == {""}


@pytest.mark.parametrize("name", ["failing", "crashing", "one-id", "other-role"])
def test_a_plug_in_that_fails_is_named_in_a_sentence_without_its_own_words(lab: Lab, name: str) -> None:
    with pytest.raises(UsageError, match=name) as told:
        lab.run(plan_of(lab, name))
    assert "private words" not in f"{told.value} {told.value.hint}"
    assert not (lab.folder / "run" / "release").exists()


@pytest.mark.parametrize("name", ["sly", "broken"])
def test_only_a_method_itself_is_one(name: str) -> None:
    with pytest.raises(UsageError, match="does not declare what it reads"):
        find_method(name)


def test_a_model_that_no_rule_names_stays_on_this_machine(lab: Lab) -> None:
    method = named("more-models", models=lambda _: {"summariser": lambda: Somewhere(FakeWriter(), **FAR)})
    with plugged("methods", {"more-models": method}), pytest.raises(RpsgError, match="summariser"):
        execute(plan_of(lab, "more-models"), lab.folder / "run", tools=_with_models(lab, method))


def test_a_step_on_private_data_that_fails_in_a_plug_in_names_its_package(lab: Lab) -> None:
    def counts(job: Job) -> Pool:
        question = Query.of(job.budget.release("lengths"), "texts", dim=2)  # type: ignore[union-attr]  # it has one
        job.kernel.release(question, lambda: job.people.rows.zip(job.people.units, fails))
        return texts(job)

    mine = Method("miscounting", "a plug-in", "noisy_answers", counts, one_question)
    with plugged("methods", {"miscounting": mine}), pytest.raises(PrivacyError, match="withheld") as told:
        lab.run(plan_of(lab, "miscounting"))
    assert "'miscounting'" in told.value.hint
    assert "pip uninstall lent-" in told.value.hint
    assert "private words" not in str(told.value)


def test_the_models_that_a_method_brings_are_held_to_their_protocols(lab: Lab) -> None:
    class Broken(FakeWriter):
        def write(self, requests: Sequence[Request], on_reply: OnReply | None = None) -> list[Reply]:
            fails(requests, on_reply)
            return []

    mine = reading("bringing", "nothing", models=lambda _: {"writer": Broken})
    with plugged("methods", {"bringing": mine}):
        writer = find_method("bringing").models(plan_of(lab, "bringing"))["writer"]()
        with pytest.raises(UsageError, match="brings a writer that failed in write") as told:
            writer.write([])
    assert "pip uninstall lent-" in told.value.hint


def test_the_work_of_a_method_that_does_not_declare_it_is_not_made_up(
    lab: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = Method("mine", "a plug-in", "noisy_answers", strict.synthesize, one_question)
    plan = lab.plan(lab.file(lab.rows(60)), method={"name": "mine"}, limits={"requests": 1})
    with plugged("methods", {"mine": mine}):
        shown = api.preview(plan)
        typed = ["--method", "mine", "--user", "user", "--writer", "fake", "--embedder", "fake"]
        assert main(["plan", plan.data.path, *typed]) == 0
    assert (shown.candidates, shown.llm_calls, shown.prompt_tokens, shown.new_tokens) == (None,) * 4
    assert (shown.seconds, shown.smallest_people) == (None, None)
    assert {(line.about, line.at_most) for line in shown.forecasts} == {(None, None)}
    said = capsys.readouterr().out
    assert "not declared by the method" in said
    assert "minimum number of people" not in said


def test_the_preview_of_a_method_of_another_package_says_what_it_asks_and_draws(
    lab: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    def asks(plan: Plan, _: Pack) -> Budget:
        stage = StagePlan(
            *("lengths", 1.0, "S2_one_cell"),
            c=plan.records_per_unit,
            words="how long the texts are",
            needs=lambda sigma: math.ceil(50 * sigma),
        )
        return calibrate(plan.privacy.epsilon, plan.privacy.delta, [stage], adjacency=plan.privacy.adjacency)

    mine = Method("mine", "a plug-in", "noisy_answers", texts, asks)
    plan = lab.plan(lab.file(lab.rows(60)), method={"name": "mine"})
    with plugged("methods", {"mine": mine, "even": replace(mine, name="even", cards="even")}):
        shown = api.preview(plan)
        even = api.preview(
            plan.model_copy(update={"method": plan.method.model_copy(update={"name": "even"})})
        )
        typed = ["--method", "mine", "--user", "user", "--writer", "fake", "--embedder", "fake"]
        assert main(["plan", plan.data.path, *typed]) == 0
        few = lab.plan(plan.data.path, method={"name": "mine"}, privacy={"n_public": 10})
        with pytest.raises(InfeasibleError, match="step lengths: how long the texts are"):
            api.preview(few)
    said = capsys.readouterr().out
    assert [stage.in_words for stage in shown.stages] == ["how long the texts are"]
    assert shown.smallest_people == math.ceil(50 * shown.stages[0].noise)
    assert shown.attributes == ()
    assert "Attributes of a text" not in said
    assert "how long the texts are" in said
    assert "The schema" not in said
    assert [name for name, *_ in even.attributes] == ["topic", "sentiment", "length", "opening"]


def test_what_a_stage_says_for_previews_is_no_part_of_a_release() -> None:
    stage = StagePlan("lengths", 1.0, "S2_one_cell")
    plain = calibrate(1.0, 1e-6, [stage])
    worded = calibrate(1.0, 1e-6, [replace(stage, words="how long", needs=math.ceil)])
    assert plain == worded
    assert plain.plan() == worded.plan()
    assert plain.sha256() == worded.sha256()


def _with_models(lab: Lab, method: Method) -> Any:
    more: dict[str, Any] = {role: make() for role, make in method.models(lab.plan()).items()}
    return replace(lab.tools(), **more)
