"""Steps that methods share: each applies a stage or a mechanism as the plan says."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rpsg.engines.local import LocalEngine
from rpsg.errors import InfeasibleError
from rpsg.methods.budget import asked_of, is_too_few
from rpsg.methods.questions import CardCounts, Headcount
from rpsg.privacy.gaussian import epsilon_of
from rpsg.privacy.histogram import Query
from rpsg.stages.candidates import write_variants
from rpsg.stages.cards import CardModel, cells, in_words, rows_counted
from rpsg.stages.clean_reply import says_a_sentence_twice
from rpsg.stages.cosine_filter import drop_copies, drop_echoes, drop_near_duplicates
from rpsg.stages.dialogue import as_conversations
from rpsg.stages.keyphrases import add_phrases, by_topic, labels_found, phrase_items
from rpsg.stages.levels import safe_size, thinned
from rpsg.stages.nll_filter import nll_filter
from rpsg.stages.rng import stream
from rpsg.stages.text_rows import TextRows
from rpsg.textstats.languages import ENGLISH, language_of, name_of

if TYPE_CHECKING:
    from rpsg.domains import Pack
    from rpsg.engines.base import Question
    from rpsg.methods.base import Job
    from rpsg.privacy.accounting import Budget
    from rpsg.privacy.exact_sums import ExactSum
    from rpsg.privacy.histogram import IntArray
    from rpsg.privacy.private import Private
    from rpsg.records import Card, Pool
    from rpsg.stages.annotate import Landmarks, Traits

Phrases = Mapping[str, Sequence[tuple[str, int]]]
EXPAND_ATTEMPTS = 3  # filters drop some variants, and with a poor writer an unbounded loop would not end
#: What to do when the writer fails after something was charged.
ANOTHER_WRITER = (
    "Run the same command with another --writer or a larger [models] context, and the same -o: the noisy "
    "counts are already paid for and are used again."
)


def paid(job: Job) -> Budget:
    """The budget of a job that reads private data."""
    if job.budget is None:
        raise InfeasibleError(f"The method {job.plan.method.name} was given no privacy budget.")
    return job.budget


def ask(job: Job, stage: str, what: str, dim: int = 0) -> Query:
    """The query of a planned release."""
    return Query.of(paid(job).release(stage), what, dim)


def noisy_sum(job: Job, asked: Query, question: Question, stage: str = "") -> IntArray:
    """The noisy sum of what everybody contributes, int64 of shape (dim,); the spent epsilon is reported.

    ``stage`` is the name that the progress display shows, unless the answer is already stored.
    """
    engine = job.engine or LocalEngine((job.people,), job.tools.sentiment)

    def exact() -> Private[ExactSum]:
        if stage:
            job.progress.start(stage)
        return engine.exact_sum(asked, question)

    noisy = job.kernel.release(asked, exact)
    report_spent(job, asked.stage)
    return noisy


@dataclass(frozen=True, slots=True)
class Size:
    """How many people there are: ``likely`` is as declared or counted, and ``safe`` a lower bound (99 %) of
    it.
    """

    likely: float
    safe: int


def size_query(budget: Budget) -> Query:
    """How many people there are."""
    return Query.of(budget.release("size"), "number of people (or rows, without a user column)", 1)


def cards_query(budget: Budget, pack: Pack) -> Query:
    """How many rows there are in each cell of the marginals of ``pack``."""
    return Query.of(
        budget.release("cards"), f"histograms over the public schema: {in_words(pack)}", cells(pack)
    )


def count_people(job: Job, declared: int | None) -> Size:
    """How many people are asked: as declared, or by a noisy count."""
    if declared is not None:
        return Size(declared, declared)
    asked = size_query(paid(job))
    noisy = float(noisy_sum(job, asked, Headcount())[0])
    return Size(max(1.0, noisy), safe_size(noisy, asked.sigma))


def find_labels(job: Job) -> tuple[str, ...]:
    """The label values: as declared, or those of enough people to exceed the noise. A single value
    distinguishes nothing: in that case there are no labels, and a note says so.
    """
    data = job.plan.data
    if data.label is None or data.labels:
        return data.label_values
    asked = ask(job, "labels", f"values of the column {data.label}")

    def items() -> Private[list[list[str]]]:
        return job.people.rows.map(lambda rows: _labels_of_people(rows, asked.k))

    found = labels_found(job.kernel.select(asked, _delta_fail(job, asked), items))
    if not found:
        job.progress.note(
            "Fewer than two label values are common enough to be found at this epsilon, so the texts carry "
            "no labels. Another time declare them as public with --labels, or raise --epsilon."
        )
    return found


def _labels_of_people(rows: Sequence[object], limit: int) -> list[list[str]]:
    people: dict[object, set[str]] = {}
    for i, row in enumerate(rows):
        user, label = getattr(row, "user", None), getattr(row, "label", None)
        if label:  # a row without a label contributes no value
            people.setdefault(user if user is not None else ("row", i), set()).add(label)
    return [sorted(labels)[:limit] for labels in people.values()]


def report_spent(job: Job, stage: str) -> None:
    """Report how much of epsilon is spent after this stage."""
    budget, mu2 = paid(job), 0.0
    for release in budget.releases:
        mu2 += release.mu2(budget.adjacency)
        if release.stage == stage:
            break
    job.progress.done(epsilon_spent=epsilon_of(mu2**0.5, budget.delta, budget.delta_fail))


def _delta_fail(job: Job, asked: Query) -> float:
    return paid(job).release(asked.stage).delta_fail


def feasible(job: Job, pack: Pack, n: int) -> Pack:
    """The pack with its schema in as much detail as ``n`` people allow; a note says if they are too few."""
    note_few_people(job, n)
    return thinned(pack, n, paid(job).release("cards").sigma)


def note_few_people(job: Job, n: int) -> None:
    """Note that noise outweighs what the people say, if they are few. Their noisy number is public."""
    if is_too_few(n, paid(job)):
        job.progress.note(
            f"So few {asked_of(job.plan)} were counted that the noise outweighs what they say: expect texts "
            "about as good as those of --method floor."
        )


def release_cards(job: Job, pack: Pack, landmarks: Mapping[str, Landmarks], n: int) -> CardModel:
    """The card model fitted to noisy marginals of the schema."""
    asked = cards_query(paid(job), pack)
    job.progress.start("counting cards")
    noisy = noisy_sum(job, asked, CardCounts(pack, landmarks))
    rows = rows_counted(pack, noisy, n, asked.c)
    return CardModel.fit(pack, noisy, rows, asked.sigma, job.plan.method.uniform_mix)


def release_keyphrases(job: Job, pack: Pack, traits: Callable[[], Private[Traits]]) -> Phrases:
    """Phrases by topic, if the plan gives them a share of the budget."""
    if not job.plan.privacy.shares.keyphrases:
        return {}
    root = pack.attribute(pack.marginals[0][0])
    asked = ask(job, "keyphrases", f"words used with each {root.name}")

    def items() -> Private[list[list[str]]]:
        return phrase_items(
            job.people.rows, traits(), root.name, root.values, per_person=asked.k, key=job.key
        )

    return by_topic(job.kernel.select(asked, _delta_fail(job, asked), items))


def draw_cards(job: Job, pack: Pack, model: CardModel, phrases: Phrases, count: int) -> list[Card]:
    """Seed cards by the noisy counts, each with phrases of its topic if there are any."""
    seed = job.plan.generation.seed
    cards = model.draw(count, stream(seed, "cards"))
    return add_phrases(cards, phrases, pack.marginals[0][0], stream(seed, "phrases")) if phrases else cards


def public_filters(job: Job, pack: Pack, pool: Pool) -> Pool:
    """NLL and cosine filters; they read the synthetic texts, the pack and a public model."""
    pool = kept_by_filters(job, pack, pool)
    if job.seeding is None:  # the number of texts made from donors' records is private
        job.progress.done(alive=len(pool.alive()), dropped=len(pool) - len(pool.alive()))
    return pool


def kept_by_filters(job: Job, pack: Pack, pool: Pool) -> Pool:
    """The pool after the public filters, without a report of what they dropped."""
    pool = as_conversations(pool, pack.speakers)
    pool = drop_copies(_in_language(pool, pack), pack)
    if pack.drops_echoes:
        pool = drop_echoes(pool, pack)
    pool = nll_filter(pool, job.tools.scorer)
    if not pool.alive():
        return pool
    return drop_near_duplicates(pool, TextRows(job.tools.embedder, [c.text for c in pool.alive()]))


def _in_language(pool: Pool, pack: Pack) -> Pool:
    """The pool without texts in another language than the pack's, and without texts that repeat a sentence. A
    small writer repeats itself more often in languages other than English. With an English pack nothing is
    dropped here.
    """
    if pack.language in ENGLISH:
        return pool
    stuck = {c.id: "says a sentence twice" for c in pool.alive() if says_a_sentence_twice(c.text)}
    pool = pool.drop("repetition", stuck)
    read_as = {c.id: language_of(c.text) for c in pool.alive()}
    others = {number: found for number, found in read_as.items() if found not in {"", pack.language}}
    return pool.drop("language", {number: f"is in {name_of(found)}" for number, found in others.items()})


def label_of(pack: Pack) -> str | None:
    """The name of the label attribute, if the pack has one."""
    return next((a.name for a in pack.attributes if a.kind == "label"), None)


def expand(job: Job, pack: Pack, pool: Pool) -> Pool:
    """The pool with variants of its texts added, until the plan's size is reached."""
    winners = pool.alive()
    for _ in range(EXPAND_ATTEMPTS):
        missing = job.plan.corpus.size - len(pool.alive())
        if missing <= 0:
            break
        pool = write_variants(pool, winners, missing, pack, job.plan, job.tools.writer, job.progress)
        pool = public_filters(job, pack, pool)
    return pool
