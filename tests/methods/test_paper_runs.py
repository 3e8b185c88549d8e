"""The paper's method from the outside: what comes out, what it says, what leaves, and that it goes on."""

from __future__ import annotations

import json
import random
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from tests.methods.kept import MARKER, SaysNothing, stages

from rpsg import api
from rpsg.errors import InfeasibleError, ModelError, RunError
from rpsg.models.fake import FakeWriter
from rpsg.privacy.claims import NO_GUARANTEE
from rpsg.stages.noisy_choice import vote_counts

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.conftest import Lab

    from rpsg.protocols import Request
    from rpsg.release.run import Run

QUIET: dict[str, dict[str, Any]] = {"method": {"name": "paper"}, "paper": {"nominal_epsilon": 0}}


@pytest.fixture(scope="module")
def done(lab_of: Any, tmp_path_factory: pytest.TempPathFactory) -> Run:
    lab: Lab = lab_of(tmp_path_factory.mktemp("paper"))
    rows = [{**row, "text": f"{row['text']} {MARKER}"} for row in lab.rows(60)]
    result: Run = lab.run(lab.plan(lab.file(rows), method={"name": "paper"}))
    return result


def test_one_seed_gives_one_text_and_the_filter_takes_a_tenth(done: Run) -> None:
    counts = {name: (kept["facts"]["taken"], kept["facts"]["given"]) for name, kept in stages(done).items()}
    assert counts["seeds"] == (60, 20)
    assert counts["abstraction"][0] == 5 * 20
    assert counts["nll-filter"] == (20, 18)
    assert len(done.texts) == 18


def test_every_stage_is_in_the_operator_s_table_with_seconds_and_reasons(done: Run) -> None:
    table = (done.path / "private" / "stages.md").read_text()
    names = ("seeds", "abstraction", "choice", "first rewrite", "second rewrite", "scrub", "nll filter")
    assert all(f"| {name} |" in table for name in names)
    assert "2 scored like a private text" in table
    assert not [path for path in done.release.rglob("*") if "stages" in path.name]


def test_the_ledger_says_that_nothing_is_guaranteed_and_what_was_read(done: Run) -> None:
    ledger = done.ledger
    assert (ledger["reads"], ledger["mechanisms"], done.epsilon) == ("records", [], None)
    assert ledger["claim"]["text"].startswith(NO_GUARANTEE)
    told = {(flow["from"], flow["to"]) for flow in ledger["non_dp_flows"]}
    assert {("records", "seeds"), ("seeds", "fake-writer"), ("abstracts of seeds", "fake-writer")} <= told
    assert {"model": "fake-writer", "endpoint_class": "local_model", "carries": "raw_private"} in ledger[
        "egress"
    ]


def test_nowhere_in_the_release_is_there_an_epsilon(done: Run) -> None:
    files = [path for path in done.release.rglob("*") if path.is_file()]
    assert len(files) > 8
    for file in files:
        content = file.read_bytes().lower()
        assert b"epsilon" not in content, file
        if (
            file.suffix != ".parquet"
        ):  # compressed: any two bytes may stand there, and the rows are in the others
            assert "\u03b5".encode() not in content, file


def test_ledger_summary_card_and_every_row_say_that_there_is_no_guarantee(done: Run) -> None:
    for name in ("ledger.json", "summary.md", "README.md", "corpus.jsonl", "corpus.csv"):
        assert NO_GUARANTEE in (done.release / name).read_text(encoding="utf-8"), name
    assert all(record["claim"] == NO_GUARANTEE for record in done.records)
    assert '"claim"' in (done.release / "corpus.csv").read_text().splitlines()[0]
    assert "differential-privacy]" not in (done.release / "README.md").read_text()


def test_the_release_tells_no_count_of_what_was_dropped(done: Run) -> None:
    assert "dropped because" not in done.summary
    assert not (done.release / "evidence" / "texts.jsonl").exists()


def test_private_words_leave_in_released_texts_alone(done: Run) -> None:
    """The fake writer copies words of its prompt, as a real one may: that is what is not guaranteed."""
    outside = [
        path
        for path in done.path.rglob("*")
        if path.is_file() and "private" not in path.relative_to(done.path).parts
    ]
    shown = {path.name for path in outside if MARKER.lower().encode() in path.read_bytes().lower()}
    assert shown <= {"corpus.jsonl", "corpus.csv", "corpus.parquet", "report.html"}
    seeds = [seed["text"].encode() for seed in stages(done)["seeds"]["value"]]
    assert not [path for path in outside if any(seed in path.read_bytes() for seed in seeds)]
    assert not list(done.path.glob("evidence/calls*"))


def test_anyone_can_check_the_release_and_is_told_what_only_the_operator_can(done: Run) -> None:
    found = api.verify(done.release)
    assert not found.claims
    assert found.ok
    assert any("made from private texts" in line for line in found.cannot_show)


def test_a_ledger_with_an_epsilon_is_refused(done: Run, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(done.release, tmp_path / "release")
    ledger = json.loads((tmp_path / "release" / "ledger.json").read_text())
    ledger["claim"]["epsilon"] = 1.0
    (tmp_path / "release" / "ledger.json").write_text(json.dumps(ledger))
    assert not api.verify(tmp_path / "release").ok


def test_seed_numbers_go_through_every_stage(done: Run) -> None:
    kept = stages(done)
    seeds = {seed["number"] for seed in kept["seeds"]["value"]}
    for stage in ("first-rewrite", "second-rewrite", "scrub", "nll-filter"):
        assert {text["parent"] for text in kept[stage]["value"]} <= seeds
    sentiments = {seed["number"]: seed["sentiment"] for seed in kept["seeds"]["value"]}
    seed_of = {text["text"]: text["parent"] for text in kept["nll-filter"]["value"]}
    assert all(row["attributes"]["sentiment"] == sentiments[seed_of[row["text"]]] for row in done.records)
    assert kept["sentiment-agreement"]["value"] <= 18


def test_the_release_numbers_its_rows_anew_so_that_gaps_tell_nothing(done: Run) -> None:
    assert [row["id"] for row in done.records] == list(range(len(done.records)))


def test_the_same_run_again_reads_the_finished_one(lab: Lab) -> None:
    plan = lab.plan(lab.file(lab.rows(40)), method={"name": "paper"})
    first, writer = lab.run(plan), FakeWriter()
    assert lab.run(plan, writer=writer).texts == first.texts
    assert writer.requests == []


class Failing(FakeWriter):
    """Stops the process after so many batches."""

    def __init__(self, after: int) -> None:
        super().__init__()
        self.after = after

    def write(self, requests: Sequence[Request], on_reply: Any = None) -> Any:
        self.after -= 1
        if self.after < 0:
            raise KeyboardInterrupt
        return super().write(requests, on_reply)


@pytest.mark.parametrize("batches", [0, 1, 2, 3, 4])
def test_a_run_that_was_stopped_goes_on_and_asks_for_nothing_twice(lab: Lab, batches: int) -> None:
    plan = lab.plan(lab.file(lab.rows(40)), corpus={"size": 12}, method={"name": "paper"})
    stopped = Failing(batches)
    with pytest.raises(KeyboardInterrupt):
        lab.run(plan, writer=stopped)
    rest = FakeWriter()
    run = lab.run(plan, writer=rest)
    assert len(run.texts) == 10
    both = Counter(repr(request) for request in (*stopped.requests, *rest.requests))
    assert max(both.values()) == 1
    assert api.verify(run.path).ok


def test_a_choice_that_was_made_is_not_made_again(lab: Lab) -> None:
    """The noise is drawn once: after a resume the same summaries are rewritten."""
    plan = lab.plan(lab.file(lab.rows(40)), corpus={"size": 12}, method={"name": "paper"})
    with pytest.raises(KeyboardInterrupt):
        lab.run(plan, writer=Failing(4))  # the trial asks twice
    kept = next((lab.folder / "run" / "private" / "stages").glob("*-choice.json.sealed")).read_bytes()
    lab.run(plan)
    assert next((lab.folder / "run" / "private" / "stages").glob("*-choice.json.sealed")).read_bytes() == kept


def test_other_prompts_are_another_run(lab: Lab) -> None:
    plan = lab.plan(lab.file(lab.rows(40)), method={"name": "paper"})
    lab.run(plan)
    words = lab.pack / "first_rewrite.txt"
    words.write_text("Say it anew: {text}")
    try:
        with pytest.raises(RunError, match="another plan"):
            lab.run(plan)
        writer = FakeWriter()
        lab.run(plan, "other", writer=writer)
        assert any(r.messages[-1].content.startswith("Say it anew: ") for r in writer.requests)
    finally:
        words.unlink()


def with_key(lab: Lab, rows: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, out: str) -> Run:
    """A run without noise whose secret key is known."""
    monkeypatch.setattr("rpsg.storage.run_folder.RunFolder.key", property(lambda _: b"k" * 32))
    return lab.run(lab.plan(lab.file(rows, f"{out}.jsonl"), **QUIET), out)


@pytest.mark.parametrize("people", [60, 20])
def test_the_order_of_the_rows_plays_no_part(lab: Lab, monkeypatch: pytest.MonkeyPatch, people: int) -> None:
    rows = lab.rows(60, people=people)
    mixed = random.Random(5).sample(rows, len(rows))
    first, second = (with_key(lab, r, monkeypatch, o) for r, o in ((rows, "first"), (mixed, "second")))
    assert first.texts == second.texts
    assert (first.release / "corpus.jsonl").read_bytes() == (second.release / "corpus.jsonl").read_bytes()


def test_every_row_of_a_person_stands_behind_the_door(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seeds are drawn from all rows, and all of them vote: nobody is protected by leaving some out."""
    found: list[int] = []

    def counted(private: Any, candidates: Any) -> Any:
        found.append(len(private))
        return vote_counts(private, candidates)

    monkeypatch.setattr("rpsg.methods.paper_steps.vote_counts", counted)
    plan = lab.plan(
        lab.file(lab.rows(40, people=5)), method={"name": "paper"}, paper={"histogram_sigma": 0.5}
    )
    run = lab.run(plan)
    assert stages(run)["seeds"]["facts"]["taken"] == 40
    assert found == [40]
    assert run.ledger["privacy_unit"]["bounding"] == "none_asserted_by_user"
    assert api.verify(run.path).ok


@pytest.mark.parametrize(
    ("settings", "left"),
    [
        ({"filters": "late"}, 18),
        ({"filters": "middle"}, 6),
        ({"filters": "early"}, 6),
        ({"filters": "late", "nll_percentile": 0}, 20),
        ({"filters": "late", "cosine_retain": 0.5, "nll_percentile": 0}, 10),
        ({"selection": "votes", "nll_percentile": 0}, 20),
        ({"sensitivity": "sound", "nll_distance": "min", "nll_percentile": 0}, 20),
    ],
)
def test_the_published_versions_of_the_filters(lab: Lab, settings: dict[str, Any], left: int) -> None:
    run = lab.run(lab.plan(lab.file(lab.rows(40)), method={"name": "paper"}, paper=settings))
    assert len(run.texts) == left
    assert api.verify(run.path).ok


def test_the_histogram_with_noise_takes_from_summaries_and_variants(lab: Lab) -> None:
    plan = lab.plan(lab.file(lab.rows(40)), method={"name": "paper"}, paper={"histogram_sigma": 0.5})
    run = lab.run(plan)
    kept = stages(run)
    sentiments = Counter(seed["sentiment"] for seed in kept["seeds"]["value"])
    line = kept["histogram"]["facts"]
    assert line["taken"] == 40
    assert line["given"] == sum(max(1, int(0.9 * seeds)) for seeds in sentiments.values()) <= 18
    assert {text["parent"] for text in kept["second-rewrite"]["value"]} <= set(range(20))


def test_with_the_histogram_no_more_is_asked_than_was_forecast(lab: Lab) -> None:
    plan = lab.plan(lab.file(lab.rows(40)), method={"name": "paper"}, paper={"histogram_sigma": 0.5})
    writer = FakeWriter()
    lab.run(plan, writer=writer)
    most = {line.what: line.at_most for line in api.preview(plan).forecasts}["requests"]
    assert len(writer.requests) <= (most or 0)
    texts = stages(lab.run(plan))["second-rewrite"]["facts"]["taken"]
    assert texts <= 20, "the second rewrite writes one text for a seed at the most, on the whole"


def test_a_sentiment_of_one_seed_keeps_one_text(lab: Lab) -> None:
    plan = lab.plan(
        lab.file(lab.rows(40)),
        corpus={"size": 1},
        method={"name": "paper"},
        paper={"histogram_sigma": 0.5, "nll_percentile": 0},
    )
    assert len(lab.run(plan).texts) == 1


@pytest.mark.parametrize(
    ("paper", "error", "message", "hint"),
    [
        ({"guard_characters": 1}, InfeasibleError, "passed the guard", "guard_characters"),
        ({"cosine_retain": 0.01}, InfeasibleError, "filters left no text", "cosine_retain"),
        ({"filters": "middle", "nll_percentile": 100}, InfeasibleError, "filters left no text", "nll_perc"),
    ],
)
def test_a_corpus_without_a_text_is_no_success_and_tells_no_count(
    lab: Lab, paper: dict[str, Any], error: type[Exception], message: str, hint: str
) -> None:
    plan = lab.plan(lab.file(lab.rows(40)), method={"name": "paper"}, paper=paper)
    with pytest.raises(error, match=message) as caught:
        lab.run(plan)
    assert hint in getattr(caught.value, "hint", "")
    assert not any(character.isdigit() for character in str(caught.value))
    assert not (lab.folder / "run" / "release").exists()


@pytest.mark.parametrize("about", ["this summary implies", "as another person would"])
def test_a_writer_that_writes_nothing_stops_the_run(lab: Lab, about: str) -> None:
    plan = lab.plan(lab.file(lab.rows(40)), method={"name": "paper"})
    with pytest.raises(
        ModelError, match=r"None of the written texts can be used|wrote no usable text"
    ) as caught:
        lab.run(plan, writer=SaysNothing(about))
    assert "--writer" in caught.value.hint


def test_texts_without_a_sentiment_have_no_target_and_no_second_pass(lab: Lab, tmp_path: Path) -> None:
    import shutil

    folder = tmp_path / "no-sentiment"
    shutil.copytree(lab.pack, folder)
    toml = (folder / "pack.toml").read_text().replace('kind = "sentiment"', 'kind = "free"')
    toml = toml.replace('[["topic", "sentiment"], ["sentiment", "length"]]', '[["topic"], ["length"]]')
    (folder / "pack.toml").write_text(toml)
    plan = lab.plan(lab.file(lab.rows(40)), corpus={"domain": str(folder)}, method={"name": "paper"})
    run = lab.run(plan)
    assert "second-abstraction" not in stages(run)
    assert all(record["attributes"] == {} for record in run.records)
    assert stages(run)["sentiment-agreement"]["facts"]["taken"] == 0
