"""A finished release as one object: all code that reads a release does so through ``Release``."""

from __future__ import annotations

import json
import tomllib
import weakref
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property, wraps
from typing import TYPE_CHECKING, Any, TypeVar

from rpsg.disk.json_text import strict_json
from rpsg.domains import read_pack
from rpsg.errors import RunError
from rpsg.plan import read_toml, resolve
from rpsg.privacy.egress import EgressRecord
from rpsg.privacy.evidence import Evidence, read_answers
from rpsg.privacy.sources import noisy_answers
from rpsg.records import Candidate, Card, Pool
from rpsg.release.coverage import counted_pack, coverage, fit_of_pack, labels_of, noisy_counts, people
from rpsg.release.history import read_history
from rpsg.release.quality import quality_of
from rpsg.storage.blocked import refuse_blocked
from rpsg.storage.layout import (
    CANDIDATES,
    CORPUS,
    EGRESS,
    EVIDENCE,
    LEDGER,
    PACK,
    PLAN,
    PRIVATE,
    RELEASE,
    RUN,
    SUMMARY,
    TEXTS,
    TIMINGS,
)
from rpsg.storage.ownership import is_own, readable
from rpsg.storage.run_folder import way_to_finish

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from rpsg.domains import Pack
    from rpsg.plan import Plan
    from rpsg.release.coverage import Coverage, Noisy, NoisyCounts
    from rpsg.release.quality import Quality

T = TypeVar("T")
CHECK_IT = "Check the release with: rpsg verify RUN"
#: The errors that reading a damaged or hostile file can cause.
_BROKEN = (ArithmeticError, LookupError, TypeError, ValueError, AttributeError, RecursionError, StopIteration)


@dataclass(frozen=True, slots=True)
class Calls:
    """Usage of the writer: the number of stored replies, and their prompt and completion tokens."""

    replies: int
    prompt_tokens: int
    new_tokens: int


def release_folder(path: Path) -> Path:
    """The release folder: ``path`` itself, or the one inside the run folder ``path``. RunError if there is
    no finished release, PrivacyError if a canary has blocked the run.
    """
    refuse_blocked(path)
    for folder in (path, path / RELEASE):
        if (folder / LEDGER).is_file():
            return folder
    hint = "Name the folder that was given to rpsg run -o, or its release."
    if (path / RUN).is_file():
        hint = way_to_finish(path)
    raise RunError(f"There is no finished run in {path}.", hint=hint)


def _part(read: Callable[[Release], T]) -> cached_property[T]:
    """A part of a release: read at first use, and kept. A damaged file is a RunError."""

    @wraps(read)
    def guarded(release: Release) -> T:
        try:
            return read(release)
        except FileNotFoundError as error:
            name = str(error.filename).replace("\\", "/").rsplit("/", 1)[-1]
            raise RunError(f"The release has no {name}.", hint=CHECK_IT) from None
        except _BROKEN as error:
            reason = type(error).__name__
            raise RunError(f"A file of the release is damaged ({reason}).", hint=CHECK_IT) from None

    return cached_property(guarded)


class Release:
    """A finished release, from its own folder or that of its run; each part is read once, when it is needed.

    A release may be untrusted. Unless its run began on this installation, it is copied first, under the rules
    of ``storage.untrusted``. Then only the copy is read, and it is deleted together with this object. Nothing
    that a release names, such as a model or a server, is opened. Only ``rpsg verify`` checks the evidence
    against the ledger.

    Each part raises RunError if its file is missing or damaged.
    """

    def __init__(self, path: Path, *, in_place: bool = False) -> None:
        """``in_place`` says that this process wrote the folder, so that no copy is needed.

        Raises:
            RunError: there is no finished release.
            PrivacyError: a canary has blocked its run.
            VerificationError: the folder has a file that does not belong in a release.
        """
        self.path = release_folder(path)
        self._folder = self.path
        if not in_place:
            stack = ExitStack()
            self._folder = stack.enter_context(readable(self.path))
            weakref.finalize(self, stack.close)

    # -- where it is

    @cached_property
    def run(self) -> Path | None:
        """The run folder that contains the release; None for a release without its run."""
        run = self.path.resolve().parent
        return run if (run / RUN).is_file() and (run / PRIVATE).is_dir() else None

    @cached_property
    def own_run(self) -> Path | None:
        """The run folder if the run began on this installation; only then private files are read."""
        return self.run if self.run and self.path.name == RELEASE and is_own(self.run) else None

    # -- what its files contain

    @_part
    def ledger(self) -> Mapping[str, Any]:
        """The public ledger, as JSON values."""
        return dict(strict_json((self._folder / LEDGER).read_bytes()))

    @_part
    def plan(self) -> Plan:
        """The public plan: without paths, accounts and servers."""
        return resolve(tomllib.loads((self._folder / EVIDENCE / PLAN).read_text(encoding="utf-8")))

    @_part
    def pack(self) -> Pack:
        """The domain pack."""
        return read_pack(self._folder / EVIDENCE / PACK)

    @_part
    def records(self) -> tuple[Mapping[str, Any], ...]:
        """The rows of the corpus, in their order."""
        return tuple(_lines(self._folder / CORPUS))

    @_part
    def pool(self) -> Pool:
        """All candidates, the dropped ones without texts; only the released ones unless ``is_whole``."""
        if self.is_whole:
            texts = {int(row["id"]): str(row["text"]) for row in _lines(self._folder / CORPUS)}
            return read_history(self._folder / EVIDENCE / CANDIDATES, texts)
        return Pool(tuple(Candidate(int(r["id"]), str(r["text"]), Card(_values(r))) for r in self.records))

    @_part
    def is_whole(self) -> bool:
        """Whether the history of all candidates is published; not if they were made from private texts."""
        return (self._folder / EVIDENCE / CANDIDATES).is_file()

    @_part
    def answers(self) -> Mapping[str, Evidence]:
        """The noisy answers by stage."""
        return {evidence.stage: evidence for evidence in read_answers(self._folder / EVIDENCE)}

    @_part
    def egress(self) -> tuple[EgressRecord, ...]:
        """Which host was sent what; empty if that is not published."""
        file = self._folder / EGRESS
        if not file.is_file():
            return ()
        return tuple(EgressRecord(**{"model": "", **line}) for line in strict_json(file.read_bytes())["seen"])

    @_part
    def calls(self) -> Calls | None:
        """Usage of the writer; None if prompts were made from private texts."""
        file = self._folder / EVIDENCE / TEXTS
        if not file.is_file():
            return None
        tokens = [(int(line["prompt_tokens"]), int(line["completion_tokens"])) for line in _lines(file)]
        return Calls(len(tokens), sum(prompt for prompt, _ in tokens), sum(new for _, new in tokens))

    @_part
    def summary(self) -> str:
        """The release in words, as Markdown."""
        return (self._folder / SUMMARY).read_text(encoding="utf-8")

    @_part
    def timings(self) -> Mapping[str, float]:
        """Seconds by stage, from the private folder, for the owner of the data only; else empty."""
        file = self.own_run / PRIVATE / TIMINGS if self.own_run else None
        return dict(json.loads(file.read_bytes())) if file and file.is_file() else {}

    # -- what is derived from them

    @property
    def texts(self) -> Sequence[Candidate]:
        """The released texts."""
        return self.pool.alive()

    @_part
    def claim(self) -> Mapping[str, Any]:
        """The claim of the ledger: its type, its words, and its figures if there is a guarantee."""
        return dict(self.ledger["claim"])

    @_part
    def mechanisms(self) -> list[Mapping[str, Any]]:
        """The ledger's lines of noisy answers."""
        return noisy_answers(self.ledger)

    @_part
    def reads_private(self) -> bool:
        """Whether private texts were read."""
        return bool(self.claim["type"] != "no_private_data")

    @_part
    def is_seeded(self) -> bool:
        """Whether texts were made from private texts without a mechanism."""
        return self.ledger["reads"] in {"donors", "records"}

    @_part
    def is_private(self) -> bool:
        """Whether there is a privacy guarantee; without one no figures of a budget may be printed."""
        return "epsilon" in self.claim

    @_part
    def writer(self) -> str:
        """The name of the writer in the ledger."""
        names = [str(line["model"]) for line in self.ledger["egress"] if line.get("model")]
        return names[-1] if names else self.plan.models.writer  # the writer is the last in the table

    @_part
    def embedder(self) -> str:
        """The name of the embedder in the ledger."""
        inputs = self.ledger["public_inputs"]
        names = [str(line["name"]) for line in inputs if line["role"].startswith("embedder")]
        return ", ".join(names) or self.plan.models.embedder

    @_part
    def labels(self) -> tuple[str, ...]:
        """The published labels: declared, selected with noise, or else the labels of its texts."""
        carried = (str(row.get("label") or "") for row in _lines(self._folder / CORPUS))
        return labels_of(self.plan, self.answers) or tuple(sorted({text for text in carried if text.strip()}))

    @_part
    def people(self) -> Noisy | None:
        """The noisy number of people (or rows); None if it was not counted."""
        return people(self.answers, self.ledger)

    @_part
    def noisy_counts(self) -> NoisyCounts | None:
        """The noisy counts of every attribute; None if there are none."""
        return noisy_counts(self.plan, self._counted_pack, self.ledger, self.answers)

    @_part
    def coverage(self) -> tuple[Coverage, ...]:
        """For each counted attribute its noisy counts and numbers of texts by value."""
        return coverage(self._counted_pack, self.noisy_counts, self.texts)

    @_part
    def fit(self) -> tuple[str, ...]:
        """Sentences about the private texts that the pack fits poorly; none if they were not counted."""
        return fit_of_pack(self.plan, self.pack, self.ledger, self.answers)

    @_part
    def quality(self) -> Quality:
        """Quality figures that need only the texts."""
        return quality_of(self.texts, self.pack)

    @property
    def _counted_pack(self) -> Pack:
        return counted_pack(self.plan, self.pack, self.answers)

    def plan_with_models(self) -> Plan:
        """The plan. If the run began here, it has the paths of its models, which are not published."""
        if self.own_run is None:
            return self.plan
        return self.plan.model_copy(update={"models": resolve(read_toml(self.own_run / PLAN)).models})


def _lines(path: Path) -> Iterator[Mapping[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def _values(row: Mapping[str, Any]) -> dict[str, str]:
    label = {"label": str(row["label"])} if "label" in row else {}
    return {**{str(k): str(v) for k, v in row["attributes"].items()}, **label}
