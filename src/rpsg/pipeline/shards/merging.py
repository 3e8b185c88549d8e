"""``rpsg shards`` and ``rpsg merge``: a run that asks shards, and continues with their answers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING

from rpsg.disk.files import write_atomic
from rpsg.domains import find_pack
from rpsg.errors import UsageError
from rpsg.pipeline.execute import execute
from rpsg.pipeline.people import nobody
from rpsg.pipeline.private_data import PrivateSide, account_of, kernel_of, reported_account
from rpsg.pipeline.shards.answers import Answers, read_answers
from rpsg.pipeline.shards.merged_engine import MergedEngine, ShardsNeeded
from rpsg.pipeline.shards.reading_machines import note_counting, noted_readers
from rpsg.pipeline.shards.same_rows import kept_readings, known_readings, notes_on
from rpsg.plan import read_toml, resolve
from rpsg.privacy.commitment import commit_to_readings
from rpsg.privacy.exact_sums import together
from rpsg.privacy.odometer import Odometer
from rpsg.privacy.private import Private
from rpsg.privacy.sealed_sums import new_key, opened_sums
from rpsg.storage.layout import NOTES, PLAN, PRIVATE, RUN, SHARDS_KEY
from rpsg.storage.ownership import is_own

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from rpsg.methods.base import Tools
    from rpsg.pipeline.private_data import RunParts
    from rpsg.pipeline.shards.task import ShardTask
    from rpsg.plan import Plan
    from rpsg.privacy.commitment import RowsRead
    from rpsg.privacy.exact_sums import ExactSum
    from rpsg.privacy.histogram import Query
    from rpsg.protocols import NoiseSource, Progress
    from rpsg.release.run import Run
    from rpsg.storage.run_folder import RunFolder


@dataclass(frozen=True, slots=True)
class Waiting:
    """A run that waits for its shards: the file with the question for them, and what it says."""

    file: Path
    task: ShardTask


def begin(
    plan: Plan,
    out: Path,
    *,
    progress: Progress | None = None,
    tools: Tools | None = None,
    noise: NoiseSource | None = None,
) -> Run | Waiting:
    """Begin the run of a plan with shards in the folder ``out``, and write the first question for them.

    Nothing is spent. A run that was begun there before is resumed as far as it gets without more answers.

    Raises:
        UsageError: the plan has no shards or no account, or cannot be counted in shards.
        RpsgError: as ``execute``.
    """
    if not plan.data.shards:
        raise UsageError("The plan has no shards.", hint="Say how many there are: --shards 16")
    if not plan.data.account.strip():
        raise UsageError(
            "The shards have no path in common, so their privacy account cannot be named after it.",
            hint="Name the account of these people with --account, and use that name for them every time.",
        )
    plan = plan.model_copy(update={"data": plan.data.model_copy(update={"path": ""})})
    return _gone_on(plan, out, None, progress, tools, noise)


def merge(
    run: Path,
    files: Sequence[Path],
    *,
    progress: Progress | None = None,
    tools: Tools | None = None,
    noise: NoiseSource | None = None,
    nodes: bool = False,
) -> Run | Waiting:
    """Continue a run whose shards have answered, up to its release or the next question.

    Each file is checked before anything is spent. Merging the same files again draws nothing again. ``nodes``
    says that nodes of the plan's cluster counted, instead of people who ran ``rpsg count``.

    Raises:
        UsageError: a shard is missing or there twice, or the folder holds no run with shards.
        DataError: a file is damaged, or does not answer a question of this run.
        RpsgError: as ``execute``.
    """
    if not (run / RUN).is_file() or not is_own(run):
        raise UsageError(
            f"{run} holds no run that was begun here.",
            hint="Begin one with rpsg shards -o RUN, and merge in that folder and with the same RPSG_HOME.",
        )
    plan = resolve(read_toml(run / PLAN))
    if not plan.data.shards:
        raise UsageError(
            f"The run in {run} is not counted in shards.", hint="Continue it with the same rpsg run command."
        )
    return _gone_on(plan, run, read_answers(run, files), progress, tools, noise, nodes=nodes)


def _gone_on(
    plan: Plan,
    out: Path,
    answers: Answers | None,
    progress: Progress | None,
    tools: Tools | None,
    noise: NoiseSource | None,
    *,
    nodes: bool = False,
) -> Run | Waiting:
    side = partial(open_merged, answers, nodes)
    try:
        return execute(plan, out, progress=progress, tools=tools, noise=noise, side=side)
    except ShardsNeeded as needed:
        if progress is not None:
            progress.start("writing the next question")
        return Waiting(needed.file, needed.task)


def open_merged(answers: Answers | None, nodes: bool, run: RunParts) -> PrivateSide:
    """The private side of a run that is counted in shards: their sums, opened before the kernel is."""
    plan, folder = run.plan, run.folder
    if run.budget is None:
        raise UsageError(f"The method {plan.method.name} asks for no sums that shards could count.")
    key = _key_of(folder)
    held: Mapping[Query, Private[ExactSum]] = {}
    if answers is not None:
        held, digests = _opened(answers, key)
        note_counting(folder.journal, nodes=nodes)
        readings = kept_readings(folder.vault, answers.task.about.number, digests)
        _note_rows(plan, folder, readings, digests)
        run.progress.note(
            f"Did the shards read the right files? The answer is private: see {PRIVATE}/{NOTES}."
        )
    around = "The private texts of this run are counted in shards, and a step asked to read them."
    people = nobody(run.tools, run.progress, around)
    pack = find_pack(plan.corpus.domain)
    engine = MergedEngine(plan, pack, run.budget, folder, run.tools, key, answers, held)
    # Taken from the folder, because a run that stopped after its noise was drawn needs no answers any more.
    known = known_readings(folder.vault)
    commitment = None if known is None else commit_to_readings(known)
    readers = noted_readers(plan, folder.journal)
    account = reported_account(run)
    kernel = kernel_of(run, run.budget, account)
    return PrivateSide(people, kernel, account, commitment, engine=engine, readers=readers)


def _key_of(folder: RunFolder) -> bytes:
    """The run's private key for sealed sums, which is made once."""
    if not folder.vault.exists(SHARDS_KEY):
        folder.vault.write(SHARDS_KEY, new_key())
    return folder.vault.read(SHARDS_KEY)


def _opened(answers: Answers, key: bytes) -> tuple[dict[Query, Private[ExactSum]], Private[list[bytes]]]:
    """The exact sums over all shards by their queries, and the digest of each shard's file."""
    queries = answers.task.queries
    totals = {query: together(query, ()) for query in queries}
    digests: Private[list[bytes]] = Private([])
    for content in answers.contents:  # one at a time: only the totals are kept
        shard = opened_sums(content, key, queries)
        for query, part in zip(queries, shard.sums, strict=True):
            totals[query] = together(query, (totals[query], part))
        digests = digests.zip(shard.rows, lambda known, one: [*known, one])
    return totals, digests


def _note_rows(
    plan: Plan, folder: RunFolder, readings: Private[list[RowsRead]], digests: Private[list[bytes]]
) -> None:
    """Note for the operator whether shards read the right rows, and to which other accounts these were
    charged.

    The account book is always asked twice for each shard, about the first reading and the latest, so that the
    number of look-ups reveals nothing.
    """
    account = account_of(plan, Odometer())
    others: Private[list[str]] = Private([])
    first = readings.map(lambda read: [bytes.fromhex(digest) for digest in read[0].rows])
    for digest in (found.map(itemgetter(k)) for k in range(plan.data.shards) for found in (first, digests)):
        names = account.same_content_elsewhere(digest)
        others = others.zip(names, lambda known, more: sorted({*known, *more}))
    told = partial(notes_on, divided_by=plan.data.divided_by, account=account.name)
    readings.zip(
        others,
        lambda read, names: write_atomic(folder.private_path(NOTES), told(read, others=names).encode()),
    )
