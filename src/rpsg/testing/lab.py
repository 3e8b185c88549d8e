"""Test fixtures: a tiny public pack, invented rows, and runs of them without model weights."""

from __future__ import annotations

import importlib
import json
import random
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from rpsg.domains import find_pack, read_pack
from rpsg.methods.base import Job, Tools
from rpsg.methods.named import method_of
from rpsg.models.fake import FakeClassifier, FakeEmbedder, FakeWriter
from rpsg.pipeline.execute import execute
from rpsg.pipeline.models_of_run import load_tools
from rpsg.plan import resolve
from rpsg.privacy.mechanisms import bounded_references, clean_answer, noisy_selection, token_steps
from rpsg.privacy.replay import ReplayKernel
from rpsg.stages.contributions import People
from rpsg.storage.layout import EVIDENCE
from rpsg.storage.readers import read_by_rule
from rpsg.testing.noise import FixedNoise

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from rpsg.domains import Pack
    from rpsg.plan import Plan
    from rpsg.privacy.evidence import Selected, Texts
    from rpsg.privacy.exact_sums import Contributions
    from rpsg.privacy.histogram import IntArray, Query
    from rpsg.privacy.mechanisms import UnitItems
    from rpsg.privacy.private import Private
    from rpsg.privacy.released import NextTokens
    from rpsg.privacy.token_sampling import References
    from rpsg.protocols import Embedder, NoiseSource, Progress, Writer
    from rpsg.records import Pool
    from rpsg.registry import Kind
    from rpsg.release.run import Run

Rows = list[dict[str, Any]]

#: A domain pack: reviews of five topics, with three sentiments and three lengths.
TINY = Path(__file__).parent / "tiny"
TOPICS = ("green tea", "dark coffee", "dog biscuits", "olive oil", "corn crisps")
#: Two vocabularies that share no word with each other, the pack or the fake writer.
APPLE = (
    *("apricot", "barrel", "copper", "dungeon", "elbow", "falcon"),
    *("gravel", "harbour", "igloo", "jasmine", "kettle", "lantern"),
)
ZEBRA = (
    *("magnet", "nickel", "orchid", "pebble", "quarry", "ribbon"),
    *("saddle", "timber", "urchin", "velvet", "walnut", "zephyr"),
)
LABELS = ("food", "drink")


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
    """Makes files, plans and runs in the test's own folder."""

    folder: Path
    pack: Path = TINY
    apple: tuple[str, ...] = APPLE
    zebra: tuple[str, ...] = ZEBRA

    def tiny(self) -> Pack:
        """The pack of the plans."""
        return read_pack(self.pack)

    def rows(self, count: int, **how: Any) -> Rows:
        """Invented rows; arguments as for ``invented``."""
        return invented(count, **how)

    def file(self, rows: Sequence[Mapping[str, Any]], name: str = "data.jsonl") -> Path:
        """The rows as a private file."""
        path = self.folder / name
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return path

    def plan(self, path: Path | str = "", **sections: Mapping[str, Any]) -> Plan:
        """A plan for 20 texts at epsilon 4 from the tiny pack, updated with ``sections``."""
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
        """Fake models in place of those that are not given."""
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
        """A run of the plan, from the private file to the release, in the folder ``out``."""
        light = plan.model_copy(update={"paper": plan.paper.model_copy(update={"abstracter": "writer"})})
        more: dict[str, Any] = {role: make() for role, make in method_of(light).models(light).items()}
        tools = replace(self.tools(writer, embedder), **more)
        return execute(plan, self.folder / out, tools=tools, noise=noise, progress=progress)

    def answered_as(
        self, run: Run, plan: Plan, *, writer: Writer | None = None, progress: Progress | None = None
    ) -> Pool:
        """The pool of the plan's method on the plan's data, given the noisy answers of ``run``.

        The data are read and counted as in a run, so that two private files can be given the same answers.

        Raises:
            VerificationError: the queries of the method are not exactly those of its budget.
        """
        method, pack = method_of(plan), find_pack(plan.corpus.domain)
        if method.budget is None:
            raise ValueError("a method without a budget gets no noisy answers")
        budget, tools, kernel = method.budget(plan, pack), load_tools(plan, writer), SameAnswers(run)
        people = People(
            lambda: read_by_rule(plan.data).map(lambda read: read.corpus),
            max_records=plan.records_per_unit,
            passage_words=plan.data.passage_words,
            key=b"an order that is no secret in tests",
            embedder=tools.embedder,
            progress=progress or Witness(),
        )
        job = Job(plan.without_data(), pack, budget, people, kernel, tools, progress or Witness())
        pool: Pool = method.synthesize(job)
        kernel.replay.performed(budget, str(run.ledger["rng"]["source"]))
        return pool


class SameAnswers:
    """A kernel that reads private data as the real one does, but returns the answers of an earlier run."""

    def __init__(self, run: Run) -> None:
        self.replay = ReplayKernel(run.path / EVIDENCE, run.ledger)

    def release(self, query: Query, contributions: Callable[[], Private[Contributions]]) -> IntArray:
        clean_answer(query, contributions())
        return self.replay.release(query, contributions)

    def sample(
        self, query: Query, choices: NextTokens, references: Callable[[str], Private[References]]
    ) -> Texts:
        """The texts of the run, after the first token of each was scored."""
        rows = bounded_references(query, references("another draw"))
        for text in range(query.dim):
            token_steps(query, text, [], choices(text, []), rows)
        return self.replay.sample(query, choices, references)

    def select(self, query: Query, delta_fail: float, items: Callable[[], Private[UnitItems]]) -> Selected:
        noisy_selection(query, 1, items(), FixedNoise())
        return self.replay.select(query, delta_fail, items)


@dataclass
class Witness:
    """Progress that records its calls, in order."""

    told: list[tuple[object, ...]] = field(default_factory=list)

    def start(self, stage: str, total: int | None = None) -> None:
        self.told.append(("start", stage, total))

    def advance(self, n: int = 1, *, tokens: int = 0) -> None:
        self.told.append(("advance", n, tokens))

    def note(self, message: str) -> None:
        self.told.append(("note", message))

    def done(self, **facts: object) -> None:
        self.told.append(("done", *sorted(facts.items())))


def install(folder: Path, entry_points: Mapping[str, Mapping[str, str]], name: str = "a-plugin") -> None:
    """Install a package with these entry points into ``folder``, which then belongs on ``sys.path``.

    ``entry_points`` maps groups, such as "rpsg.methods", to names and their objects ("module:object").
    """
    info = folder / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", encoding="utf-8")
    lines = []
    for group, targets in entry_points.items():
        lines += [f"[{group}]", *(f"{key} = {target}" for key, target in targets.items())]
    (info / "entry_points.txt").write_text("\n".join([*lines, ""]), encoding="utf-8")


#: Holds the objects of ``plugged``, because an entry point needs a name in a module.
lent = SimpleNamespace()


@contextmanager
def plugged(kind: Kind, things: Mapping[str, object]) -> Iterator[None]:
    """Register ``things`` by name, like those of an installed package."""
    with tempfile.TemporaryDirectory() as folder:
        targets = {name: f"{__name__}:lent.thing_{id(thing)}" for name, thing in things.items()}
        for thing in things.values():
            setattr(lent, f"thing_{id(thing)}", thing)
        install(Path(folder), {f"rpsg.{kind}": targets}, name=f"lent-{id(things)}")
        sys.path.insert(0, folder)
        importlib.invalidate_caches()
        try:
            yield
        finally:
            sys.path.remove(folder)
            for thing in things.values():
                delattr(lent, f"thing_{id(thing)}")
