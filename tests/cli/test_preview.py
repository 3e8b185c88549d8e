"""``rpsg preview`` shows what the writer writes, and ``rpsg plan`` what would stop a run, before it costs."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import rpsg as library
from rpsg import api
from rpsg.models.fake import FakeWriter
from rpsg.plan import resolve
from rpsg.protocols import Reply

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.cli.conftest import Rpsg

    from rpsg.protocols import Request

FAKES = ["--writer", "fake", "--embedder", "fake"]


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")


def test_five_texts_are_written_without_any_data(rpsg: Rpsg, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rpsg.storage.readers.read_by_rule", lambda *_: pytest.fail("data were read"))
    shown = rpsg("preview", *FAKES, "--seed", "3")
    assert shown.code == 0, shown.err
    assert [f"Text {n}:" in shown.out for n in range(1, 7)] == [True] * 5 + [False]
    assert "No private data was read" in shown.out
    assert not list(Path().iterdir())


def test_the_same_plan_gives_the_same_texts_for_prompts_that_are_shown() -> None:
    plan = resolve({"models": {"writer": "fake", "embedder": "fake"}})
    found = api.samples(plan)
    assert found == api.samples(plan)
    assert all(sample.card["topic"] in sample.prompt for sample in found)


def test_texts_that_a_run_would_drop_say_why_and_none_at_all_ends_in_6(
    rpsg: Rpsg, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: FakeWriter, requests: Sequence[Request], *__: object) -> list[Reply]:
        return [Reply("I'm sorry, but I can't help with that request.", "stop")] * len(requests)

    monkeypatch.setattr(FakeWriter, "write", refuse)
    shown = rpsg("preview", *FAKES, "--count", "2")
    assert shown.code == 6
    assert "A run would drop it: refused politely." in shown.out
    assert len(rpsg("preview", *FAKES, "--json").json["samples"]) == 5


def obstacles(**sections: object) -> str:
    models = {"writer": "fake", "embedder": "fake"}
    return " ".join(library.preview(resolve({"models": models}, sections)).obstacles)


def test_a_plan_without_data_is_not_approved(rpsg: Rpsg) -> None:
    shown = rpsg("plan", *FAKES)
    assert shown.code == rpsg("run", *FAKES, "-o", "run").code == 2
    assert "a run would stop before it spends anything" in shown.out
    assert "No data is named" in shown.out
    assert "Nothing was spent. Run it with" not in shown.out


def test_a_run_without_a_state_folder_ends_in_7_and_names_the_variable(
    rpsg: Rpsg, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("notes.jsonl").write_text('{"text": "some words"}\n' * 200)
    monkeypatch.setenv("RPSG_HOME", "/proc/nowhere")
    shown = rpsg("run", "notes.jsonl", *FAKES, "--epsilon", "8", "--size", "8", "-o", "run")
    assert shown.code == 7, shown.err
    assert "RPSG_HOME" in shown.err
    assert "bug" not in shown.err


def test_a_full_disk_of_the_state_folder_is_an_obstacle(monkeypatch: pytest.MonkeyPatch) -> None:
    full = shutil.disk_usage("/")._replace(free=4096)
    assert "is full" not in obstacles()
    monkeypatch.setattr(shutil, "disk_usage", lambda _: full)
    assert "is full. Free some space: df -h" in obstacles()


def test_a_missing_key_is_an_obstacle_and_a_local_server_needs_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    served = {"writer": "openai:m", "embedder": "fake"}
    assert "OPENAI_API_KEY is not set" in obstacles(models=served)
    local = {"base_url": "http://127.0.0.1:1/v1"}
    assert "is not set" not in obstacles(models=served, server=local)
    monkeypatch.setenv("OPENAI_API_KEY", "key")
    assert "is not set" not in obstacles(models=served)


def test_an_address_or_weights_that_cannot_be_used_are_obstacles(tmp_path: Path) -> None:
    served = {"writer": "openai:m", "embedder": "fake"}
    assert "--plain-http" in obstacles(models=served, server={"base_url": "http://vllm:8000"})
    weights = {"writer": str(tmp_path / "none.gguf"), "embedder": "fake"}
    assert "none.gguf" in obstacles(models=weights)


@pytest.mark.parametrize(("embedder", "weights"), [("minilm", "minilm-onnx"), ("int8", "minilm-torch")])
def test_missing_weights_of_the_embedder_are_an_obstacle(
    embedder: str, weights: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RPSG_HOME", str(tmp_path / "state"))
    told = obstacles(models={"writer": "fake", "embedder": embedder})
    assert f"rpsg models pull {weights}" in told


def test_a_model_that_nobody_knows_is_an_obstacle() -> None:
    told = obstacles(models={"writer": "gema-3-270m"})
    assert "There is no writer 'gema-3-270m'. Did you mean gemma-3-270m? Use one of: gemma" in told
    assert "There is no embedder 'minilmm'." in obstacles(models={"embedder": "minilmm"})
    assert "There is no" not in obstacles(models={"writer": "transformers:gpt2", "embedder": "minilm"})


@pytest.mark.parametrize(("setting", "role"), [("sentiment", "classifier"), ("scorer", "scorer")])
def test_so_is_a_classifier_or_scorer_that_nobody_knows(setting: str, role: str) -> None:
    assert f"There is no {role} 'nosuch'. Use one of: " in obstacles(models={setting: "nosuch"})
    assert obstacles(models={setting: None}) == obstacles()


def test_weights_that_are_no_embedder_are_an_obstacle_and_not_taken_for_a_package_that_sends_texts() -> None:
    """``minilm-onnx`` is what ``rpsg models pull`` downloads; the embedder that runs it is ``minilm``."""
    page = library.preview(resolve({"models": {"writer": "fake", "embedder": "minilm-onnx"}}))
    assert "There is no embedder 'minilm-onnx'. Did you mean minilm?" in " ".join(page.obstacles)
    assert "would be sent" not in " ".join(page.warnings)


@pytest.mark.parametrize(
    "method",
    [
        {},
        {"method": {"name": "floor"}},
        {"method": {"name": "paper"}, "paper": {"remote": "records"}},
    ],
)
def test_plain_http_says_who_can_read_the_prompts_whatever_the_method_reads(method: dict[str, Any]) -> None:
    found = library.preview(
        resolve(
            {
                **method,
                "models": {"writer": "openai:m", "embedder": "fake"},
                "server": {"base_url": "http://vllm:8000", "plain_http": True},
            }
        )
    )
    assert any("can read every prompt" in line and "vllm:8000" in line for line in found.warnings)


def test_a_state_folder_that_cannot_be_written_is_an_obstacle_and_the_doctor_tries(
    rpsg: Rpsg, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RPSG_HOME", "/proc/nowhere")
    monkeypatch.setattr("os.access", lambda *_: False)
    assert "/proc/nowhere cannot be written. Name another folder: export RPSG_HOME" in obstacles()
    examined = " ".join(rpsg("doctor", *FAKES).out.split())
    assert "/proc/nowhere cannot be written" in examined
    assert "A run can start" not in examined


def closed(path: Path) -> None:
    path.mkdir(mode=0o500)


#: What is in the place of the state folder, and where below it the folder would be.
NO_STATE: dict[str, tuple[Callable[[Path], object], str]] = {
    "a file": (lambda path: path.write_text("notes"), ""),
    "below a file": (lambda path: path.write_text("notes"), "rpsg/state"),
    "below a link to a file": (lambda path: path.symlink_to(__file__), "rpsg"),
    "a link to a file": (lambda path: path.symlink_to(__file__), ""),
    "a pipe": (os.mkfifo, ""),
    "a closed folder": (closed, ""),
    "below a closed folder": (closed, "rpsg"),
}


@pytest.mark.parametrize("what", NO_STATE)
def test_whatever_is_in_the_place_of_the_state_folder_the_plan_and_the_doctor_say_it(
    rpsg: Rpsg, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    make, below = NO_STATE[what]
    if "closed" in what and os.geteuid() == 0:
        pytest.skip("root may write anywhere, so no folder is closed to it")
    make(place := Path("state").absolute())
    monkeypatch.setenv("RPSG_HOME", str(place / below))
    assert "cannot be written. Name another folder: export RPSG_HOME" in obstacles()
    Path("rows.jsonl").write_text('{"text": "The soup came late."}\n' * 300)
    ran = rpsg("run", "rows.jsonl", *FAKES, "-o", "run", "-q")
    assert (ran.code, "RPSG_HOME" in ran.err) == (7, True), ran.err
    examined = rpsg("doctor", *FAKES)
    assert examined.code == 1
    assert "A run can start" not in examined.out


def test_only_settings_that_differ_from_their_default_are_listed(rpsg: Rpsg) -> None:
    Path("rpsg.toml").write_text('[corpus]\nsize = 200\ndomain = "generic"\n[privacy]\nepsilon = 3.0\n')
    shown = rpsg("plan", *FAKES).out
    assert "privacy.epsilon" in shown
    assert "corpus.size" not in shown


def test_a_plan_says_in_which_language_the_texts_will_be() -> None:
    found = library.preview(resolve({"models": {"writer": "fake", "embedder": "fake"}}))
    assert any("one language (English)" in line for line in found.explanations)


def test_standard_input_without_an_account_is_an_obstacle(monkeypatch: pytest.MonkeyPatch) -> None:
    import io
    import sys

    from rpsg.storage.readers import source

    source._standard_input.cache_clear()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b'{"text": "fine"}\n')))
    assert "--account" in obstacles(data={"path": "-"})
    assert "--account" not in obstacles(data={"path": "-", "account": "ward 7"})
    source._standard_input.cache_clear()


def test_the_doctor_asks_a_server_as_a_run_does(rpsg: Rpsg) -> None:
    """With a system message, which some chat templates do not take."""
    from tests.models.openai.faulty import FaultyServer

    with FaultyServer() as server:
        rpsg("doctor", "--writer", "openai:m", "--embedder", "fake", "--base-url", server.url)
        asked = [[message["role"] for message in one.body["messages"]] for one in server.asked]
    assert len(asked) == 9, "a question about the server, and eight prompts"
    assert all((roles[0], roles[-1]) == ("system", "user") for roles in asked[-8:])


NEVER: dict[str, tuple[str, int]] = {
    "weights": ("notes.jsonl --writer gemma-3-270m --embedder fake", 6),
    "a key": ("notes.jsonl --writer azure:m --embedder fake --base-url https://a.openai.azure.com", 6),
    "an address": ("notes.jsonl --writer azure:m --embedder fake", 2),
    "a writer": ("notes.jsonl --writer m --embedder fake --base-url http://127.0.0.1:1/v1", 2),
    "budget": ("notes.jsonl --writer fake --embedder fake --lifetime-epsilon 1 --epsilon 2", 5),
    "leave to send private texts": (
        "notes.jsonl --writer openai:m --embedder fake --method paper --base-url http://127.0.0.1:1/v1",
        10,
    ),
}


@pytest.mark.parametrize("lacking", NEVER)
def test_a_plan_that_cannot_run_ends_with_the_exit_code_of_the_run(
    rpsg: Rpsg, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, lacking: str
) -> None:
    """So ``rpsg plan ... && rpsg run ...`` stops at the plan, which is shown all the same."""
    monkeypatch.setenv("RPSG_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    typed, code = NEVER[lacking]
    Path("notes.jsonl").write_text('{"text": "some words"}\n' * 200)
    planned = rpsg("plan", *typed.split())
    assert planned.code == code, planned.out + planned.err
    assert "\nNext\n" in planned.out
    shown = rpsg("plan", *typed.split(), "--json")
    assert (shown.code, shown.json["preview"]["exit_code"]) == (code, code)
    if lacking != "a key":  # the server would have to refuse it
        assert rpsg("run", *typed.split(), "-o", "run").code == code
    assert rpsg("run", *typed.split(), "-o", "run", "--dry-run").code == code


def test_a_plan_that_protects_rows_speaks_of_rows(rpsg: Rpsg) -> None:
    Path("notes.jsonl").write_text('{"text": "some words", "who": "a"}\n' * 200)
    options = ("notes.jsonl", *FAKES, "--passage-words", "50")
    rows = " ".join(rpsg("plan", *options).out.split())
    people = " ".join(rpsg("plan", *options, "--user", "who", "--max-records-per-user", "2").out.split())
    for shown, who, used in (
        (rows, "rows", "Of each row, at most one passage, drawn at random, is used."),
        (people, "people", "Of each person, at most 2 passages, drawn at random, are used."),
    ):
        assert f"how many {who} there are" in shown
        assert f"The number of {who} will be known" in shown
        assert re.search(rf"With fewer than [\d,]+ {who} the noise outweighs", shown)
        assert used in shown
        assert f"minimum number of {who}" in shown
        assert re.search(rf"mean of the vectors of [\d,]+ {who},", shown)


def test_a_name_without_its_server_says_how_it_is_written(rpsg: Rpsg) -> None:
    typed = ("--writer", "m", "--embedder", "fake", "--base-url", "http://127.0.0.1:1/v1")
    for command in (("plan",), ("run", "-o", "run"), ("doctor",)):
        shown = rpsg(*command, *typed)
        assert "write --writer openai:m" in " ".join((shown.out + shown.err).split()), command
    examined = " ".join(rpsg("doctor", *typed).out.split())
    assert "this machine: m" not in examined
    assert "m needs no weights" not in examined
    assert "! weights of the writer: not looked for: there is no writer 'm'" in examined
    assert "runs on this machine" not in examined
