"""The first mechanism ran before the writer had answered once: whatever was wrong with it cost budget first.

Now a few public prompts go the whole way before the private file is opened. For each fault: nothing was
charged, the private file was never read, the reason is told, and the corrected command works in the same
folder.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.models.openai.faulty import FaultyServer, answer

from rpsg.errors import ModelError
from rpsg.models.fake import FakeWriter
from rpsg.models.openai.writer import ServerWriter
from rpsg.pipeline import private_data as private_side
from rpsg.privacy.odometer import Odometer, account_name
from rpsg.protocols import Silent
from rpsg.storage import readers
from rpsg.storage.run_identity import TRIAL

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Lab

    from rpsg.plan import Plan
    from rpsg.protocols import Reply, Request

METHODS = ("strict", "split", "paper", "floor", "augpe", "rupta")


@pytest.fixture
def unread(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The private files that were opened; empty as long as none was."""
    opened: list[Path] = []
    read = readers.read_by_rule

    def watched(data: Any) -> Any:
        opened.append(Path(data.path))
        return read(data)

    monkeypatch.setattr(private_side, "read_by_rule", watched)
    return opened


def untouched(lab: Lab, plan: Plan) -> bool:
    """Whether neither the account book nor the run folder knows of a charge."""
    totals = Odometer().statement(account_name(plan.data.account, plan.data.path)).totals
    return (
        sum(total.mu2 for total in totals) == 0
        and not (lab.folder / "run" / "private" / "releases.jsonl").exists()
    )


def refused(lab: Lab, plan: Plan, writer: Any) -> ModelError:
    with pytest.raises(ModelError) as caught:
        lab.run(plan, writer=writer)
    return caught.value


SAID: dict[str, tuple[Callable[[Request], str], str]] = {
    "a polite refusal": (lambda _: "I'm sorry, but I can't help with that request.", "refused politely"),
    "one word": (lambda _: "No.", "too short"),
    "nothing": (lambda _: "", "empty"),
    "always the same": (lambda _: "The soup was warm and everybody liked it.", "near-duplicate"),
    "the same word for ever": (lambda _: "soup " * 40, "repeats itself"),
    "a refusal in the name of guidelines": (
        lambda r: f"My guidelines don't allow me to write text {r.seed}.",
        "refused politely",
    ),
    "a refusal without a word of regret": (
        lambda r: f"I will not write fake reviews for you, and {r.seed} requests change nothing.",
        "refused politely",
    ),
    "a refusal in Russian": (
        lambda r: f"Извините, но я не могу выполнить этот запрос {r.seed}.",
        "refused politely",
    ),
    "a refusal in Polish": (
        lambda r: f"Przepraszam, ale nie mogę pomóc w tej sprawie, choć pytasz {r.seed} razy.",
        "refused politely",
    ),
    "a refusal in Korean": (
        lambda r: f"죄송하지만 그 요청은 도와드릴 수 없습니다. 번호 {r.seed}.",
        "refused politely",
    ),
    "a refusal in Spanish with a reason": (
        lambda r: f"Lo siento, no puedo cumplir con esa solicitud {r.seed}.",
        "refused politely",
    ),
    "a question about its task": (
        lambda r: f"Sure! Please tell me what the review should be about. Number {r.seed}?",
        "talks about its task",
    ),
    "thoughts about the user without a tag": (
        lambda r: f"The user wants a review of soup number {r.seed}. It must be short.",
        "talks about its task",
    ),
    "thoughts that never end": (lambda r: f"<think>Soup, cake or tea {r.seed}?", "does not end to think"),
    "thoughts and nothing after them": (lambda r: f"<think>Soup {r.seed}?</think>", "empty"),
    "invisible characters": (lambda _: "\u200b\u2060 \ufeff" * 9, "empty"),
    "dots": (lambda r: "... " * (5 + r.seed % 7), "empty"),
    "the prompt again": (lambda r: f"{r.messages[0].content} Soup {r.seed}.", "repeats its prompt"),
}


@pytest.mark.parametrize(("says", "reason"), SAID.values(), ids=SAID)
def test_a_writer_that_gives_no_usable_text_costs_nothing(
    lab: Lab, unread: list[Path], says: Callable[[Request], str], reason: str
) -> None:
    plan = lab.plan(lab.file(lab.rows(300)))
    error = refused(lab, plan, FakeWriter(says))
    assert reason in error.message
    assert "of 8: " in error.message
    assert error.hint
    assert unread == []
    assert untouched(lab, plan)
    assert len(lab.run(plan, writer=FakeWriter(name="another")).texts) == 20, "in the same folder"


class Cut(FakeWriter):
    """Stopped at its limit of tokens each time, long before the end of a sentence."""

    def _reply(self, request: Request) -> Reply:
        reply = super()._reply(request)
        return replace(reply, text=f"The soup {request.seed} was warm and everybody who", finish="length")


def test_a_writer_whose_texts_are_always_cut_costs_nothing(lab: Lab, unread: list[Path]) -> None:
    plan = lab.plan(lab.file(lab.rows(300)))
    error = refused(lab, plan, Cut())
    assert "8 of 8: cut in the middle" in error.message
    assert "do not end" in error.hint
    assert unread == []
    assert untouched(lab, plan)
    assert len(lab.run(plan, writer=FakeWriter(name="another")).texts) == 20, "in the same folder"


@pytest.mark.parametrize("method", METHODS)
def test_every_method_tries_its_writer_before_it_reads(lab: Lab, unread: list[Path], method: str) -> None:
    plan = lab.plan(lab.file(lab.rows(300)), method={"name": method})
    error = refused(lab, plan, FakeWriter(lambda _: "I cannot assist with that request."))
    assert "8 public prompts" in error.message
    assert unread == []
    assert untouched(lab, plan)
    assert len(lab.run(plan).texts) > 0


def test_the_first_words_of_a_reply_are_shown_without_what_steers_a_terminal(lab: Lab) -> None:
    plan = lab.plan(lab.file(lab.rows(300)))
    error = refused(lab, plan, FakeWriter(lambda _: "\x1b[31m\x07No\u202e way."))
    assert '"No way."' in error.message


def test_no_private_word_is_in_the_prompts_of_a_trial(lab: Lab) -> None:
    for method in METHODS:
        plan = lab.plan(lab.file(lab.rows(300)), method={"name": method})
        writer = FakeWriter(lambda _: "No.")
        with pytest.raises(ModelError):
            lab.run(plan, method, writer=writer)
        asked = " ".join(m.content for r in writer.requests for m in r.messages)
        assert not any(word in asked for word in lab.apple)


class Few(FakeWriter):
    """Usable are only the texts with these places."""

    def __init__(self, usable: int) -> None:
        super().__init__()
        self.usable = usable

    def _reply(self, request: Request) -> Reply:
        reply = super()._reply(request)
        return reply if not self.usable <= len(self.requests) - 1 < 8 else replace(reply, text="No.")


class Notes(Silent):
    """Progress that keeps its notes."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, message: str) -> None:
        self.notes.append(message)


def test_a_writer_with_three_usable_texts_of_eight_goes_on_with_a_note(lab: Lab) -> None:
    notes = Notes()
    run = lab.run(lab.plan(lab.file(lab.rows(300))), writer=Few(3), progress=notes)
    assert len(run.texts) == 20
    assert any("3 of its texts can be used. The others: 5 of 8: too short" in note for note in notes.notes)


def test_one_usable_text_of_eight_is_too_few(lab: Lab) -> None:
    assert (
        "1 usable text (7 of 8: too short)" in refused(lab, lab.plan(lab.file(lab.rows(300))), Few(1)).message
    )


def test_labels_that_are_declared_are_tried_too(lab: Lab) -> None:
    data = {"label": "label", "labels": ("food", "drink")}
    writer = FakeWriter(lambda _: "No.")
    refused(lab, lab.plan(lab.file(lab.rows(300)), data=data), writer)
    assert {"Category: food" in r.messages[-1].content for r in writer.requests} == {True, False}


HTTP: dict[str, tuple[Any, str]] = {
    "a wrong key": ((401, {"error": {"message": "Key is expired"}}), "Key is expired"),
    "a model that it does not have": (
        (404, {"error": "model m not found, try pulling it"}),
        "try pulling it",
    ),
    "a name that it does not know": (
        (400, {"error": {"message": "Invalid model name passed in model=m", "code": "400"}}),
        "Invalid model name",
    ),
    "a list of errors": ((422, {"detail": [{"msg": "Extra inputs", "loc": ["body"]}]}), "Extra inputs"),
    "an error with status 200": ((200, {"error": {"message": "out of memory"}}), "out of memory"),
    "a page to log in": ("not-json", "web page in place of an answer"),
    "a refusal of the model": (answer("", refusal="I will not."), "the model refused"),
    "only thoughts": (answer("", reasoning="Let me think."), "only thoughts"),
    "500 for ever": ((500, {"error": {"message": "Jinja Exception: no system role"}}), "Jinja Exception"),
}


@pytest.mark.parametrize(("fault", "words"), HTTP.values(), ids=HTTP)
def test_a_server_that_cannot_be_used_is_named_with_its_own_words(
    lab: Lab, unread: list[Path], monkeypatch: pytest.MonkeyPatch, fault: Any, words: str
) -> None:
    monkeypatch.setattr("rpsg.models.openai.retry.NEVER_CAME", 0.2)
    plan = lab.plan(lab.file(lab.rows(300)))
    with FaultyServer(lambda _: fault) as server:
        error = refused(lab, plan, ServerWriter("m", server.settings(retries=1), first_pause=0.001))
    assert words in error.message
    assert unread == []
    assert untouched(lab, plan)


def test_a_key_that_the_server_quotes_is_not_shown(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")
    told = (401, {"error": {"message": "Incorrect key: sk-very-secret"}})
    with FaultyServer(lambda _: told) as server:
        error = refused(lab, lab.plan(lab.file(lab.rows(300))), ServerWriter("m", server.settings()))
    assert "sk-very-secret" not in str(error)
    assert "Incorrect key" in error.message


def test_a_server_that_never_answers_says_so_at_once_and_ends_soon(
    lab: Lab, unread: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from rpsg.models.openai import retry as asking

    assert asking.NEVER_CAME <= 60
    monkeypatch.setattr(asking, "NEVER_CAME", 0.2)
    plan, notes = lab.plan(lab.file(lab.rows(300))), Notes()
    with FaultyServer() as server:
        gone = server.settings()
    with pytest.raises(ModelError, match="gave no text in"):
        lab.run(plan, writer=ServerWriter("m", gone, first_pause=0.001), progress=notes)
    assert any("gives no text" in note for note in notes.notes)
    assert unread == []
    assert untouched(lab, plan)


def test_a_language_without_blanks_between_words_is_no_fault() -> None:
    from rpsg.stages.clean_reply import tidy

    assert tidy("今天下午我们在公园里散步。", cut=False) == ("今天下午我们在公园里散步。", "")
    assert tidy("好。", cut=False)[1] == "too short"
    assert tidy("散步" * 30, cut=False)[1] == "repeats itself"


def test_the_release_holds_no_reply_that_its_replay_does_not_use(lab: Lab) -> None:
    """The trial is the first line of the story, so a replay asks for its replies like for any other."""
    from rpsg.storage.call_store import request_key

    writer = FakeWriter()
    run = lab.run(lab.plan(lab.file(lab.rows(300))), writer=writer)
    lines = (run.release / "evidence" / "texts.jsonl").read_text().splitlines()
    assert {json.loads(line)["key"] for line in lines} == {
        request_key(writer.name, request) for request in writer.requests
    }
    assert TRIAL in {e["stage"] for e in map(json.loads, journal(run.path)) if e["event"] == "sending"}


def journal(path: Path) -> list[str]:
    return (path / "journal.jsonl").read_text().splitlines()
