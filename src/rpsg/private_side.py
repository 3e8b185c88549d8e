"""The private side of a run: the rows behind their bound, the kernel, the data set's account."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Self

from rpsg import registry
from rpsg.errors import PrivacyError, RunError, UsageError
from rpsg.methods.tools import Seeding
from rpsg.privacy.commitment import Commitment, commit_to, content_digest
from rpsg.privacy.disclosure import Disclosure
from rpsg.privacy.kernel import Kernel, Releases
from rpsg.privacy.noise import OpenDPNoise, RoundedGaussian
from rpsg.privacy.odometer import Account, Odometer
from rpsg.stages.partition import by_draw, by_list, listed, parted
from rpsg.stages.seeds import People
from rpsg.store.files import write_atomic
from rpsg.store.readers import check_place, read_corpus
from rpsg.store.shelf import Shelf
from rpsg.store.vectors import Vectors

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from rpsg.methods.tools import Tools
    from rpsg.plan import Plan
    from rpsg.privacy.accounting import Budget
    from rpsg.privacy.ballots import Ballots, IntArray, Query
    from rpsg.privacy.evidence import Selected
    from rpsg.privacy.mechanisms import UnitItems
    from rpsg.privacy.private import Private
    from rpsg.protocols import NoiseSource, Progress
    from rpsg.records import Corpus
    from rpsg.store.run import RunFolder

#: The embeddings of the people who are asked, and of those who give seeds, in the vault.
EMBEDDINGS, DONORS = "embeddings.f32", "donors.f32"


@dataclass(frozen=True, slots=True)
class PrivateSide:
    """What a run holds of the private data: rows behind their bound, the kernel, the data set's account.

    ``seeding`` is the other way in, of methods that begin with private records: it bounds nothing.
    """

    people: People
    kernel: Releases
    account: Account | None = None
    commitment: Commitment | None = None
    seeding: Seeding | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Give the kernel's lock back now: whoever keeps the error of a failed run keeps the kernel alive."""
        if isinstance(self.kernel, Kernel):
            self.kernel.close()


class NoQuestions:
    """The kernel of a method that reads no private data: every question is refused."""

    def release(
        self,
        query: Query,
        ballots: Callable[[], Private[Ballots]],  # noqa: ARG002  # refused before it is called
    ) -> IntArray:
        raise PrivacyError(f"This method has no budget, and asked for {query.stage}.")

    def select(
        self,
        query: Query,
        delta_fail: float,  # noqa: ARG002  # refused before it is used
        items: Callable[[], Private[UnitItems]],  # noqa: ARG002  # refused before it is called
    ) -> Selected:
        raise PrivacyError(f"This method has no budget, and asked for {query.stage}.")


def check_data(plan: Plan) -> None:
    """See that the plan of a method that reads private data names some; nothing is read.

    Raises:
        UsageError: it names none.
        DataError: nothing is there, or nothing that can be read.
    """
    if registry.method(plan.method.name).reads == "nothing":
        return
    if not plan.data.path:
        raise UsageError(
            "No data was named.", hint="Name the file: rpsg run reviews.csv --text review -o RUN"
        )
    check_place(plan.data.path, plan.data.format)


def open_side(
    plan: Plan,
    budget: Budget | None,
    folder: RunFolder,
    tools: Tools,
    noise: NoiseSource | None,
    progress: Progress,
) -> PrivateSide:
    """Read the private file (all faults in it show before anything is charged) and open the kernel on it."""
    method = registry.method(plan.method.name)
    if method.reads == "nothing":
        return PrivateSide(nobody(tools, progress), NoQuestions())
    data, privacy = plan.data, plan.privacy
    progress.start("reading the file")
    corpus = read_corpus(
        data.path,
        text=data.text,
        label=data.label,
        user=data.user,
        format=data.format,
        labels=data.labels or None,
    )
    nonce = hmac.digest(folder.key, b"rpsg-commitment/1", hashlib.sha256)
    commitment = commit_to(corpus, nonce)
    same_data(folder.private_path("commitment"), commitment)
    digest = content_digest(corpus)
    source = noise or (OpenDPNoise() if privacy.noise == "opendp" else RoundedGaussian())
    gathered = partial(_people, plan, folder, tools, progress)
    if budget is None:
        everybody = gathered(corpus, EMBEDDINGS, bounded=False)  # nobody is protected by a bound
        door = open_door(folder, everybody, source)
        return PrivateSide(nobody(tools, progress), NoQuestions(), None, commitment, door)
    seeding: Seeding | None = None
    if method.reads == "donors":
        donors, corpus = donors_and_voters(plan, folder, corpus)
        seeding = open_door(folder, gathered(donors, DONORS), source)
    book = Odometer(privacy.lifetime_epsilon, privacy.delta)
    account = Account(book, book.account(Path(data.path), digest))
    kernel = Kernel(
        journal=folder.private_path("releases.jsonl"),
        evidence=folder.evidence,
        budget=budget,
        noise=source,
        run_id=folder.run_id,
        account=account,
    )
    return PrivateSide(gathered(corpus, EMBEDDINGS), kernel, account, commitment, seeding)


def _people(
    plan: Plan,
    folder: RunFolder,
    tools: Tools,
    progress: Progress,
    corpus: Private[Corpus],
    cache: str,
    *,
    bounded: bool = True,
) -> People:
    """The people of a corpus, with the plan's bound on what each may add, or with all of their rows."""
    return People(
        lambda: corpus,
        max_records=plan.records_per_unit if bounded else None,
        key=folder.key,
        embedder=tools.embedder,
        progress=progress,
        cache=Vectors(folder.vault, cache, tools.embedder.dim),
    )


def open_door(folder: RunFolder, people: People, noise: NoiseSource) -> Seeding:
    """The door to these people, and to nobody else, and a shelf for what is made of their texts."""
    boxes: dict[str, Callable[[], Private[Any]]] = {
        "rows": lambda: people.rows,
        "embeddings": lambda: people.embeddings,
    }
    door = Disclosure(folder.private_path("disclosures.jsonl"), boxes)
    return Seeding(door, Shelf(folder.vault), noise)


def donors_and_voters(
    plan: Plan, folder: RunFolder, corpus: Private[Corpus]
) -> tuple[Private[Corpus], Private[Corpus]]:
    """The two halves of split mode, as the plan's list or the run's secret key parts them.

    Raises:
        UsageError: a list is named and cannot be read.
        RunError: the list is another one than when this run began.
    """
    if plan.split.donor_list:
        users = listed(plan)
        tag = hmac.digest(folder.key, "\n".join(sorted(users)).encode(errors="surrogatepass"), hashlib.sha256)
        _same(folder.private_path("donors"), tag.hex(), "The list of donors")
        is_donor = by_list(users)
    else:
        is_donor = by_draw(folder.key, plan.split.donors)
    both = corpus.map(lambda rows: parted(rows, is_donor))
    return both.map(lambda halves: halves[0]), both.map(lambda halves: halves[1])


def same_data(file: Path, commitment: Commitment) -> None:
    """Keep the commitment of a run's data, and refuse other data when the run goes on.

    The claim is about one data set, and what was kept of it (embeddings, noisy counts) fits no other.
    """
    _same(file, commitment.value, "The data")


def _same(file: Path, value: str, what: str) -> None:
    if not file.exists():
        write_atomic(file, value.encode())
    elif file.read_bytes() != value.encode():
        raise RunError(
            f"{what} changed since this run began.",
            hint="Bring the rows back as they were, or start a new run in another folder with -o.",
        )


def nobody(tools: Tools, progress: Progress) -> People:
    """The people of a run that has no private data: whoever reads them gets an error."""
    return People(None, max_records=1, key=b"", embedder=tools.embedder, progress=progress)
