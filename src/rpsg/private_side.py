"""The private side of a run: the rows behind their bound, the kernel, the data set's account."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from rpsg.errors import PrivacyError, RunError, UsageError
from rpsg.privacy.commitment import Commitment, commit_to, content_digest
from rpsg.privacy.kernel import Kernel, Releases
from rpsg.privacy.noise import OpenDPNoise, RoundedGaussian
from rpsg.privacy.odometer import Account, Odometer
from rpsg.stages.seeds import People
from rpsg.store.files import write_atomic
from rpsg.store.readers import read_corpus

if TYPE_CHECKING:
    from collections.abc import Callable

    from rpsg.methods.tools import Tools
    from rpsg.plan import Plan
    from rpsg.privacy.accounting import Budget
    from rpsg.privacy.ballots import Ballots, IntArray, Query
    from rpsg.privacy.evidence import Selected
    from rpsg.privacy.mechanisms import UnitItems
    from rpsg.privacy.private import Private
    from rpsg.protocols import NoiseSource, Progress
    from rpsg.store.run import RunFolder


@dataclass(frozen=True, slots=True)
class PrivateSide:
    """What a run holds of the private data: rows behind their bound, the kernel, the data set's account."""

    people: People
    kernel: Releases
    account: Account | None = None
    commitment: Commitment | None = None

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


def open_side(
    plan: Plan,
    budget: Budget | None,
    folder: RunFolder,
    tools: Tools,
    noise: NoiseSource | None,
    progress: Progress,
) -> PrivateSide:
    """Read the private file (all faults in it show before anything is charged) and open the kernel on it."""
    if budget is None:
        return PrivateSide(nobody(tools, progress), NoQuestions())
    data, privacy = plan.data, plan.privacy
    if not data.path:
        raise UsageError(
            "No data was named.", hint="Name the file: rpsg run reviews.csv --text review -o RUN"
        )
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
    book = Odometer(privacy.lifetime_epsilon, privacy.delta)
    account = Account(book, book.account(Path(data.path), content_digest(corpus)))
    kernel = Kernel(
        journal=folder.private_path("releases.jsonl"),
        evidence=folder.evidence,
        budget=budget,
        noise=noise or (OpenDPNoise() if privacy.noise == "opendp" else RoundedGaussian()),
        run_id=folder.run_id,
        account=account,
    )
    people = People(
        lambda: corpus,
        max_records=plan.records_per_unit,
        key=folder.key,
        embedder=tools.embedder,
        progress=progress,
        cache=folder.private_path("embeddings.npy"),
    )
    return PrivateSide(people, kernel, account, commitment)


def same_data(file: Path, commitment: Commitment) -> None:
    """Keep the commitment of a run's data, and refuse other data when the run goes on.

    The claim is about one data set, and what was kept of it (embeddings, noisy counts) fits no other.
    """
    if not file.exists():
        write_atomic(file, commitment.value.encode())
    elif file.read_bytes() != commitment.value.encode():
        raise RunError(
            "The data changed since this run began.",
            hint="Bring the rows back as they were, or start a new run in another folder with -o.",
        )


def nobody(tools: Tools, progress: Progress) -> People:
    """The people of a run that has no private data: whoever reads them gets an error."""
    return People(None, max_records=1, key=b"", embedder=tools.embedder, progress=progress)
