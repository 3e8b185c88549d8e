"""The private side of a run: bounded rows, the kernel, and the account to charge."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn, Self

from rpsg.disk.files import write_atomic
from rpsg.disk.json_text import canonical_json
from rpsg.engines.base import SumsNeeded
from rpsg.errors import PrivacyError, UsageError
from rpsg.methods.named import method_of
from rpsg.pipeline.people import (
    donors_and_voters,
    forget_other_rows,
    held_out_and_used,
    nobody,
    open_seeding,
    people_of,
    same_seeds,
    with_canaries,
)
from rpsg.privacy.account import Account, LifetimeCap
from rpsg.privacy.commitment import Commitment, commit_to, content_digest
from rpsg.privacy.kernel import Kernel
from rpsg.privacy.noise import OpenDPNoise, RoundedGaussian
from rpsg.privacy.odometer import Odometer, account_name
from rpsg.privacy.units import Unit
from rpsg.storage.layout import ANSWERS, DONORS, EMBEDDINGS, NOTES, PRIVATE, ROWS
from rpsg.storage.readers import check_columns, check_readable, read_by_rule
from rpsg.storage.readers.source import STDIN

if TYPE_CHECKING:
    from rpsg.engines.base import Engine
    from rpsg.methods.base import Seeding, Tools
    from rpsg.pipeline.progress import Stopwatch
    from rpsg.plan import Plan
    from rpsg.privacy.accounting import Budget
    from rpsg.privacy.histogram import Query
    from rpsg.privacy.private import Private
    from rpsg.privacy.released import Releases
    from rpsg.protocols import NoiseSource
    from rpsg.records import PrivateCorpus
    from rpsg.stages.contributions import People
    from rpsg.storage.readers import Reading
    from rpsg.storage.run_folder import RunFolder

#: A note in every run, whatever the file contains.
LEFT_OUT = (
    f"Unusable rows are treated as the plan says; how many there are is written only to {PRIVATE}/{ROWS}."
)

#: How the notes for the operator begin, and what is added if they say something about the rows.
NOTES_HEAD = "# Notes for the operator\n\n"
IS_PRIVATE = "This file is private: whether two files hold the same rows is a fact about the rows.\n\n"


@dataclass(frozen=True, slots=True)
class RunParts:
    """A plan in its folder, and the tools for it; ``noise`` replaces the plan's source, for tests."""

    plan: Plan
    budget: Budget | None
    folder: RunFolder
    tools: Tools
    noise: NoiseSource | None
    progress: Stopwatch


@dataclass(frozen=True, slots=True)
class PrivateSide:
    """What a run holds of the private data: bounded rows, the kernel, and the account to charge.

    ``seeding`` is the unprotected access of methods with private seeds: it bounds nothing. ``engine`` adds up
    what people contribute, if this process does not. ``readers`` says in words which machines read their
    texts, if this one does not.
    """

    people: People
    kernel: Releases
    account: Account | None = None
    commitment: Commitment | None = None
    seeding: Seeding | None = None
    engine: Engine | None = None
    readers: str = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: object, error: object, _trace: object) -> None:
        """Close the kernel and free its lock, which the traceback of a failed run would otherwise keep."""
        if isinstance(self.kernel, Kernel):
            waits = isinstance(error, SumsNeeded) and bool(self.kernel.performed.releases)
            self.kernel.close(give_back=not waits)

    def paid(self) -> dict[str, Any]:
        """What was charged to the account in all runs, for the operator's ledger."""
        return {} if self.account is None else {"paid": self.account.statement().to_json()}


class NoQuestions:
    """The kernel of a method without a budget: every query is refused."""

    def release(self, query: Query, *_: Any, **__: Any) -> NoReturn:
        raise PrivacyError(f"This method has no budget, but asked for {query.stage}.")

    sample = select = release


def check_data(plan: Plan) -> None:
    """Check that the plan names private data if its method reads such data; nothing is read here.

    Raises:
        UsageError: it names none, or no account for standard input.
        DataError: the file is missing, or cannot be read.
    """
    if not method_of(plan).reads_private:
        return
    if plan.data.shards:
        return  # each shard is read where it is counted
    if not plan.data.path:
        raise UsageError(
            "No data was named.", hint="Name the file: rpsg run reviews.csv --text review -o RUN"
        )
    if plan.data.path == STDIN and not plan.data.account.strip():
        raise UsageError(
            "Texts from standard input have no path that could name their privacy account.",
            hint="Name the account of these people with --account, and use that name for them every time.",
        )
    check_readable(plan.data.path, plan.data.format)


def check_file(plan: Plan) -> None:
    """Check the private file of a new run, up to its column names; with the errors of ``check_columns``."""
    check_data(plan)
    if method_of(plan).reads_private and not plan.data.shards:
        check_columns(plan.data)


def open_side(run: RunParts) -> PrivateSide:
    """Reserve the budget, read the private file and open the kernel on it.

    The account refuses before anything is read. All errors in the file are found before noise is drawn; after
    an error the reservation is released.
    """
    plan, folder = run.plan, run.folder
    method = method_of(plan)
    if not method.reads_private:
        undeclared = f"The method {method.name!r} declares that it reads nothing, but asked for private data."
        return PrivateSide(nobody(run.tools, run.progress, undeclared), NoQuestions())
    check_data(plan)
    account = reported_account(run)
    source = noise_of(run)
    kernel = kernel_of(run, run.budget, account) if run.budget is not None else None
    seeding: Seeding | None
    try:
        if method.has_seeds:
            account.read_without_bound(folder.run_id, method.name)
        corpus, commitment = _read(run, account)
        _, corpus = held_out_and_used(plan, folder, corpus)
        gathered = partial(people_of, plan, folder, run.tools, run.progress)
        if kernel is None:
            corpus = with_canaries(plan, folder, corpus)
            same_seeds(folder, corpus)
            everybody = gathered(corpus, EMBEDDINGS, bounded=False)
            seeding = open_seeding(folder, everybody, source)
            around = (
                f"The method {method.name!r} asked for private texts in a way that leaves no trace: each "
                f"read must go through job.seeding.unprotected."
            )
            people = nobody(run.tools, run.progress, around)
            return PrivateSide(people, NoQuestions(), account, commitment, seeding)
        seeding = None
        if method.has_donors:
            donors, corpus = donors_and_voters(plan, folder, corpus)
            same_seeds(folder, donors)
            seeding = open_seeding(folder, gathered(donors, DONORS), source)
        corpus = with_canaries(plan, folder, corpus)
        return PrivateSide(gathered(corpus, EMBEDDINGS), kernel, account, commitment, seeding)
    except BaseException:
        if kernel is not None:
            kernel.close()
        raise


def kernel_of(run: RunParts, budget: Budget, account: Account) -> Kernel:
    """The kernel of a run, which has reserved the budget."""
    return Kernel(
        journal=run.folder.private_path(ANSWERS),
        evidence=run.folder.evidence,
        budget=budget,
        noise=noise_of(run),
        run_id=run.folder.run_id,
        account=account,
        tell=run.progress.note,
    )


def noise_of(run: RunParts) -> NoiseSource:
    """The source of noise that a plan names, unless it is replaced for a test."""
    return run.noise or (OpenDPNoise() if run.plan.privacy.noise == "opendp" else RoundedGaussian())


def check_room(plan: Plan, budget: Budget | None, folder: RunFolder) -> None:
    """Check that the account has enough budget left for a new run, before its writer is asked anything.

    Raises:
        BudgetError: it has too little budget left, or holds charges for another privacy unit.
    """
    if budget is None or folder.private_path(ANSWERS).exists():
        return  # a resumed run: the kernel knows what was charged already
    account = account_of(plan, Odometer())
    account.reserve(folder.run_id, budget.mu2, budget.delta_fail, budget.replaced_mu2)
    account.give_back(folder.run_id)


def account_of(plan: Plan, book: Odometer) -> Account:
    """The account that the plan declares, for the plan's privacy unit."""
    name = account_name(plan.data.account, plan.data.path)
    return book.account(name, unit_of(plan), LifetimeCap(plan.privacy.lifetime_epsilon, plan.privacy.delta))


def unit_of(plan: Plan) -> Unit:
    """The plan's privacy unit, in the form of the account book."""
    return Unit(plan.unit, plan.data.user or "", plan.privacy.adjacency, plan.records_per_unit)


def reported_account(run: RunParts) -> Account:
    """The account of a run, after a report of what was charged to it before."""
    account = account_of(run.plan, Odometer())
    statement = account.statement()
    if statement.totals:
        paid = "; ".join(total.in_words() for total in statement.totals)
        run.progress.note(f"The account {statement.name!r} has spent so far: {paid}.")
    if caution := statement.caution():
        run.progress.note(caution)
    return account


def _read(run: RunParts, account: Account) -> tuple[Private[PrivateCorpus], Commitment]:
    """The private file and the commitment to it."""
    run.progress.start("reading the file")
    reading = read_by_rule(run.plan.data)
    reading.map(partial(_keep_rows, run.folder))
    run.progress.note(LEFT_OUT)
    corpus = reading.map(lambda read: read.corpus)
    forget_other_rows(run.folder, corpus)
    keep_notes(run.folder, account, corpus)
    # The nonce is new each time. Otherwise two releases from one run folder, or from a copy of it, would
    # reveal whether their rows are the same.
    return corpus, commit_to(corpus)


def keep_notes(folder: RunFolder, account: Account, corpus: Private[PrivateCorpus]) -> None:
    """Note for the operator, in the private folder, whether the same rows were charged to other accounts.

    The file is always written, so that its existence reveals nothing.
    """
    file = folder.private_path(NOTES)
    account.same_content_elsewhere(content_digest(corpus)).map(
        lambda names: write_atomic(
            file, (NOTES_HEAD + (IS_PRIVATE if names else "") + on_accounts(account.name, names)).encode()
        )
    )


def on_accounts(account: str, others: list[str]) -> str:
    """The note for the operator about other accounts under which the same rows were read."""
    if not others:
        return f"Exactly these rows were read under no account except {account!r}.\n"
    listed = "".join(f"- {name!r}\n" for name in others)
    return (
        f"The rows of this run were read under {account!r}, and also under these accounts:\n\n"
        f"{listed}\nThose accounts spent budget on the same people, and no total includes all of it. "
        "Name one "
        "account for all of these files with --account NAME, and add up what each has spent.\n"
    )


def _keep_rows(folder: RunFolder, reading: Reading) -> None:
    """Keep for the operator which rows were left out, and why; this is as private as the rows."""
    kept = {
        "format": "rpsg-rows/1",
        "numbers_are": reading.unit,
        "read": reading.rows,
        "used": len(reading.corpus),
        "left_out": {reason: asdict(rows) for reason, rows in reading.left_out.items()},
        "counted_as_other": {reason: asdict(rows) for reason, rows in reading.as_other.items()},
    }
    write_atomic(folder.private_path(ROWS), canonical_json(kept))
