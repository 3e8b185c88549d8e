"""``rpsg doctor`` looks at one thing after the other, and one that is broken hides none."""

from __future__ import annotations

import io
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.models.openai.faulty import FaultyServer

from rpsg import registry
from rpsg.errors import ModelError
from rpsg.methods import paper
from rpsg.models.fake import FakeEmbedder, FakeWriter
from rpsg.models.sentiment import NearestSentiment
from rpsg.pipeline import doctor
from rpsg.pipeline.doctor_plan import plan_checks
from rpsg.plan import resolve
from rpsg.privacy.noise import RoundedGaussian
from rpsg.storage.readers import source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cli.conftest import Rpsg
    from tests.conftest import Lab


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state folder without models, open to its owner alone."""
    folder = tmp_path / "home"
    folder.mkdir(mode=0o700)
    monkeypatch.setenv("RPSG_HOME", str(folder))
    monkeypatch.chdir(tmp_path)
    return folder


FAKES = ("doctor", "--writer", "fake", "--embedder", "fake")
CHECKS = [
    "Python",
    "packages",
    "processor and memory",
    "disk",
    "state folder",
    "loopback",
    "randomness",
    "noise",
    "keys",
    "settings",
    "weights of the writer",
    "weights of the embedder",
    "embedder",
    "sentiment",
    "scorer",
    "writer",
]


def test_a_name_too_long_for_a_file_is_refused_in_a_sentence(rpsg: Rpsg) -> None:
    error = rpsg(*FAKES, "x" * 300, "--json").json["error"]
    assert error["exit_code"] == 2
    assert "must be a path" in error["message"]


def findings(rpsg: Rpsg, *options: str) -> dict[str, dict[str, Any]]:
    return {f["name"]: f for f in rpsg(*FAKES, *options, "--json").json["doctor"]["findings"]}


def test_everything_is_looked_at_and_a_sound_machine_ends_in_zero(rpsg: Rpsg) -> None:
    shown = rpsg(*FAKES)
    assert shown.code == 0, shown.out
    assert "A run can start." in shown.out
    assert list(findings(rpsg)) == CHECKS


def test_one_broken_check_hides_none_of_the_others(rpsg: Rpsg, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("private words may stand here")

    for name in ("_packages", "_disk", "_noise"):
        monkeypatch.setattr(doctor, name, broken)
    monkeypatch.setattr(registry, "embedder", broken)
    found = findings(rpsg)
    assert list(found) == CHECKS
    failed = {name for name, finding in found.items() if finding["status"] == "fail"}
    assert failed == {"packages", "disk", "noise", "embedder", "sentiment"}
    shown = rpsg(*FAKES)
    assert shown.code == 1
    assert "5 of these must be fixed" in shown.out
    assert "private words" not in shown.out


def test_weights_that_are_not_here_name_the_command_that_brings_them(rpsg: Rpsg) -> None:
    shown = rpsg("doctor", "--embedder", "fake")
    assert shown.code == 1
    assert "rpsg models pull gemma-3-270m" in shown.out
    assert "--writer smollm2-135m" in shown.out


def test_a_key_is_told_by_its_name_alone(rpsg: Rpsg, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "writer", lambda *_, **__: FakeWriter())
    monkeypatch.setenv("RPSG_SERVER__KEY_ENV", "MY_KEY")
    options = ("doctor", "--writer", "openai:some", "--embedder", "fake")
    monkeypatch.delenv("MY_KEY", raising=False)
    missing = rpsg(*options)
    assert missing.code == 1
    assert "export MY_KEY=" in missing.out
    monkeypatch.setenv("MY_KEY", "sk-very-secret")
    there = rpsg(*options)
    assert there.code == 0
    assert "MY_KEY" in there.out
    assert "very-secret" not in there.out


def test_a_state_folder_that_others_can_open_is_found_with_its_fix(rpsg: Rpsg, home: Path) -> None:
    assert findings(rpsg)["state folder"]["status"] == "ok"
    home.chmod(0o755)
    found = findings(rpsg)["state folder"]
    assert (found["status"], found["fix"]) == ("warn", f"chmod -R go= {home}"), "a run closes it itself"
    Path("rows.jsonl").write_text('{"text": "The soup came late."}\n' * 300)
    assert rpsg("run", "rows.jsonl", *FAKES[1:], "-o", "run", "-q").code == 0
    assert home.stat().st_mode & 0o777 == 0o700
    assert findings(rpsg)["state folder"]["status"] == "ok"
    (home / "odometer.key").chmod(0o644)
    assert findings(rpsg)["state folder"]["status"] == "fail"
    assert rpsg("run", "rows.jsonl", *FAKES[1:], "-o", "another", "-q").code == 10


def test_the_modes_of_a_run_are_looked_at_to_the_last_private_file(rpsg: Rpsg, lab: Lab) -> None:
    run = lab.run(lab.plan(lab.file(lab.rows(300)))).path
    assert findings(rpsg, str(run))["run folder"]["status"] == "ok"
    (run / "private" / "vault.json").chmod(0o644)
    loose = findings(rpsg, str(run))["run folder"]
    assert (loose["status"], loose["fix"]) == ("fail", f"chmod -R go= {run / 'private'}")


def test_of_a_run_only_names_and_modes_are_read(
    rpsg: Rpsg, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = lab.run(lab.plan(lab.file(lab.rows(300)))).path
    opened: list[str] = []
    plain = os.open

    def watched(path: Any, *rest: Any, **more: Any) -> int:
        opened.append(str(path))
        return plain(path, *rest, **more)

    monkeypatch.setattr(os, "open", watched)
    rpsg(*FAKES, str(run))
    assert not [path for path in opened if str(run) in path]


class Drifting(RoundedGaussian):
    def draw(self, sigma: float, size: int) -> Any:
        return super().draw(sigma, size) + 1


class Narrow(RoundedGaussian):
    def draw(self, sigma: float, size: int) -> Any:
        return super().draw(sigma * 0.95, size)


@pytest.mark.parametrize("bad", [Drifting, Narrow])
def test_noise_that_is_off_is_found(rpsg: Rpsg, monkeypatch: pytest.MonkeyPatch, bad: Any) -> None:
    monkeypatch.setattr("rpsg.privacy.noise.RoundedGaussian", bad)
    assert findings(rpsg)["noise"]["status"] == "fail"


def test_randomness_that_repeats_itself_is_found(rpsg: Rpsg, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "random_bytes", lambda: b"four, chosen by a fair die")
    assert findings(rpsg)["randomness"]["status"] == "fail"


def test_an_embedder_whose_rows_are_not_of_unit_length_is_found(
    rpsg: Rpsg, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Long(FakeEmbedder):
        def embed(self, texts: Any) -> Any:
            return super().embed(texts) * np.float32(1.5)

    monkeypatch.setattr(registry, "embedder", lambda *_, **__: Long())
    assert findings(rpsg)["embedder"]["status"] == "fail"


def test_a_classifier_to_which_all_texts_are_of_one_mood_is_found(
    rpsg: Rpsg, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Dull(NearestSentiment):
        def classify(self, texts: Any, embeddings: Any) -> list[str]:
            return ["mixed"] * len(texts)

    monkeypatch.setattr(registry, "sentiment", lambda embedder, *_, **__: Dull(embedder))
    found = findings(rpsg)["sentiment"]
    assert found["status"] == "warn"
    assert "both mixed" in found["detail"]


def test_a_classifier_that_is_not_here_is_found_with_its_fix(
    rpsg: Rpsg, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pytest.importorskip("transformers", reason="the extra hf is not installed")
    monkeypatch.setenv("RPSG_MODELS__SENTIMENT", f"transformers:{tmp_path}")
    found = findings(rpsg)["sentiment"]
    assert found["status"] == "fail"
    assert found["fix"]


def test_a_writer_that_fails_says_why(rpsg: Rpsg, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "writer", lambda *_, **__: FakeWriter(fails=lambda _: True))
    found = findings(rpsg)["writer"]
    assert found["status"] == "fail"
    assert "told to fail" in found["detail"]


def test_a_scorer_that_does_not_tell_sentences_from_shuffled_words_is_found(
    rpsg: Rpsg, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RPSG_MODELS__SCORER", "fake")
    found = findings(rpsg)["scorer"]
    assert found["status"] == "fail"
    assert "shuffled" in found["detail"]


@pytest.mark.weights
def test_real_weights_pass(rpsg: Rpsg, home: Path, pulled_models: Path) -> None:
    (home / "models").symlink_to(pulled_models)
    found = {
        f["name"]: f["status"]
        for f in rpsg("doctor", "--writer", "smollm2-135m", "--json").json["doctor"]["findings"]
    }
    assert found == dict.fromkeys(CHECKS, "ok")


@pytest.mark.weights
def test_damaged_weights_are_found(rpsg: Rpsg, home: Path, pulled_models: Path) -> None:
    (home / "models" / "minilm-onnx").mkdir(parents=True)
    for file in (pulled_models / "minilm-onnx").iterdir():
        (home / "models" / "minilm-onnx" / file.name).symlink_to(file)
    config = home / "models" / "minilm-onnx" / "config.json"
    content = config.read_bytes()
    config.unlink()
    config.write_bytes(content.replace(b"1", b"2", 1))
    found = {
        f["name"]: f
        for f in rpsg("doctor", "--writer", "fake", "--json").json["doctor"]["findings"]
        if f["status"] == "fail"
    }
    assert "damaged" in found["weights of the embedder"]["detail"]
    assert "rpsg models pull minilm-onnx" in found["weights of the embedder"]["fix"]


SEEDED = (
    *(("summariser", "abstracter", "summariser"), ("surrogate", "surrogate", "transformers")),
    ("recogniser", "recogniser", "presidio"),
)


@pytest.mark.parametrize(("name", "key", "value"), SEEDED)
def test_a_model_of_the_paper_s_method_that_is_not_here_is_found_with_its_fix(
    rpsg: Rpsg, monkeypatch: pytest.MonkeyPatch, name: str, key: str, value: str
) -> None:
    def missing(*_: object, **__: object) -> None:
        raise ModelError("It is not on this machine yet.", hint="hf download it")

    monkeypatch.setenv(f"RPSG_PAPER__{key.upper()}", value)
    assert name not in findings(rpsg), "strict mode needs none"
    makers = paper.METHOD.models(resolve({"paper": {key: value}}))
    broken = replace(paper.METHOD, models=lambda _plan: dict.fromkeys(makers, missing))
    monkeypatch.setattr(paper, "METHOD", broken)
    monkeypatch.setenv("RPSG_METHOD__NAME", "paper")
    found = findings(rpsg)[name]
    assert (found["status"], found["fix"]) == ("fail", "hf download it")
    shown = rpsg(*FAKES)
    assert shown.code == 1
    assert "A run can start." not in shown.out


def test_weights_of_a_summarizer_are_looked_for_by_the_name_in_the_plan(
    rpsg: Rpsg, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pytest.importorskip("transformers", reason="the extra hf is not installed")
    monkeypatch.setenv("RPSG_METHOD__NAME", "split")
    monkeypatch.setenv("RPSG_PAPER__ABSTRACTER", "summariser")
    monkeypatch.setenv("RPSG_PAPER__SUMMARISER", str(tmp_path))
    found = findings(rpsg)["summariser"]
    assert found["status"] == "fail"
    assert "config.json" in found["detail"]


def test_a_setting_that_the_method_refuses_is_found(rpsg: Rpsg, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RPSG_METHOD__NAME", "split")
    assert findings(rpsg)["settings"]["status"] == "ok"
    monkeypatch.setenv("RPSG_PAPER__SELECTION", "votes")
    assert findings(rpsg)["settings"]["status"] == "fail"


def test_the_file_and_its_columns_are_looked_at_as_a_run_would(rpsg: Rpsg, tmp_path: Path) -> None:
    file = tmp_path / "notes.csv"
    file.write_text("note,patient\nprivate words,1\n")
    assert findings(rpsg, str(file), "--text", "note", "--user", "patient")["data"]["status"] == "ok"
    wrong = findings(rpsg, str(file), "--text", "notes")["data"]
    assert wrong["status"] == "fail"
    assert "no column 'notes'" in wrong["detail"]
    assert "--text 'note'" in wrong["fix"]
    assert "does not exist" in findings(rpsg, str(tmp_path / "nothing.csv"))["data"]["detail"]
    assert rpsg(*FAKES, str(tmp_path / "nothing.csv")).code == 1


@pytest.mark.usefixtures("empty_input")
def test_standard_input_is_looked_at_as_a_run_would(rpsg: Rpsg) -> None:
    nameless = findings(rpsg, "-", "--text", "note")["data"]
    assert (nameless["status"], "--account" in nameless["fix"]) == ("fail", True)
    assert (
        "standard input is empty" in findings(rpsg, "-", "--text", "note", "--account", "a")["data"]["detail"]
    )


@pytest.fixture
def empty_input(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    source._standard_input.cache_clear()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO()))
    yield
    source._standard_input.cache_clear()


def test_a_server_that_only_asks_to_wait_is_not_waited_for_longer_than_a_minute(rpsg: Rpsg) -> None:
    with FaultyServer(lambda _: (429, {}, "Retry-After: 120")) as server:
        found = findings(rpsg, "--writer", "openai:m", "--base-url", server.url)["writer"]
    assert found["status"] == "fail"
    assert "asks for a wait of 2 minutes" in found["detail"]


def test_it_takes_the_options_of_models_and_servers_that_a_run_takes(
    rpsg: Rpsg, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEAM", "blue")
    with FaultyServer(lambda asked: "ok" if asked.headers.get("x-team") == "blue" else (403, {})) as server:
        url = server.settings().base_url
        options = ("--writer", "openai:m", "--base-url", url, "--extra-header", "X-Team=TEAM")
        shown = rpsg("doctor", *options, "--embedder", "fake")
    assert "(8 of 8: too short)" in " ".join(shown.out.split()), "the server answered all of them"


def test_what_refuses_a_run_for_its_settings_is_found(rpsg: Rpsg, tmp_path: Path) -> None:
    assert "outweighs" in findings(rpsg, "--n-public", "4")["settings"]["detail"]
    elsewhere = resolve({"models": {"embedder": "openai:e"}, "server": {"base_url": "http://127.0.0.1:1/v1"}})
    assert "The run would be refused" in dict(plan_checks(elsewhere))["settings"]().detail
    (file := tmp_path / "rows.csv").write_text("text\nsome words\n")
    assert findings(rpsg, str(file))["account"]["status"] == "ok"
    assert "too little budget" in findings(rpsg, str(file), "--lifetime-epsilon", "1")["account"]["detail"]
