"""What every test stands on: a state folder of its own, and the laboratory of ``rpsg.testing``.

No test may touch the user's odometer, so ``RPSG_HOME`` is a new folder for each one.
"""

from __future__ import annotations

import gc
import itertools
import json
import os
import shutil
import signal
import sqlite3
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from rpsg.domains import read_pack
from rpsg.privacy.evidence import Selected, parse_evidence
from rpsg.privacy.private import open_private
from rpsg.testing.lab import APPLE, TINY, TOPICS, Lab, Rows, invented

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import numpy.typing as npt

    from rpsg.domains import Pack
    from rpsg.privacy.exact_sums import Contributions
    from rpsg.privacy.histogram import IntArray, Query
    from rpsg.privacy.mechanisms import UnitItems
    from rpsg.privacy.private import Private
    from rpsg.protocols import NoiseSource
    from rpsg.release.run import Run

__all__ = ["APPLE", "TOPICS", "Lab", "Rows", "Told", "invented"]

VAULT_KEY = b"one key for all tests of a session"[:32]


def put_vault_key(home: Path) -> None:
    """The same in every state folder, so that a run that many tests look at can be opened by each."""
    (home / "vault.key").write_bytes(VAULT_KEY)
    (home / "vault.key").chmod(0o600)


#: This many reviews have most words of the others.
FEW_REVIEWS = 100
#: Runs that a fixture made for many tests began "here" for each of them.
INSTALLATION = b"k" * 32


def state_in(home: Path) -> Path:
    """A state folder with the key of this installation of tests."""
    key = home / "installation.key"
    key.write_bytes(INSTALLATION)
    key.chmod(0o600)
    return home


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Slow tests and those of real weights come first, and get longer before they count as waiting for ever.

    So the last tests are quick ones, which workers can share evenly, and two models are seldom in memory.
    """

    def is_slow(item: pytest.Item) -> bool:
        return any(item.get_closest_marker(name) for name in ("slow", "weights"))

    items.sort(key=lambda item: not is_slow(item))
    for item in items:
        if is_slow(item) and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(600))


def pytest_collection() -> None:
    """What is collected stays until the end; looking through it for garbage takes a tenth of the time."""
    gc.set_threshold(20_000)


def pytest_collection_finish() -> None:
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def pulled_models() -> Path:
    """Where the weights lie that `make test` pulled, before any test moves the state folder."""
    from rpsg.models.download import models_folder

    return Path(os.environ.get("RPSG_MODELS") or models_folder())


@pytest.fixture(scope="session")
def models_of_few_words(pulled_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pulled models, and the table of word vectors for those words alone that some texts have.

    These are reviews, and the texts of the laws of embedders. Each word of the vocabulary is embedded for it:
    a few thousand take seconds, all of them minutes. All other words share the row of a text without words.
    """
    from tokenizers import Tokenizer

    from rpsg import registry
    from rpsg.models.onnx.embedder import OnnxEmbedder
    from rpsg.testing.laws.embedder import TEXTS

    home = tmp_path_factory.mktemp("home-of-few-words")
    (home / "models").mkdir()
    for model in pulled_models.iterdir():
        if not model.name.startswith("static-"):
            (home / "models" / model.name).symlink_to(model)
    tokenizer = Tokenizer.from_file(str(pulled_models / "minilm-onnx" / "tokenizer.json"))
    tokenizer.no_truncation()
    rows = (pulled_models / "amazon-reviews" / "test.jsonl").read_text(encoding="utf-8").splitlines()
    texts = [json.loads(row)["text"] for row in rows[:FEW_REVIEWS]] + TEXTS
    known = {token.removeprefix("##") for text in texts for token in tokenizer.encode(text).tokens}
    embed = OnnxEmbedder.embed

    def embed_known(self: OnnxEmbedder, words: Sequence[str]) -> npt.NDArray[np.float32]:
        rows = np.tile(embed(self, [""]), (len(words), 1))
        if at := [index for index, word in enumerate(words) if word in known]:
            rows[at] = embed(self, [words[index] for index in at])
        return rows

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RPSG_HOME", str(home))
        patch.setattr(OnnxEmbedder, "embed", embed_known)
        registry.embedder("static")
    return home / "models"


@pytest.fixture
def few_words(own_state: None, models_of_few_words: Path) -> Path:
    """A test with this fixture finds these models in its state folder."""
    models = Path(os.environ["RPSG_HOME"]) / "models"
    models.unlink()
    models.symlink_to(models_of_few_words)
    return models


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


class UnsyncedConnection(sqlite3.Connection):
    """A connection that leaves to the system when its pages reach the disk, whatever it is asked."""

    def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
        is_asked = sql.startswith("PRAGMA synchronous")
        return super().execute("PRAGMA synchronous=OFF" if is_asked else sql, *parameters)


CONNECT = sqlite3.connect


@pytest.fixture(scope="session", autouse=True)
def no_waiting_for_the_disk() -> Iterator[None]:
    """A process that is killed loses nothing for that: no test cuts the power."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.fsync", lambda _descriptor: None)
        patch.setattr("sqlite3.connect", partial(CONNECT, factory=UnsyncedConnection))
        yield


@pytest.fixture(scope="session")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Paths of state folders, each for one test. The factory would list all earlier ones to find a number."""
    folder = tmp_path_factory.mktemp("homes")
    return (folder / str(number) for number in itertools.count())


@pytest.fixture(autouse=True)
def own_state(
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    pulled_models: Path,
    homes: Iterator[Path],
) -> None:
    """A state folder for this test alone; tests of real weights find the pulled models linked into it."""
    home = next(homes)
    home.mkdir(mode=0o700)
    state_in(home)
    if request.node.get_closest_marker("weights") is not None:
        (home / "models").symlink_to(pulled_models)
    put_vault_key(home)
    monkeypatch.setenv("RPSG_HOME", str(home))


@pytest.fixture
def listens_to_ctrl_c() -> Iterator[None]:
    """A process that a shell started in the background ignores the signal, and a test would wait for ever."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session")
def pack_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A domain pack of a user's own: five topics, three sentiments, three lengths."""
    return shutil.copytree(TINY, tmp_path_factory.mktemp("packs") / "tiny")


@pytest.fixture
def tiny(pack_folder: Path) -> Pack:
    return read_pack(pack_folder)


@pytest.fixture(scope="session")
def lab_of(pack_folder: Path) -> Callable[[Path], Lab]:
    """A laboratory in a folder of one's choice, for runs that many tests look at."""
    return lambda folder: Lab(folder, pack_folder)


@pytest.fixture
def lab(tmp_path: Path, lab_of: Callable[[Path], Lab]) -> Lab:
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
