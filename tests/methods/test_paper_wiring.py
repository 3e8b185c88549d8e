"""That each stage of the paper's method is given what it needs: small cases, counted by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from tests.methods.kept import stages

from rpsg.disk.files import private_dir
from rpsg.methods.base import Job, Seeding
from rpsg.methods.paper_steps import agreement_step, filter_step, histogram_step
from rpsg.models.fake import FakeClassifier, FakeWriter
from rpsg.pipeline import execute as running
from rpsg.privacy.noise import RoundedGaussian
from rpsg.privacy.private import Private
from rpsg.privacy.unprotected_reads import UnprotectedReads
from rpsg.protocols import Silent
from rpsg.records import Candidate, Card, Document, Pool
from rpsg.stages.abstraction import Seed
from rpsg.stages.surrogate import NgramRecipe
from rpsg.storage.checkpoints import StageCheckpoints
from rpsg.storage.vault import Vault

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt
    from tests.conftest import Lab

    from rpsg.domains import Pack
    from rpsg.methods.base import Tools
    from rpsg.protocols import Scorer


class Keyword(FakeClassifier):
    """Positive is what is lovely."""

    def classify(self, texts: Sequence[str], embeddings: npt.NDArray[np.float32]) -> list[str]:
        del embeddings
        return ["positive" if "lovely" in text else "negative" for text in texts]


class ByNumber:
    """A surrogate under which a text has the NLL that it names."""

    name, endpoint = "by number", "local_model"

    def train(self, texts: Sequence[str], seed: int) -> Any:
        del texts, seed
        return self

    def score(self, texts: Sequence[str]) -> list[list[float]]:
        return [[-float(text)] for text in texts]


@pytest.fixture
def hired(lab: Lab, tiny: Pack, tmp_path: Path) -> Any:
    """Makes a job whose door opens on these private texts, and on nothing else."""

    def hire(private: Sequence[str], tools: Tools | None = None, **paper: Any) -> Job:
        rows = tuple(Document(i, text) for i, text in enumerate(private))
        tools = tools or lab.tools()
        vectors = tools.embedder.embed(private)
        boxes: dict[str, Any] = {"rows": lambda: Private(rows), "embeddings": lambda: Private(vectors)}
        door = UnprotectedReads(tmp_path / "disclosures.jsonl", boxes)
        seeding = Seeding(
            door, StageCheckpoints(Vault.create(private_dir(tmp_path / "private"), "none")), RoundedGaussian()
        )
        plan = lab.plan(method={"name": "paper"}, paper=paper)
        nobody: Any = None  # these steps ask no voter
        return Job(plan, tiny, None, nobody, nobody, tools, Silent(), b"k" * 32, seeding)

    return hire


def pool_of(texts: Sequence[str], parents: Sequence[int] = ()) -> Pool:
    return Pool(
        tuple(
            Candidate(i, text, Card({}), parents[i] if parents else i, {}, None)
            for i, text in enumerate(texts)
        )
    )


def dropped(pool: Pool) -> list[int]:
    return [candidate.id for candidate in pool if candidate.dropped is not None]


def test_the_share_with_the_sentiment_of_their_seed_is_counted_over_living_texts(
    lab: Lab, hired: Any
) -> None:
    """Of four living texts three have a seed with a sentiment, and two of these have it."""
    tools = replace(lab.tools(), sentiment=Keyword())
    sentiments = ["positive", "negative", "positive", ""]
    seeds = [Seed(i, "a record", sentiment, 5) for i, sentiment in enumerate(sentiments)]
    texts = ["lovely tea", "lovely coffee", "lovely oil", "crisps", "biscuits"]
    pool = pool_of(texts, (0, 1, 2, 3, 1))
    pool = pool.drop("nll filter", {4: "scored like a private text"})
    job = hired(["private"], tools)
    assert agreement_step(job, seeds, pool) == pytest.approx(2 / 3)
    line = job.seeding.checkpoints.lines[-1]
    assert (line.taken, line.given, line.dropped) == (3, 2, {"with another sentiment (kept)": 1})


def test_the_histogram_keeps_those_that_records_are_nearest_to(hired: Any) -> None:
    """Of the sentiment of four seeds int(0.9 x 4) = 3 texts stay, of that of two seeds int(0.9 x 2) = 1."""
    votes = {"hazel": 4, "date": 3, "jade": 2, "iris": 1, "kale": 1, "fig": 5}
    seeds = [Seed(i, "a record", "positive" if i < 4 else "negative", 5) for i in range(6)]
    abstracts = dict(enumerate(["apple", "berry", "cherry", "date", "elder", "fig"]))
    variants = pool_of(["grape", "hazel", "iris", "jade", "kale", "lemon"])
    private = [word for word, count in votes.items() for _ in range(count)]
    kept = histogram_step(hired(private, histogram_sigma=0.01), seeds, abstracts, variants)
    assert [(task.number, task.source, task.seed.number) for task in kept] == [
        (1, "hazel", 1),
        (3, "jade", 3),
        (9, "date", 3),
        (11, "fig", 5),
    ]


@pytest.mark.parametrize(
    ("private", "paper", "gone"),
    [
        ([1, 9], {}, [1, 2]),  # gaps to the farthest: 9, 5, 5, 9
        ([9, 1], {}, [1, 2]),
        ([1, 9], {"nll_distance": "min"}, [0, 3]),  # to the nearest: 1, 3, 3, 1
        ([9, 2, 1], {"representatives": 1}, [0, 1]),  # their mean is 4, so 2 stands for all: 2, 2, 4, 8
        ([1, 9], {"filters": "early"}, [0, 1]),  # the half with the lowest NLL, whatever is private
    ],
)
def test_the_nll_filter_takes_what_is_scored_like_private_texts(
    lab: Lab, hired: Any, private: list[int], paper: dict[str, Any], gone: list[int]
) -> None:
    surrogate: Any = ByNumber()
    tools = replace(lab.tools(), surrogate=surrogate)
    job = hired([str(n) for n in private], tools, **{"nll_percentile": 50, "cosine_retain": 1.0, **paper})
    pool = filter_step(job, pool_of(["a variant"]), pool_of(["0", "4", "6", "10"]))
    assert dropped(pool) == gone


def test_the_cosine_filter_takes_what_is_nearest_to_a_private_text(hired: Any) -> None:
    job = hired(["red", "green"], cosine_retain=0.5, nll_percentile=0)
    pool = filter_step(job, pool_of(["a variant"]), pool_of(["blue", "red", "green", "yellow"]))
    assert dropped(pool) == [1, 2]


class Spy(NgramRecipe):
    """The n-gram recipe; it remembers what it was shown."""

    def __init__(self) -> None:
        self.shown: list[str] = []

    def train(self, texts: Sequence[str], seed: int) -> Scorer:
        self.shown = list(texts)
        return super().train(texts, seed)


def test_the_surrogate_is_trained_on_the_living_variants_and_on_nothing_else(lab: Lab) -> None:
    spy, rows = Spy(), lab.rows(40)
    writer = FakeWriter(fails=lambda request: request.seed % 3 == 0)
    tools = replace(lab.tools(writer), surrogate=spy)
    plan = lab.plan(lab.file(rows), method={"name": "paper"}, paper={"sentiment_attempts": 1})
    run = running.execute(plan, lab.folder / "run", tools=tools)
    variants = stages(run)["first-rewrite"]["value"]
    living = [text["text"] for text in variants if text["dropped"] is None]
    assert 0 < len(living) < len(variants)
    assert spy.shown == living
    assert not {row["text"] for row in rows} & set(spy.shown)


class Three:
    """A summariser that says the same three things of everybody."""

    name, endpoint = "three", "local_model"

    def summarize(self, texts: Sequence[str], **how: Any) -> list[list[str]]:
        del how
        return [["velvet nickel", "urchin dungeon", "magnet orchid"] for _ in texts]


def test_the_summary_that_most_records_are_nearest_to_is_chosen_by_votes(lab: Lab) -> None:
    """One seed; nine of ten records are about dungeons, and every summary has the sentiment of the seed."""
    rows = [{**row, "text": "dungeon" if i % 10 else "velvet"} for i, row in enumerate(lab.rows(40))]
    summariser: Any = Three()
    tools = replace(lab.tools(), summariser=summariser, sentiment=Always())
    paper = {"abstracter": "summariser", "selection": "votes", "nominal_epsilon": 0, "seeds": 1}
    plan = lab.plan(lab.file(rows), method={"name": "paper"}, paper={**paper, "nll_percentile": 0})
    run = running.execute(plan, lab.folder / "run", tools=tools)
    ((text, _),) = stages(run)["choice"]["value"].values()
    assert text == "urchin dungeon"


class Always(FakeClassifier):
    def classify(self, texts: Sequence[str], embeddings: npt.NDArray[np.float32]) -> list[str]:
        del embeddings
        return ["mixed"] * len(texts)
