"""The paper's method from the outside: what comes out, what it says, what leaves, and that it goes on."""

from __future__ import annotations

import json
import random
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from rpsg import api, running
from rpsg.errors import InfeasibleError, ModelError, PrivacyError, RunError, UsageError
from rpsg.methods.tools import Tools
from rpsg.models.fake import FakeClassifier, FakeEmbedder, FakeWriter
from rpsg.privacy.claims import NO_GUARANTEE
from rpsg.privacy.testing import FixedNoise
from rpsg.store.calls import request_key

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.conftest import Lab

    from rpsg.protocols import Reply, Request
    from rpsg.results import Run

MARKER = "ZQXMARKER"
QUIET: dict[str, dict[str, Any]] = {"method": {"name": "paper"}, "paper": {"nominal_epsilon": 0}}


def stages(run: Run) -> dict[str, dict[str, Any]]:
    """What each stage left on the shelf: its counts, by name."""
    files = sorted((run.path / "private" / "stages").iterdir())
    return {file.stem[3:]: json.loads(file.read_bytes()) for file in files}


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
    assert (ledger["mode"], ledger["mechanisms"], done.epsilon) == ("paper", [], None)
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
    assert any("began with private records" in line for line in found.cannot_show)


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
    moods = {seed["number"]: seed["mood"] for seed in kept["seeds"]["value"]}
    seed_of = {text["text"]: text["parent"] for text in kept["nll-filter"]["value"]}
    assert all(row["attributes"]["sentiment"] == moods[seed_of[row["text"]]] for row in done.records)
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
        lab.run(plan, writer=Failing(2))
    kept = next((lab.folder / "run" / "private" / "stages").glob("*-choice.json")).read_bytes()
    lab.run(plan)
    assert next((lab.folder / "run" / "private" / "stages").glob("*-choice.json")).read_bytes() == kept


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
    monkeypatch.setattr("rpsg.store.run.RunFolder.key", property(lambda _: b"k" * 32))
    return lab.run(lab.plan(lab.file(rows, f"{out}.jsonl"), **QUIET), out)


def test_the_order_of_the_rows_plays_no_part(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = lab.rows(60)
    mixed = random.Random(5).sample(rows, len(rows))
    first, second = (with_key(lab, r, monkeypatch, o) for r, o in ((rows, "first"), (mixed, "second")))
    assert first.texts == second.texts
    assert (first.release / "corpus.jsonl").read_bytes() == (second.release / "corpus.jsonl").read_bytes()


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
    moods = Counter(seed["mood"] for seed in kept["seeds"]["value"])
    line = kept["histogram"]["facts"]
    assert line["taken"] == 40
    assert line["given"] == sum(max(1, int(0.9 * seeds)) for seeds in moods.values()) <= 18
    assert {text["parent"] for text in kept["second-rewrite"]["value"]} <= set(range(20))


def test_with_the_histogram_no_more_is_asked_than_was_forecast(lab: Lab) -> None:
    plan = lab.plan(lab.file(lab.rows(40)), method={"name": "paper"}, paper={"histogram_sigma": 0.5})
    writer = FakeWriter()
    lab.run(plan, writer=writer)
    most = {line.what: line.at_most for line in api.preview(plan).forecasts}["requests"]
    assert len(writer.requests) <= (most or 0)
    texts = stages(lab.run(plan))["second-rewrite"]["facts"]["taken"]
    assert texts <= 20, "the second rewrite writes one text for a seed at the most, on the whole"


def test_a_mood_of_one_seed_keeps_one_text(lab: Lab) -> None:
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


class SaysNothing(FakeWriter):
    """Answers every prompt in which ``about`` stands with nothing."""

    def __init__(self, about: str) -> None:
        super().__init__()
        self.about = about

    def _reply(self, request: Request) -> Reply:
        reply = super()._reply(request)
        return replace(reply, text="") if self.about in request.messages[-1].content else reply


@pytest.mark.parametrize("about", ["this summary implies", "as another person would"])
def test_a_writer_that_writes_nothing_stops_the_run(lab: Lab, about: str) -> None:
    plan = lab.plan(lab.file(lab.rows(40)), method={"name": "paper"})
    with pytest.raises(ModelError, match="No text that was written can be used") as caught:
        lab.run(plan, writer=SaysNothing(about))
    assert "--writer" in caught.value.hint


def test_texts_without_a_sentiment_have_no_target_and_no_second_pass(lab: Lab, tmp_path: Path) -> None:
    import shutil

    folder = tmp_path / "moodless"
    shutil.copytree(lab.pack, folder)
    toml = (folder / "pack.toml").read_text().replace('kind = "sentiment"', 'kind = "free"')
    toml = toml.replace('[["topic", "sentiment"], ["sentiment", "length"]]', '[["topic"], ["length"]]')
    (folder / "pack.toml").write_text(toml)
    plan = lab.plan(lab.file(lab.rows(40)), corpus={"domain": str(folder)}, method={"name": "paper"})
    run = lab.run(plan)
    assert "second-abstraction" not in stages(run)
    assert all(record["attributes"] == {} for record in run.records)
    assert stages(run)["sentiment-agreement"]["facts"]["taken"] == 0


class Summaries:
    """A summariser that says the same of everybody."""

    name, endpoint = "summaries", "local_model"

    def summarise(self, texts: Sequence[str], *, count: int, sampled: bool, **how: Any) -> list[list[str]]:
        self.lengths = (how["least"], how["most"])
        return [[f"somebody talks about a purchase, {i}, {sampled}" for i in range(count)] for _ in texts]


def test_with_a_summariser_no_private_text_is_in_a_prompt(lab: Lab) -> None:
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
    assert "Abstracted text" in run.ledger["claim"]["text"]


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


def test_a_summariser_that_is_asked_for_must_be_there(lab: Lab) -> None:
    plan = lab.plan(lab.file(lab.rows(40)), method={"name": "paper"}, paper={"abstracter": "summariser"})
    with pytest.raises(UsageError, match="summariser"):
        lab.run(plan)


class Notes(running.Silent):
    def __init__(self) -> None:
        self.told: list[str] = []

    def note(self, message: str) -> None:
        self.told.append(message)


@pytest.mark.parametrize("method", ["paper", "split", "strict"])
def test_who_runs_without_a_recogniser_of_names_is_told_before_and_while_it_runs(
    lab: Lab, method: str
) -> None:
    plan = lab.plan(lab.file(lab.rows(200)), method={"name": method})
    with_names = {"recogniser": "presidio", "recogniser_model": "en_core_web_sm"}
    safe = lab.plan(lab.file(lab.rows(200)), method={"name": method}, paper=with_names)
    notes = Notes()
    running.execute(plan, lab.folder / "told", tools=lab.tools(), progress=notes)
    for told in (api.preview(plan).warnings, notes.told):
        assert any("no names of people" in line for line in told) == (method != "strict")
    assert not any("no names of people" in line for line in api.preview(safe).warnings)


def test_the_plan_says_how_much_is_asked_and_what_the_run_asks_is_within_it(lab: Lab) -> None:
    plan = lab.plan(lab.file(lab.rows(40)), method={"name": "paper"})
    shown, writer = api.preview(plan), FakeWriter()
    lab.run(plan, writer=writer)
    asked = {line.what: (line.about, line.at_most) for line in shown.forecasts}
    assert shown.candidates == 20
    assert shown.llm_calls == asked["requests"][0] == 150 + 60
    assert 100 + 40 <= len(writer.requests) <= (asked["requests"][1] or 0) == 200 + 160
    assert asked["tokens"][1] is None, "records have no length that is public"
    assert shown.attributes == ()


def test_with_a_summariser_the_writer_is_asked_for_rewrites_alone(lab: Lab) -> None:
    plan = lab.plan(method={"name": "paper"}, paper={"abstracter": "summariser"})
    assert api.preview(plan).llm_calls == 60


def test_test_noise_makes_a_run_that_says_it_is_not_private(lab: Lab) -> None:
    plan = lab.plan(lab.file(lab.rows(40)), method={"name": "paper"})
    run = lab.run(plan, noise=FixedNoise())
    assert run.ledger["status"] == "not_private_testing"
    assert all(record["claim"].startswith("NOT PRIVATE") for record in run.records)


def test_a_model_that_fails_on_a_private_text_tells_nothing_of_it(lab: Lab) -> None:
    class Broken(FakeEmbedder):
        def embed(self, texts: Sequence[str]) -> Any:
            raise ValueError(f"cannot embed {texts[0]!r}")

    rows = [{**row, "text": f"{row['text']} {MARKER}"} for row in lab.rows(40)]
    with pytest.raises(PrivacyError, match="withheld") as caught:
        lab.run(lab.plan(lab.file(rows), method={"name": "paper"}), embedder=Broken())
    assert MARKER not in str(caught.value)
    assert caught.value.__context__ is None


def test_a_writer_that_is_down_stops_the_run_and_it_can_go_on(lab: Lab) -> None:
    plan = lab.plan(lab.file(lab.rows(40)), method={"name": "paper"})
    with pytest.raises(ModelError, match="failed on every text"):
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
    run = lab.run(lab.plan(lab.file(lab.rows(40)), method={"name": "paper"}))
    events = [json.loads(line) for line in (run.path / "journal.jsonl").read_text().splitlines()]
    told = [event for event in events if event["event"] in {"sending", "finished"}]
    stages_told = [event["stage"] for event in told if event["event"] == "sending"]
    assert len(stages_told) == len(set(stages_told)) >= 2
    assert not [event for event in told if "at" in event or "requests" in event]


def test_no_input_takes_the_place_of_an_output_that_failed(lab: Lab) -> None:
    """Every second request fails: those places stay empty."""
    plan = lab.plan(lab.file(lab.rows(40)), method={"name": "paper"}, paper={"nll_percentile": 0})
    run = lab.run(plan, writer=FakeWriter(fails=lambda request: request.seed % 2 == 0))
    private = {row["text"] for row in lab.rows(40)}
    assert len(run.texts) <= 20
    assert not private & set(run.texts)
    kept = [text for text in stages(run)["second-rewrite"]["value"] if text["dropped"] is None]
    assert all(text["text"] for text in kept)
