"""Around the edits of rupta: what is said of them, what leaves, what is refused, and how it resumes."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from tests.methods.kept import MARKER
from tests.methods.obedient import (
    SECRETS,
    TAIL,
    Obedient,
    plan_of,
    rows_of,
    secrets_in,
)

from rpsg import api
from rpsg.errors import ModelError, PrivacyError, UsageError
from rpsg.privacy.claims import NO_GUARANTEE
from rpsg.testing.lab import Witness

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.conftest import Lab

    from rpsg.protocols import Request
    from rpsg.release.run import Run

# -- what is said, and what leaves ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def done(lab_of: Any, tmp_path_factory: pytest.TempPathFactory) -> Run:
    lab: Lab = lab_of(tmp_path_factory.mktemp("rupta"))
    rows = [{**row, "text": f"{row['text']} {MARKER}"} for row in rows_of(8)]
    result: Run = lab.run(plan_of(lab, rows), writer=Obedient())
    return result


def test_the_ledger_guarantees_nothing_and_names_every_read(done: Run) -> None:
    ledger = done.ledger
    assert (ledger["reads"], ledger["mechanisms"], done.epsilon) == ("records", [], None)
    assert ledger["claim"]["type"] == "no_formal_guarantee"
    assert ledger["claim"]["text"].startswith(NO_GUARANTEE)
    told = [(flow["from"], flow["to"]) for flow in ledger["non_dp_flows"]]
    assert told == [("records", "seeds"), ("seeds", "fake-writer"), ("seeds", "choice of edits")]
    assert {"model": "fake-writer", "endpoint_class": "local_model", "carries": "raw_private"} in ledger[
        "egress"
    ]


def test_nowhere_in_the_release_is_there_an_epsilon_or_a_score(done: Run) -> None:
    files = [path for path in done.release.rglob("*") if path.is_file()]
    assert len(files) > 8
    for file in files:
        content = file.read_bytes().lower()
        assert b"epsilon" not in content, file
        assert b"edits.json" not in content, file
    assert b"confidence = 90" in (done.release / "evidence" / "plan.toml").read_bytes()


def test_private_words_leave_in_released_texts_alone(done: Run) -> None:
    outside = [
        path
        for path in done.path.rglob("*")
        if path.is_file() and "private" not in path.relative_to(done.path).parts
    ]
    named = {path.name for path in outside if MARKER.lower().encode() in path.read_bytes().lower()}
    assert named <= {"corpus.jsonl", "corpus.csv", "corpus.parquet", "report.html"}
    assert not [path for path in outside if b"forty two" in path.read_bytes()], "what a text tells stays here"


def test_anyone_can_verify_the_release(done: Run) -> None:
    found = api.verify(done.release)
    assert not found.claims
    assert found.ok


def test_a_writer_elsewhere_is_refused_unless_the_plan_names_it(lab: Lab) -> None:
    writer: Any = Obedient()
    writer.endpoint, writer.host = "remote_llm", "llm.example"
    with pytest.raises(PrivacyError, match=r"writer fake-writer runs on llm\.example") as caught:
        lab.run(plan_of(lab, rows_of(8)), writer=writer)
    assert '[rupta] remote = "records"' in caught.value.hint
    assert writer.requests == []
    run = lab.run(plan_of(lab, rows_of(8), remote="records"), writer=writer)
    assert "llm.example" in run.ledger["claim"]["text"]


def test_each_prompt_holds_one_record_and_is_marked_private(lab: Lab) -> None:
    writer = Obedient()
    lab.run(plan_of(lab, rows_of(8)), writer=writer)
    for request in writer.requests:
        assert request.private
        assert len(set(re.findall(r"number\d", request.messages[-1].content))) <= 1


def test_the_stages_that_are_shown_do_not_depend_on_the_texts(lab: Lab) -> None:
    """A run whose texts are good at once shows what a run shows that edits every text five times."""
    lines = {}
    for name, words in {"good": TAIL, "bad": f"{' '.join(SECRETS)} {TAIL}"}.items():
        rows = [{"text": f"number{i} {words}", "user": f"u{i}"} for i in range(8)]
        witness, plan = Witness(), plan_of(lab, rows)
        certain = {"certainty": lambda _: "99}"} if name == "good" else {"guess": lambda _: 'forty two"]}'}
        lab.run(plan, name, writer=Obedient(**certain), progress=witness)
        lines[name] = [line for line in witness.told if line[0] == "start"]
    assert lines["good"] == lines["bad"]
    assert ("start", "edit 5, certainty", 100) in lines["good"]


# -- before a run, and after one that was stopped ---------------------------------------------------------


def test_a_writer_that_cannot_answer_is_found_before_anything_is_read(lab: Lab) -> None:
    writer = Obedient(certainty=lambda _: "rather certain")
    with pytest.raises(ModelError, match="gives no number for the label") as caught:
        lab.run(plan_of(lab, rows_of(8)), writer=writer)
    assert "--writer" in caught.value.hint
    assert not any(secrets_in(m.content) for r in writer.requests for m in r.messages)
    assert not list((lab.folder / "run" / "private").glob("stages/*"))


def test_texts_without_a_label_and_without_a_sentiment_are_refused(lab: Lab, tmp_path: Path) -> None:
    import shutil

    folder = tmp_path / "moodless"
    shutil.copytree(lab.pack, folder)
    toml = (folder / "pack.toml").read_text().replace('kind = "sentiment"', 'kind = "free"')
    toml = toml.replace('[["topic", "sentiment"], ["sentiment", "length"]]', '[["topic"], ["length"]]')
    (folder / "pack.toml").write_text(toml)
    rows = lab.file(rows_of(8))
    with pytest.raises(UsageError, match="have no sentiment") as caught:
        lab.run(lab.plan(rows, corpus={"domain": str(folder)}, method={"name": "rupta"}))
    assert "--label" in caught.value.hint
    labelled = lab.plan(
        rows,
        data={"label": "label"},
        corpus={"domain": str(folder), "size": 4},
        method={"name": "rupta"},
    )
    run = lab.run(labelled, writer=Obedient())
    assert {row["label"] for row in run.records} == {"food"}


@pytest.mark.parametrize("rupta", [{}, {"guarded": 3, "edits": 2, "attempts": 2}])
def test_no_more_is_asked_than_rpsg_plan_says_as_the_most(lab: Lab, rupta: dict[str, Any]) -> None:
    plan, writer = plan_of(lab, rows_of(8), **rupta), Obedient(guess=lambda _: 'forty two"]}')
    preview = api.preview(plan)
    lab.run(plan, writer=writer)
    forecast = {line.what: line for line in preview.forecasts}["requests"]
    assert len(writer.requests) <= (forecast.at_most or 0)
    assert 0 < (forecast.about or 0) <= (forecast.at_most or 0)
    assert any("cannot be guessed in 3" in line for line in preview.explanations)


class Failing(Obedient):
    """Stops the process after so many batches."""

    def __init__(self, after: int) -> None:
        super().__init__()
        self.after = after

    def write(self, requests: Sequence[Request], on_reply: Any = None) -> Any:
        self.after -= 1
        if self.after < 0:
            raise KeyboardInterrupt
        return super().write(requests, on_reply)


@pytest.mark.parametrize("batches", [0, 1, 2, 3, 5, 8, 13])
def test_a_run_that_was_stopped_resumes_and_asks_for_nothing_twice(lab: Lab, batches: int) -> None:
    plan = plan_of(lab, rows_of(8))
    stopped = Failing(batches)
    with pytest.raises(KeyboardInterrupt):
        lab.run(plan, writer=stopped)
    rest = Obedient()
    run = lab.run(plan, writer=rest)
    assert len(run.texts) == 4
    both = Counter(repr(request) for request in (*stopped.requests, *rest.requests))
    assert max(both.values()) == 1
    assert api.verify(run.path).ok


# -- real weights -----------------------------------------------------------------------------------------


@pytest.mark.weights
def test_a_small_model_answers_in_the_forms_that_are_asked_for(lab: Lab) -> None:
    """Each reply begins as it should and a certainty is read; a form that comes back empty is no answer."""
    from rpsg.models.download import locate
    from rpsg.models.llamacpp.writer import LlamaCppWriter
    from rpsg.stages.abstraction import Seed
    from rpsg.stages.anonymization import Asker, read_certainty, read_edit, read_guesses

    text = "I am a nurse in Cork and my two boys keep me awake, but the night shift pays well."
    asker = Asker(lab.tiny(), plan_of(lab, rows_of(1)), b"k", Seed(0, text, "positive", 18))
    asked = [asker.facts(0), asker.first_edit(0), asker.guesses(text, "sex", 0), asker.certainty(text, 0)]
    writer = LlamaCppWriter(locate("smollm2-135m"), slots=4, context=1024)
    try:
        replies = writer.write(asked)
    finally:
        writer.close()
    assert all(reply.text.startswith(request.begins) for request, reply in zip(asked, replies, strict=True))
    assert read_certainty(replies[3]) in range(101)
    edited, problem = read_edit(replies[1], asker.seed)
    assert bool(edited) != bool(problem)
    assert edited != text
    assert "..." not in (read_guesses(replies[2], 3) or [])
