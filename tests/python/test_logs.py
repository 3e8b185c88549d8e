"""The log: what progress may show, and nothing of the private texts, their number or their time."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from tests.models.openai.asks import ASK
from tests.models.openai.faulty import Asked, FaultyServer

from rpsg.cli import logs, main
from rpsg.display import FIELDS
from rpsg.errors import DataError
from rpsg.models.openai.writer import ServerWriter
from rpsg.pipeline.logs import Logged, logged
from rpsg.pipeline.progress import Stopwatch, may_show_time
from rpsg.protocols import Silent
from rpsg.testing.lab import Witness

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import Lab

    from rpsg.release.run import Run


class Kept(logging.Handler):
    """Keeps the records, as a person and as a machine reads them."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[tuple[str, str, str, dict[str, Any]]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append((record.levelname, record.name, record.getMessage(), getattr(record, FIELDS, {})))

    def of(self, stage: str) -> list[dict[str, Any]]:
        return [fields for *_, fields in self.records if fields.get("stage") == stage]


@pytest.fixture
def kept() -> Iterator[Kept]:
    logger, handler = logging.getLogger("rpsg"), Kept()
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(logging.NOTSET)


def test_nothing_is_logged_unless_somebody_asks() -> None:
    script = "import rpsg, logging; logging.getLogger('rpsg.run').error('heard')"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


def without_times(kept: Kept) -> list[str]:
    """What the writing of public prompts took is public, and never twice the same."""
    found = []
    for level, name, message, fields in kept.records:
        told = {key: value for key, value in fields.items() if key != "seconds"}
        text = message if "seconds" not in fields else message.partition(" in ")[0]
        found.append(json.dumps([level, name, text, told]))
    return found


@pytest.mark.parametrize("method", [{}, {"select": "votes", "rounds": 2}], ids=str)
def test_two_neighbouring_corpora_have_the_same_log(
    lab: Lab, retell: Callable[[Run], None], kept: Kept, method: dict[str, Any]
) -> None:
    one = lab.file(lab.rows(300, words=lab.apple, people=250), "one.jsonl")
    other = lab.file(
        [*lab.rows(300, words=lab.apple, people=250), {"text": "zebra " * 900, "user": "one more"}],
        "other.jsonl",
    )
    # The same account and the same budget: what it has paid so far is public, and in the log.
    retell(lab.run(lab.plan(one, method=method, data={"account": "first"}), "first"))
    told = []
    for number, file in enumerate((one, other)):
        kept.records.clear()
        lab.run(lab.plan(file, method=method, data={"account": f"account {number}"}), f"run {number}")
        told.append([line.replace(f"account {number}", "account") for line in without_times(kept)])
    assert told[0] == told[1]
    assert len(told[0]) > 12
    assert not any(word in " ".join(told[1]) for word in (*lab.apple, "zebra"))


def test_a_public_stage_has_its_size_and_its_time_and_a_private_one_neither(lab: Lab, kept: Kept) -> None:
    lab.run(lab.plan(lab.file(lab.rows(300))))
    public = kept.of("writing candidates")
    assert [fields["event"] for fields in public] == ["stage started", *["stage"] * 3, "stage done"]
    assert public[0]["total"] > 20
    assert public[-1]["seconds"] >= 0
    private = {fields["stage"] for *_, fields in kept.records if "stage" in fields}
    private -= {stage for stage in private if may_show_time(stage)}
    assert len(private) > 3
    for stage in private:
        for fields in kept.of(stage):
            assert set(fields) <= {"event", "stage", "percent", "facts"}, stage
    assert kept.records[-1][2:] == ("20 texts are released", {"event": "finished", "texts": 20})


def test_a_private_stage_has_the_same_records_whatever_it_reads(kept: Kept) -> None:
    told = []
    for steps in ([], [100], [1] * 100, [60, 40], [26, 0, 50]):
        kept.records.clear()
        progress = Logged(Silent(), "run")
        progress.start("reading the private texts", 100)
        for step in steps:
            progress.advance(step, tokens=5)
        progress.end()
        told.append(list(kept.records))
    assert all(records == told[0] for records in told)
    assert [fields.get("percent") for *_, fields in told[0]] == [None, 25, 50, 75, None]


def test_notes_are_warnings(kept: Kept) -> None:
    Logged(Silent(), "run").note("The server is asked again.")
    assert kept.records == [("WARNING", "rpsg.run", "The server is asked again.", {"event": "note"})]


def test_the_progress_hears_all_that_it_heard_without_a_log() -> None:
    heard = Witness()
    progress = Logged(heard, "run")
    progress.start("voting", 3)
    progress.advance(2, tokens=5)
    progress.note("a note")
    progress.done(alive=3)
    assert heard.told == [
        ("start", "voting", 3),
        ("advance", 2, 5),
        ("note", "a note"),
        ("done", ("alive", 3)),
    ]


def test_a_step_within_another_is_logged_once(kept: Kept) -> None:
    outer = logged(None, "evaluate")
    assert logged(outer, "run") is outer
    watch = Stopwatch(outer)
    assert logged(watch, "run") is watch
    watch.start("voting")
    assert [name for _, name, *_ in kept.records] == ["rpsg.evaluate"]


@pytest.fixture
def plan_file(lab: Lab) -> str:
    path = lab.folder / "rpsg.toml"
    path.write_text(lab.plan(lab.file(lab.rows(300))).to_toml(), encoding="utf-8")
    return str(path)


def lines_of(err: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in err.splitlines()]


def test_each_line_is_a_json_object_without_the_time_of_day(
    lab: Lab, plan_file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--log-json", "run", "--config", plan_file, "-o", str(lab.folder / "run")]) == 0
    found = lines_of(capsys.readouterr().err)
    assert {"level", "logger", "message", "event"} <= set.intersection(*map(set, found))
    names = set.union(*map(set, found))
    assert names <= {
        *("level", "logger", "message", "event", "stage", "total", "percent", "seconds", "facts", "texts")
    }
    assert found[-1]["event"] == "finished"


def test_a_log_takes_the_place_of_progress(
    lab: Lab, plan_file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--log-level", "info", "run", "--config", plan_file, "-o", str(lab.folder / "run")]) == 0
    lines = capsys.readouterr().err.splitlines()
    assert all(line.startswith(("info rpsg.run: ", "warning rpsg.run: ")) for line in lines)
    assert "info rpsg.run: reading the file ..." in lines


def test_a_level_leaves_out_what_is_below_it(
    lab: Lab, plan_file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--log-level", "error", "run", "--config", plan_file, "-o", str(lab.folder / "run")]) == 0
    assert capsys.readouterr().err == ""


def test_a_replay_does_not_say_that_budget_was_spent(lab: Lab, plan_file: str, kept: Kept) -> None:
    run = str(lab.folder / "run")
    assert main(["run", "--config", plan_file, "-o", run]) == 0
    assert any("epsilon_spent" in fields.get("facts", {}) for *_, fields in kept.records)
    kept.records.clear()
    assert main(["verify", run]) == 0
    assert kept.records
    assert not any("spent" in message for _, _, message, _ in kept.records)
    assert not any("epsilon_spent" in fields.get("facts", {}) for *_, fields in kept.records)


@pytest.mark.parametrize("private", [False, True])
def test_debug_says_what_became_of_each_public_request(kept: Kept, *, private: bool) -> None:
    refused: set[int] = set()

    def behave(asked: Asked) -> str:
        seed = asked.body["seed"]
        if seed == 1 and not refused:
            refused.add(seed)
            return "500"
        return "ok" if seed != 2 else "no-choices"

    with FaultyServer(behave) as server:
        writer = ServerWriter("m", server.settings(concurrency=1), first_pause=0.001)
        writer.write([replace(ASK, seed=seed, private=private) for seed in range(3)])
    said = [message for level, name, message, _ in kept.records if (level, name) == ("DEBUG", "rpsg.server")]
    if private:
        assert said == []
        return
    assert said.count("request 0: answered") == said.count("request 1: answered") == 1
    assert "request 1: the server answered with HTTP 500; sent again in 0.0 seconds" in said
    assert sum(message.startswith("request 2: ") for message in said) == 2
    assert said[-1].startswith("request 2: no text: ")


def test_a_failure_is_a_record_and_no_loose_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--log-json", "verify", "nowhere"]) == 8
    (failed,) = lines_of(capsys.readouterr().err)
    assert (failed["level"], failed["event"], failed["exit_code"]) == ("error", "failed", 8)
    assert failed["type"] == "VerificationError"
    assert failed["message"]


def test_without_json_a_failure_is_the_usual_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "nowhere"]) == 8
    usual = capsys.readouterr().err
    assert main(["--log-level", "info", "verify", "nowhere"]) == 8
    assert capsys.readouterr().err == usual


def test_an_unknown_level_is_refused_with_those_that_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--log-level", "loud", "list", "methods"]) == 2
    said = capsys.readouterr().err
    assert "warning" in said
    assert "error" in said


def test_the_next_command_of_a_process_does_not_log(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--log-json", "list", "methods"]) == 0
    assert not logs.is_on()
    assert main(["verify", "nowhere"]) == 8
    assert not capsys.readouterr().err.startswith("{")


def test_a_line_of_text_controls_no_terminal_and_stays_one_line() -> None:
    record = logging.LogRecord("rpsg.run", logging.WARNING, "", 0, "one\x1b[31m\ntwo\u202e", None, None)
    assert logs.AsText().format(record) == "warning rpsg.run: one[31m two"
    assert json.loads(logs.AsJson().format(record))["message"] == "one\x1b[31m\ntwo\u202e"
    assert logs.AsJson().format(record).isascii()


@pytest.mark.parametrize(
    ("words", "command"),
    [
        (["run", "x"], "run"),
        (["--log-json", "run"], "run"),
        (["--log-level", "info", "compare"], "compare"),
        (["--log-level=info", "--log-json", "run"], "run"),
        ([], ""),
    ],
    ids=str,
)
def test_the_command_is_found_behind_the_options_of_all_commands(words: list[str], command: str) -> None:
    assert logs.command_of(words) == command


def test_a_stopped_run_says_how_to_go_on_with_a_log_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from rpsg import api

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(api, "run", stop)
    assert main(["--log-json", "run", "x.csv", "-o", "run"]) == 130
    (stopped,) = lines_of(capsys.readouterr().err)
    assert stopped["message"] == "Stopped. Run the same command again to resume."


def test_an_error_of_a_function_is_not_logged_but_raised(lab: Lab, kept: Kept) -> None:
    import rpsg

    with pytest.raises(DataError):
        rpsg.synthesize("nowhere.csv", out=lab.folder / "run", writer="fake", embedder="fake")
    assert not [record for record in kept.records if record[0] == "ERROR"]
