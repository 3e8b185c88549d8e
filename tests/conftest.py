"""What every test stands on: a state folder of its own, and a little laboratory of invented reviews.

No test may touch the user's odometer, so ``RPSG_HOME`` is a new folder for each one. The laboratory makes
small private files from word lists, a tiny public pack, and runs of them with models that need no weights.
"""

from __future__ import annotations

import json
import os
import random
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from rpsg.domains import read_pack
from rpsg.methods.base import Tools, method_of
from rpsg.models.fake import FakeClassifier, FakeEmbedder, FakeWriter
from rpsg.pipeline import execute as running
from rpsg.plan import resolve
from rpsg.privacy.evidence import Selected, parse_evidence
from rpsg.privacy.private import open_private

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import numpy as np

    from rpsg.domains import Pack
    from rpsg.plan import Plan
    from rpsg.privacy.histogram import IntArray, Query
    from rpsg.privacy.mechanisms import Contributions, UnitItems
    from rpsg.privacy.private import Private
    from rpsg.protocols import Embedder, NoiseSource, Progress, Writer
    from rpsg.results import Run

    Rows = list[dict[str, Any]]

TOPICS = ["green tea", "dark coffee", "dog biscuits", "olive oil", "corn crisps"]
PACK_TOML = """
name = "tiny"
title = "Tiny reviews"
about = "reviews of five kinds of food"
text = "review"
marginals = [["topic", "sentiment"], ["sentiment", "length"]]

[[attributes]]
name = "topic"
kind = "nearest"
describe = "a review of {value}"
values = ["green tea", "dark coffee", "dog biscuits", "olive oil", "corn crisps"]

[[attributes]]
name = "sentiment"
kind = "sentiment"
values = ["positive", "mixed", "negative"]
say = { positive = "happy", mixed = "undecided", negative = "unhappy" }

[[attributes]]
name = "length"
kind = "words"
edges = [9, 14]
values = ["short", "medium", "long"]
words = [12, 20, 30]

[[attributes]]
name = "opening"
kind = "free"
values = ["I bought", "We tried", "They sent", "My friend likes"]

[[examples]]
card = { topic = "green tea", sentiment = "positive", length = "short", opening = "I bought" }
text = "I bought green tea in spring and every cup of it tastes of meadows and rain."

[[examples]]
card = { topic = "olive oil", sentiment = "negative", length = "short", opening = "They sent" }
text = "They sent olive oil in a cracked bottle and half of it went into the parcel."
"""
PROMPTS = {
    "system.txt": "You write each {kind} as customers do. The corpus: {about}.",
    "candidate.txt": (
        "Topic: {topic}\nCustomer: {sentiment}\nLength: {words} words\nOpening: {opening}\n"
        "[[Category: {label}\n]][[Words: {phrases}\n]]Review:"
    ),
}
#: Two vocabularies that share no word with each other, with the pack or with what the fake writer fills in.
APPLE = [
    "apricot",
    "barrel",
    "copper",
    "dungeon",
    "elbow",
    "falcon",
    "gravel",
    "harbour",
    "igloo",
    "jasmine",
    "kettle",
    "lantern",
]
ZEBRA = [
    "magnet",
    "nickel",
    "orchid",
    "pebble",
    "quarry",
    "ribbon",
    "saddle",
    "timber",
    "urchin",
    "velvet",
    "walnut",
    "zephyr",
]
LABELS = ("food", "drink")
VAULT_KEY = b"one key for all tests of a session"[:32]


def put_vault_key(home: Path) -> None:
    """The same in every state folder, so that a run that many tests look at can be opened by each."""
    (home / "vault.key").write_bytes(VAULT_KEY)
    (home / "vault.key").chmod(0o600)


#: Runs that a fixture made for many tests began "here" for each of them.
INSTALLATION = b"k" * 32


def state_in(home: Path) -> Path:
    """A state folder with the key of this installation of tests."""
    key = home / "installation.key"
    key.write_bytes(INSTALLATION)
    key.chmod(0o600)
    return home


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Slow tests and those of real weights get longer before they count as waiting for ever."""
    for item in items:
        patient = any(item.get_closest_marker(name) for name in ("slow", "weights"))
        if patient and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(600))


@pytest.fixture(scope="session")
def pulled_models() -> Path:
    """Where the weights lie that `make test` pulled, before any test moves the state folder."""
    from rpsg.models.files import models_folder

    return Path(os.environ.get("RPSG_MODELS") or models_folder())


@pytest.fixture(scope="session", autouse=True)
def no_user_s_state(pulled_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Fixtures that live longer than a test get a state folder too, never the user's."""
    home = state_in(tmp_path_factory.mktemp("session-home"))
    (home / "models").symlink_to(pulled_models)
    put_vault_key(home)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RPSG_HOME", str(home))
        yield


@pytest.fixture(scope="session", autouse=True)
def limits_of_this_process() -> Iterator[None]:
    """This process keeps its own: lowered for good, no test could see whether a child leaves a dump."""
    import resource
    from types import SimpleNamespace

    kept = {name: getattr(resource, name) for name in ("getrlimit", "RLIMIT_CORE", "RLIM_INFINITY")}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rpsg.hardening.resource", SimpleNamespace(**kept, setrlimit=lambda *_: None))
        yield


@pytest.fixture(autouse=True)
def own_state(
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    pulled_models: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """A state folder for this test alone; tests of real weights find the pulled models linked into it."""
    home = state_in(tmp_path_factory.mktemp("home"))
    if request.node.get_closest_marker("weights") is not None:
        (home / "models").symlink_to(pulled_models)
    put_vault_key(home)
    monkeypatch.setenv("RPSG_HOME", str(home))


@pytest.fixture(scope="session")
def pack_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A domain pack of a user's own: five topics, three sentiments, three lengths."""
    folder = tmp_path_factory.mktemp("packs") / "tiny"
    folder.mkdir()
    (folder / "pack.toml").write_text(PACK_TOML)
    for name, text in PROMPTS.items():
        (folder / name).write_text(text)
    return folder


@pytest.fixture
def tiny(pack_folder: Path) -> Pack:
    return read_pack(pack_folder)


def invented(count: int, *, words: Sequence[str] = APPLE, seed: int = 0, people: int | None = None) -> Rows:
    """Reviews of the pack's topics with words of a vocabulary, by ``people`` people (default: one each)."""
    rng = random.Random(seed)
    return [
        {
            "text": " ".join([*rng.choice(TOPICS).split(), *rng.choices(words, k=rng.randint(4, 18))]),
            "user": f"person-{i % (people or count)}",
            "label": rng.choice(LABELS),
        }
        for i in range(count)
    ]


@dataclass(frozen=True)
class Lab:
    """Makes files, plans and runs in a folder of the test's own."""

    folder: Path
    pack: Path
    apple: tuple[str, ...] = tuple(APPLE)
    zebra: tuple[str, ...] = tuple(ZEBRA)

    def rows(self, count: int, **how: Any) -> Rows:
        return invented(count, **how)

    def file(self, rows: Sequence[Mapping[str, Any]], name: str = "data.jsonl") -> Path:
        path = self.folder / name
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return path

    def plan(self, path: Path | str = "", **sections: Mapping[str, Any]) -> Plan:
        """20 texts at epsilon 4 from the tiny pack, with the sections changed as said."""
        return resolve(
            {
                "data": {"path": str(path), "user": "user"},
                "corpus": {"domain": str(self.pack), "size": 20},
                "privacy": {"epsilon": 4.0, "lifetime_epsilon": 30.0},
                "models": {"writer": "fake", "embedder": "fake"},
            },
            sections,
        )

    def tools(self, writer: Writer | None = None, embedder: Embedder | None = None) -> Tools:
        return Tools(
            writer=writer or FakeWriter(),
            embedder=embedder or FakeEmbedder(),
            sentiment=FakeClassifier(),
        )

    def run(
        self,
        plan: Plan,
        out: str = "run",
        *,
        writer: Writer | None = None,
        embedder: Embedder | None = None,
        noise: NoiseSource | None = None,
        progress: Progress | None = None,
    ) -> Run:
        light = plan.model_copy(update={"paper": plan.paper.model_copy(update={"abstracter": "writer"})})
        more: dict[str, Any] = {role: make() for role, make in method_of(light).models(light).items()}
        tools = replace(self.tools(writer, embedder), **more)  # as every run has, without weights
        return running.execute(plan, self.folder / out, tools=tools, noise=noise, progress=progress)


@pytest.fixture(scope="session")
def lab_of(pack_folder: Path) -> Callable[[Path], Lab]:
    """A laboratory in a folder of one's choice, for runs that many tests look at."""
    return lambda folder: Lab(folder, pack_folder)


@pytest.fixture
def lab(tmp_path: Path, lab_of: Callable[[Path], Lab], monkeypatch: pytest.MonkeyPatch) -> Lab:
    """A laboratory that does not wait for the disk: no test of it cuts the power."""
    monkeypatch.setattr("os.fsync", lambda _descriptor: None)
    return lab_of(tmp_path)


@dataclass(frozen=True)
class Told:
    """What an earlier run released, by stage."""

    vectors: Mapping[str, IntArray]
    strings: Mapping[str, Selected]

    @classmethod
    def by(cls, run: Run) -> Told:
        files = sorted((run.path / "evidence").glob("release-*.json"))
        found = [parse_evidence(file.read_bytes()) for file in files]
        return cls(
            {e.stage: e.histogram() for e in found if e.values is not None},
            {e.stage: e.selected() for e in found if e.items is not None},
        )


@pytest.fixture
def retell(monkeypatch: pytest.MonkeyPatch) -> Callable[[Run], None]:
    """From now on every mechanism reads and counts its private data, and tells what the given run told.

    So two private files meet the very same noisy vectors, with kernel, journal and odometer at work.
    """
    from rpsg.privacy.mechanisms import clean_answer

    def install(run: Run) -> None:
        told = Told.by(run)

        def histogram(query: Query, rows: Private[Contributions], noise: NoiseSource) -> IntArray:
            clean_answer(query, rows)
            noise.draw(query.sigma, query.dim)
            return told.vectors[query.stage]

        def selection(
            query: Query, threshold: int, items: Private[UnitItems], noise: NoiseSource
        ) -> list[tuple[str, int]]:
            assert all(len(set(held)) == len(held) <= query.k for held in open_private(items))
            noise.draw(query.sigma, 1)
            return list(told.strings[query.stage])

        monkeypatch.setattr("rpsg.privacy.kernel.noisy_histogram", histogram)
        monkeypatch.setattr("rpsg.privacy.kernel.noisy_selection", selection)

    return install


@pytest.fixture
def rng() -> np.random.Generator:
    """A public random stream, always the same."""
    from rpsg.stages.rng import stream

    return stream(0, "tests")
