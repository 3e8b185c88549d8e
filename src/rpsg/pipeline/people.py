"""Whose rows a run uses and for what: people held out, donors, voters, and bounds on each person's rows."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import TYPE_CHECKING, Any, NoReturn

from rpsg.disk.files import write_atomic
from rpsg.errors import PrivacyError, RunError
from rpsg.methods.base import Seeding
from rpsg.methods.named import method_of
from rpsg.pipeline.planting import kept_canaries, planted_among
from rpsg.privacy.commitment import commit_to
from rpsg.privacy.unprotected_reads import UnprotectedReads
from rpsg.records import PrivateCorpus
from rpsg.stages.contributions import People
from rpsg.stages.partition import by_draw, by_list, listed, parted
from rpsg.storage.checkpoints import StageCheckpoints
from rpsg.storage.layout import DISCLOSURES, DONORS, DONORS_TAG, EMBEDDINGS, ROWS_TAG, SEEDS_TAG
from rpsg.storage.vectors import Vectors

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from rpsg.methods.base import Tools
    from rpsg.plan import Plan
    from rpsg.privacy.private import Private
    from rpsg.protocols import NoiseSource, Progress
    from rpsg.storage.run_folder import RunFolder


def people_of(
    plan: Plan,
    folder: RunFolder,
    tools: Tools,
    progress: Progress,
    corpus: Private[PrivateCorpus],
    cache: str,
    *,
    bounded: bool = True,
) -> People:
    """The people of a corpus, with the plan's bound on the rows of each, or with all of their rows."""
    max_records, passage_words = bounds_of(plan, bounded=bounded)
    return People(
        lambda: corpus,
        max_records=max_records,
        passage_words=passage_words,
        key=folder.key,
        embedder=tools.embedder,
        progress=progress,
        cache=Vectors(folder.vault, cache, tools.embedder.dim),
    )


def bounds_of(plan: Plan, *, bounded: bool) -> tuple[int | None, int]:
    """The maximum number of rows of a person (None: all), and the number of words of the passages into which
    long rows are cut.

    Long rows are cut into passages only for methods that read nothing but noisy answers, since seeds are
    whole records.
    """
    words = 0 if method_of(plan).has_seeds else plan.data.passage_words
    return plan.records_per_unit if bounded else None, words


def open_seeding(folder: RunFolder, people: People, noise: NoiseSource) -> Seeding:
    """Opens unprotected access to the rows of these people only, and the checkpoints of stages that use
    them.
    """
    boxes: dict[str, Callable[[], Private[Any]]] = {
        "rows": lambda: people.rows,
        "embeddings": lambda: people.embeddings,
    }
    reads = UnprotectedReads(folder.private_path(DISCLOSURES), boxes)

    def keep(file: str, facts: Mapping[str, Any]) -> None:
        write_atomic(
            folder.private_path(file), (json.dumps(facts, indent=1, allow_nan=False) + "\n").encode()
        )

    return Seeding(reads, StageCheckpoints(folder.vault), noise, keep)


def with_canaries(plan: Plan, folder: RunFolder, used: Private[PrivateCorpus]) -> Private[PrivateCorpus]:
    """The rows that a run uses, with its planted canaries after them; each is one more person.

    In split mode they are voters, whom the claim protects.
    """
    canaries = kept_canaries(folder.vault) if plan.data.audit_canaries else None
    if canaries is None:
        return used
    return used.map(lambda rows: planted_among(rows, canaries, plan, folder.key))


def held_out_and_used(
    plan: Plan, folder: RunFolder, corpus: Private[PrivateCorpus]
) -> tuple[Private[PrivateCorpus], Private[PrivateCorpus]]:
    """The rows of people whom the run's secret key holds out for an audit, and those that the run uses.

    The commitment covers both groups, so anybody who audits the run can show that neither was changed since.
    """
    share = plan.data.audit_holdout
    if not share:
        return corpus.map(lambda _: PrivateCorpus(())), corpus
    both = corpus.map(lambda rows: parted(rows, by_draw(folder.key, share, "audit")))
    return both.map(lambda halves: halves[0]), both.map(lambda halves: halves[1])


def donors_and_voters(
    plan: Plan, folder: RunFolder, corpus: Private[PrivateCorpus]
) -> tuple[Private[PrivateCorpus], Private[PrivateCorpus]]:
    """The rows of donors and the rows of voters, split by the plan's list or by the run's secret key.

    Raises:
        UsageError: a list is named and cannot be read.
        RunError: the list has changed since this run began.
    """
    if plan.split.donor_list:
        users = listed(plan)
        tag = hmac.digest(folder.key, "\n".join(sorted(users)).encode(errors="surrogatepass"), hashlib.sha256)
        _same(folder.private_path(DONORS_TAG), tag.hex(), "The list of donors")
        is_donor = by_list(users)
    else:
        is_donor = by_draw(folder.key, plan.split.donors)
    both = corpus.map(lambda rows: parted(rows, is_donor))
    return both.map(lambda halves: halves[0]), both.map(lambda halves: halves[1])


def is_same_rows(folder: RunFolder, corpus: Private[PrivateCorpus]) -> bool:
    """Whether these are the rows that the run read last; for the operator only."""
    return folder.private_path(ROWS_TAG).read_bytes() == _tag_of(folder, corpus)


def _tag_of(folder: RunFolder, corpus: Private[PrivateCorpus]) -> bytes:
    nonce = hmac.digest(folder.key, b"rpsg-rows/1", hashlib.sha256)
    return commit_to(corpus, nonce).value.encode()


def forget_other_rows(folder: RunFolder, corpus: Private[PrivateCorpus]) -> None:
    """Keep a keyed hash of a run's rows; delete embeddings unless the hash shows that they are of these rows.

    A run may resume with changed rows. Each noisy answer protects the people in the rows that it was drawn
    from, so for somebody who is in any of these rows the costs add up. An error instead would reveal for
    certain whether the rows are the same. Only embeddings cannot be used for other rows; they are made again.
    """
    file, value = folder.private_path(ROWS_TAG), _tag_of(folder, corpus)
    if not file.exists() or file.read_bytes() != value:
        for name in (EMBEDDINGS, DONORS):
            Vectors(folder.vault, name, 1).forget()
    write_atomic(file, value)


def same_seeds(folder: RunFolder, seeds: Private[PrivateCorpus]) -> None:
    """Refuse to resume with other seeds: the checkpoints are of these seeds, and seeds are not protected.

    Raises:
        RunError: the records that give seeds changed since the run began.
    """
    nonce = hmac.digest(folder.key, b"rpsg-seeds/1", hashlib.sha256)
    tag = commit_to(seeds, nonce).value
    _same(folder.private_path(SEEDS_TAG), tag, "The choice of the texts that become seeds")


def _same(file: Path, value: str, what: str) -> None:
    if not file.exists():
        write_atomic(file, value.encode())
    elif file.read_bytes() != value.encode():
        raise RunError(
            f"{what} has changed since this run began.",
            hint="Restore the rows as they were, or start a new run in another folder with -o.",
        )


def nobody(tools: Tools, progress: Progress, error: str) -> People:
    """The people of a job that must not use private data: asking for them is refused with ``error``."""

    def refuse() -> NoReturn:
        raise PrivacyError(error)

    return People(refuse, max_records=1, key=b"", embedder=tools.embedder, progress=progress)
