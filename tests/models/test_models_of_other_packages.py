"""A model of another package that fails, or gives what it must not, is named with its package."""

from __future__ import annotations

import shlex
import shutil
from functools import partial
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from rpsg import registry
from rpsg.cli import main
from rpsg.errors import ModelError, PlugInError
from rpsg.models.fake import FakeClassifier, FakeEmbedder, FakeScorer, FakeWriter
from rpsg.models.pii import PatternRecognizer
from rpsg.models.plugins import guarded
from rpsg.privacy.egress import host_of, is_here
from rpsg.protocols import (
    Classifier,
    CountingScorer,
    Embedder,
    Message,
    Reply,
    Request,
    Scorer,
    Span,
    TellsTrouble,
    Writer,
)
from rpsg.stages.contributions import each_or_none
from rpsg.testing.lab import plugged

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.conftest import Lab

TEXTS = ["one text", "another text"]
REQUESTS = [Request((Message("user", text),), max_tokens=4, seed=1) for text in TEXTS]
PRIVATE = "private words may be in here"


def fails(*_: Any, **__: Any) -> Any:
    raise ValueError(PRIVATE)


def leaves(*_: Any, **__: Any) -> Any:
    raise SystemExit(PRIVATE)


def giving(result: Any) -> Callable[..., Any]:
    return lambda *_, **__: result


def with_(base: type, **members: Any) -> Callable[..., Any]:
    """What an entry point leads to: a function that builds a model with these members."""
    functions = {name: member for name, member in members.items() if callable(member)}

    def build(*_: Any, **__: Any) -> Any:
        made = type("Theirs", (base,), functions)()
        for name in members.keys() - functions.keys():
            setattr(made, name, members[name])
        return made

    return build


def ask_writer() -> Any:
    return registry.writer("theirs").write(REQUESTS)


def ask_embedder() -> Any:
    return registry.embedder("theirs").embed(TEXTS)


def ask_classifier() -> Any:
    embedder = FakeEmbedder()
    return registry.sentiment(embedder, "theirs").classify(TEXTS, embedder.embed(TEXTS))


def ask_scorer() -> Any:
    return registry.scorer("theirs").score(TEXTS)


def tells_junk(_: Any, requests: Sequence[Request], on_reply: Any = None) -> Any:
    if on_reply is not None:
        on_reply(7, Reply("text", "stop"))
    return [Reply("text", "stop") for _ in requests]


NOT_ALLOWED = "its protocol does not allow"
ROW = np.ones((2, 3), np.float32)
NONE = np.full((2, FakeEmbedder().dim), np.nan, np.float32)
BROKEN: dict[str, tuple[registry.Kind, Callable[..., Any], Callable[[], Any], str]] = {
    "a writer that fails": ("writers", with_(FakeWriter, write=fails), ask_writer, "failed in write"),
    "a writer that ends the program": ("writers", with_(FakeWriter, write=leaves), ask_writer, "SystemExit"),
    "a reply too few": ("writers", with_(FakeWriter, write=giving([])), ask_writer, "Reply for each request"),
    "texts for replies": ("writers", with_(FakeWriter, write=giving(["a", "b"])), ask_writer, "Reply for"),
    "a reply of no request": (
        "writers",
        with_(FakeWriter, write=tells_junk),
        ask_writer,
        "a request's number",
    ),
    "a writer without a name": ("writers", with_(FakeWriter, name=""), ask_writer, "has no name"),
    "a writer nowhere": ("writers", with_(FakeWriter, endpoint="moon"), ask_writer, "has no endpoint"),
    "a writer that cannot write": ("writers", with_(FakeWriter, write=None), ask_writer, "no function write"),
    "nothing for a writer": ("writers", giving(None), ask_writer, "has no name"),
    "a builder that fails": ("writers", fails, ask_writer, "cannot be built"),
    "a builder of other arguments": ("writers", lambda name: name, ask_writer, "TypeError"),
    "a number for a builder": ("writers", 7, ask_writer, "TypeError"),  # type: ignore[dict-item]
    "an embedder that fails": (
        "embedders",
        with_(FakeEmbedder, embed=fails),
        ask_embedder,
        "in embed",
    ),
    "words for rows": (
        "embedders",
        with_(FakeEmbedder, embed=giving("rows")),
        ask_embedder,
        NOT_ALLOWED,
    ),
    "narrow rows": ("embedders", with_(FakeEmbedder, embed=giving(ROW)), ask_embedder, NOT_ALLOWED),
    "rows without a number": (
        "embedders",
        with_(FakeEmbedder, embed=giving(NONE)),
        ask_embedder,
        NOT_ALLOWED,
    ),
    "a classifier that fails": (
        "classifiers",
        with_(FakeClassifier, classify=fails),
        ask_classifier,
        "classify",
    ),
    "a value of its own": (
        "classifiers",
        with_(FakeClassifier, classify=giving(["odd", "odd"])),
        ask_classifier,
        NOT_ALLOWED,
    ),
    "a scorer that fails": ("scorers", with_(FakeScorer, score=fails), ask_scorer, "failed in score"),
    "one score a text": (
        "scorers",
        with_(FakeScorer, score=giving([0.1, 0.2])),
        ask_scorer,
        NOT_ALLOWED,
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_model_that_breaks_its_protocol_is_named_with_its_package_and_what_to_do(case: str) -> None:
    kind, build, ask, said = BROKEN[case]
    with plugged(kind, {"theirs": build}), pytest.raises(PlugInError, match="'theirs'") as told:
        ask()
    assert "from the package lent-" in told.value.message
    assert said in told.value.message
    assert told.value.hint.startswith("Repair that package, or remove it: pip uninstall lent-")
    assert PRIVATE not in f"{told.value} {told.value.__cause__} {told.value.__context__}"


def test_a_package_that_says_nothing_of_itself_is_named_by_its_module(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    point = EntryPoint("theirs", "no_such_package.models:build", "rpsg.writers")
    monkeypatch.setattr(registry, "entry_points", lambda group: [point] if group == point.group else [])
    with pytest.raises(PlugInError, match="from the package no_such_package"):
        registry.writer("theirs")


def test_what_a_listener_raises_is_no_failure_of_the_writer() -> None:
    def full(_: int, __: Reply) -> None:
        raise OSError("the disk is full")

    with plugged("writers", {"theirs": with_(FakeWriter)}), pytest.raises(OSError, match="the disk is full"):
        registry.writer("theirs").write(REQUESTS, full)


def test_an_error_with_a_sentence_of_its_own_stays_as_it_is() -> None:
    def refuses(*_: Any) -> Any:
        raise ModelError("The weights are not here.", hint="Get them.")

    theirs = with_(FakeWriter, write=refuses)
    with plugged("writers", {"theirs": theirs}), pytest.raises(ModelError, match="The weights are not here"):
        ask_writer()


def test_a_sound_model_of_another_package_gives_what_it_gives_without_the_checks() -> None:
    with plugged("writers", {"theirs": with_(FakeWriter)}):
        writer = registry.writer("theirs")
    assert isinstance(writer, Writer)
    assert writer.write(REQUESTS) == FakeWriter().write(REQUESTS)
    with plugged("embedders", {"theirs": with_(FakeEmbedder)}):
        embedder = registry.embedder("theirs")
    assert isinstance(embedder, Embedder)
    assert np.array_equal(embedder.embed(TEXTS), FakeEmbedder().embed(TEXTS))
    with plugged("classifiers", {"theirs": with_(FakeClassifier)}):
        classifier = registry.sentiment(embedder, "theirs")
    assert isinstance(classifier, Classifier)
    assert classifier.values == FakeClassifier().values


def test_what_a_model_can_do_beside_its_protocol_stays_visible() -> None:
    def tell_trouble(_: Any, note: Callable[[str], None]) -> None:
        note("no connection")

    theirs = with_(FakeWriter, endpoint="remote_llm", host="far.example.com", tell_trouble=tell_trouble)
    with plugged("writers", {"theirs": theirs}):
        writer = registry.writer("theirs")
    assert (is_here(writer), host_of(writer)) == (False, "far.example.com")
    assert isinstance(writer, TellsTrouble)
    noted: list[str] = []
    writer.tell_trouble(noted.append)
    assert noted == ["no connection"]
    with plugged("writers", {"theirs": with_(FakeWriter)}):
        assert not isinstance(registry.writer("theirs"), TellsTrouble)


def test_a_private_text_that_breaks_an_embedder_of_another_package_ends_no_run(lab: Lab) -> None:
    """It is a zero row, as with RPSG's own: whether a run ends must not depend on one text."""

    def chokes(self: FakeEmbedder, texts: Sequence[str]) -> Any:
        if any("zephyr" in text for text in texts):
            raise ValueError(PRIVATE)
        return FakeEmbedder.embed(self, texts)

    rows = lab.rows(60)
    rows[3]["text"] = "a zephyr of green tea"
    with plugged("embedders", {"theirs": with_(FakeEmbedder, embed=chokes)}):
        embedder = registry.embedder("theirs")
        found = each_or_none(3, lambda part: embedder.embed(["tea", "a zephyr", "oil"][part]))
        assert [row is None for row in found] == [False, True, False]
        assert len(lab.run(lab.plan(lab.file(rows)), embedder=embedder).texts) == 20


@pytest.mark.parametrize(
    "found", [[[]], [[Span(0, 99, "email")], []], [["email"], []], None], ids=["few", "long", "words", "none"]
)
def test_spans_are_places_of_their_text(found: Any) -> None:
    theirs = with_(PatternRecognizer, find=giving(found))
    with plugged("recognizers", {"theirs": theirs}), pytest.raises(PlugInError, match=NOT_ALLOWED):
        registry.recognizer("theirs").find(TEXTS)


def test_a_scorer_that_counts_its_tokens_still_does() -> None:
    counting = with_(FakeScorer, count_tokens=lambda _, texts: [len(text.split()) for text in texts])
    with plugged("scorers", {"theirs": counting}):
        scorer = guarded("scorers", counting, partial(registry.at_fault, "scorers", "theirs"))
    assert isinstance(scorer, Scorer)
    assert isinstance(scorer, CountingScorer)
    assert scorer.count_tokens(TEXTS) == [2, 2]


def test_the_command_that_a_run_prints_verifies_its_release_on_another_machine(
    lab: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    """It allows what a replay loads, and no more: replies of the writer are in the release."""
    embedders = plugged("embedders", {"lent-embedder": lambda *_, **__: FakeEmbedder()})
    with embedders, plugged("writers", {"lent-writer": lambda *_, **__: FakeWriter()}):
        folder = lab.folder / "run"
        typed = ["--writer", "lent-writer", "--embedder", "lent-embedder", "--domain", str(lab.pack)]
        assert main(["run", "--method", "floor", *typed, "--size", "5", "-o", str(folder)]) == 0
        words = shlex.split(capsys.readouterr().out.partition("can check it:")[2])
        command = words[words.index("rpsg") : words.index("lent-embedder") + 1]
        assert command == ["rpsg", "verify", str(folder), "--allow-plugin", "lent-embedder"]
        elsewhere = lab.folder / "elsewhere"
        shutil.copytree(folder / "release", elsewhere)
        assert main(["verify", str(elsewhere), *command[3:]]) == 0
        capsys.readouterr()
        assert main(["verify", str(elsewhere)]) == 8
        assert "--allow-plugin NAME" in " ".join(capsys.readouterr().out.split())
