"""A release, read from its folder alone, as the report tells it. Nothing private is opened here."""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rpsg.domains import read_pack
from rpsg.errors import RunError
from rpsg.json_text import strict_json
from rpsg.plan import resolve
from rpsg.privacy.egress import EgressRecord
from rpsg.privacy.evidence import Evidence, parse_evidence
from rpsg.records import Candidate, Card, Pool
from rpsg.release.coverage import Coverage, Noisy, coverage, people, without_topic
from rpsg.release.history import read_lives
from rpsg.report.summary import Facts
from rpsg.storage.layout import CANDIDATES, CORPUS, EGRESS, EVIDENCE, LEDGER, PLAN, TEXTS
from rpsg.storage.ownership import readable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from rpsg.plan import Plan

DAMAGED = "Check the release with: rpsg verify RUN"


@dataclass(frozen=True, slots=True)
class Calls:
    """What the writer was asked for: replies that are kept, and tokens read and written."""

    replies: int
    prompt_tokens: int
    new_tokens: int


@dataclass(frozen=True, slots=True)
class Story:
    """Everything a public report tells.

    ``is_whole`` says whether the pool holds the dropped texts too; ``calls`` is None where they are not told.
    ``fit`` says how many private texts fit no topic of the pack, where that was asked for.
    """

    facts: Facts
    people: Noisy | None
    coverage: tuple[Coverage, ...]
    calls: Calls | None
    is_whole: bool
    fit: str = ""

    @property
    def texts(self) -> Sequence[Candidate]:
        """The released texts."""
        return self.facts.pool.alive()

    @property
    def claim(self) -> Mapping[str, Any]:
        claim: Mapping[str, Any] = self.facts.ledger["claim"]
        return claim

    @property
    def reads_private(self) -> bool:
        """Whether private texts were read at all."""
        return bool(self.claim["type"] != "no_private_data")

    @property
    def is_seeded(self) -> bool:
        """Whether texts were made from private records, with no mechanism between."""
        return bool(self.facts.ledger["non_dp_flows"])

    @property
    def is_private(self) -> bool:
        """Whether there is a privacy guarantee to tell; without one no figure of it may be printed."""
        return "epsilon" in self.claim

    @property
    def gaussians(self) -> list[Mapping[str, Any]]:
        """The ledger's lines of noisy counts."""
        return [m for m in self.facts.ledger["mechanisms"] if m["kind"] == "rounded_gaussian"]


def read_story(release: Path) -> Story:
    """The story of the release in this folder.

    Raises:
        RunError: a file of the release is missing or damaged.
    """
    try:
        return _story(release)
    except FileNotFoundError as error:
        raise RunError(f"The release has no {_name(error)}.", hint=DAMAGED) from None
    except (ArithmeticError, LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise RunError(f"A file of the release is damaged ({type(error).__name__}).", hint=DAMAGED) from None


def read_any(release: Path) -> Story:
    """The story of a release that may be a stranger's; it is copied before it is read, unless it is ours.

    Raises:
        RunError: a file of the release is missing or damaged.
        VerificationError: the folder holds what no release has.
    """
    with readable(release) as folder:
        return read_story(folder)


def _name(error: FileNotFoundError) -> str:
    return str(error.filename).replace("\\", "/").rsplit("/", 1)[-1]


def _story(release: Path) -> Story:
    ledger: Mapping[str, Any] = strict_json((release / LEDGER).read_bytes())
    plan = resolve(tomllib.loads((release / EVIDENCE / PLAN).read_text(encoding="utf-8")))
    pack = read_pack(release / EVIDENCE / "pack")
    pool, is_whole = _pool(release)
    evidence = {e.stage: e for e in _evidence(release / EVIDENCE)}
    facts = Facts(plan, pack, pool, ledger, *_models(plan, ledger), _seen(release / EGRESS))
    covered = coverage(plan, pack, ledger, evidence, pool.alive())
    calls, fit = _calls(release / EVIDENCE / TEXTS), without_topic(plan, ledger, evidence)
    return Story(facts, people(evidence, ledger), covered, calls, is_whole, fit)


def _lines(path: Path) -> Iterator[Mapping[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def _pool(release: Path) -> tuple[Pool, bool]:
    rows = list(_lines(release / CORPUS))
    lives = release / EVIDENCE / CANDIDATES
    if lives.is_file():
        return read_lives(lives, {int(row["id"]): str(row["text"]) for row in rows}), True
    return Pool(tuple(Candidate(int(row["id"]), str(row["text"]), Card(_values(row))) for row in rows)), False


def _values(row: Mapping[str, Any]) -> dict[str, str]:
    label = {"label": str(row["label"])} if "label" in row else {}
    return {**{str(k): str(v) for k, v in row["attributes"].items()}, **label}


def _evidence(folder: Path) -> Iterator[Evidence]:
    for file in sorted(folder.glob("release-*.json")):
        yield parse_evidence(file.read_bytes())


def _models(plan: Plan, ledger: Mapping[str, Any]) -> tuple[str, str]:
    """The names of writer and embedder, as the ledger has them."""
    writers = [str(line["model"]) for line in ledger["egress"] if line.get("model")][-1:]  # it stands last
    embedders = [str(i["name"]) for i in ledger["public_inputs"] if i["role"].startswith("embedder")]
    return ", ".join(writers) or plan.models.writer, ", ".join(embedders) or plan.models.embedder


def _seen(file: Path) -> tuple[EgressRecord, ...]:
    if not file.is_file():
        return ()
    table = strict_json(file.read_bytes())["seen"]
    return tuple(EgressRecord(**{"model": "", **line}) for line in table)


def _calls(file: Path) -> Calls | None:
    """None where prompts were made from private texts, so that nothing is told of them."""
    if not file.is_file():
        return None
    replies = prompt = new = 0
    for line in _lines(file):
        replies += 1
        prompt += int(line["prompt_tokens"])
        new += int(line["completion_tokens"])
    return Calls(replies, prompt, new)
