"""The baseline DP-SGD (Yue et al., 2023): a copy of the writer is trained on the private texts and writes.

The model learns each private text after control codes, which are the text's values of the public schema. A
bounded number of texts of each person takes part. New texts are then sampled after codes that are drawn from
noisy counts. On paper this gives a bound. But the noise of training is floating point and not from the secure
source, so the release claims nothing, and the accountant's epsilon is shown to the operator alone.
"""

from __future__ import annotations

import math
from base64 import b64decode, b64encode
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from rpsg.errors import InfeasibleError, UsageError
from rpsg.methods import METHODS
from rpsg.methods.base import Method
from rpsg.methods.dp_steps import public_filters
from rpsg.methods.dpsgd_plan import (
    ATTEMPTS,
    COUNTED,
    EGRESS,
    OVERSAMPLE,
    RESEARCH,
    TRAINED,
    cautions,
    check,
    claim_words,
    codes_in_words,
    explain,
    flows,
    make_trainer,
    workload,
)
from rpsg.methods.paper_steps import made_of, pool_of
from rpsg.methods.seed_steps import records_of, seeding, tenths_of_replies
from rpsg.models.transformers.dp_training import TrainedModel, Trainer, TrainingExample
from rpsg.privacy.accounting import PlannedRelease, sigma_for
from rpsg.privacy.facts import UnprotectedFlow
from rpsg.privacy.gaussian import mu_for
from rpsg.privacy.histogram import Query
from rpsg.privacy.mechanisms import noisy_histogram
from rpsg.privacy.private import Private, withheld
from rpsg.privacy.sensitivity import sensitivity2
from rpsg.privacy.training_account import Training, epsilon_of_training, noise_for
from rpsg.protocols import Message, Request
from rpsg.records import Card, Pool, PrivateCorpus
from rpsg.stages.annotate import codes_of, describe, empty_rows
from rpsg.stages.candidates import candidate_of
from rpsg.stages.cards import CardModel, card_row_cells, cells, in_words, rows_counted
from rpsg.stages.contributions import bound, unit_numbers
from rpsg.stages.prompts import words_asked
from rpsg.stages.rng import stream, text_seed
from rpsg.stages.scrub import scrub
from rpsg.storage.checkpoints import StageResult
from rpsg.storage.layout import PRIVATE, TRAINING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from rpsg.domains import Pack
    from rpsg.methods.base import Job
    from rpsg.plan import Plan
    from rpsg.records import Document
    from rpsg.stages.annotate import Traits
    from rpsg.storage.vectors import Stored

TEMPERATURE, TOP_P = 1.0, 0.95


def synthesize(job: Job) -> Pool:
    """The pool of all texts that the trained model wrote; those not dropped are the synthetic corpus.

    Raises:
        InfeasibleError: no noise is large enough for the budget, or no text was left.
    """
    return withheld(lambda: _synthesize(job))


def _synthesize(job: Job) -> Pool:
    plan, pack = job.plan, job.pack.with_label(job.plan.data.label_values)

    # Each record gets its values of the schema, and a bounded number of records of each person takes part.
    rows, units, traits = _read(job, pack)
    examples = [
        TrainingExample(codes_in_words(pack, _values(pack, traits, i)), row.text, int(units[i]))
        for i, row in enumerate(rows)
    ]

    # The control codes to write from: by noisy counts of the schema, or evenly.
    cards = _count_cards(job, pack, units, traits)

    # Train, have an accountant compute the cost for the operator, and write texts for drawn control codes.
    pool = _train_and_write(job, pack, examples, cards)
    job.progress.note(f"The figures of the training are in {PRIVATE}/{TRAINING}. {RESEARCH}")
    if not pool.alive():
        raise InfeasibleError(
            "None of the trained model's texts can be used, so there is no corpus.",
            hint="Train for more [dpsgd] steps, use another --writer or a larger --epsilon, with a new -o.",
        )
    surplus = {c.id: "more than were asked for" for c in pool.alive()[plan.corpus.size :]}
    return scrub(pool.drop("size", surplus), job.pack.language, job.processes)


# -- what is learnt from ----------------------------------------------------------------------------------


def _read(job: Job, pack: Pack) -> tuple[Sequence[Document], npt.NDArray[np.int64], Traits]:
    """The texts that take part, the person of each text, and for each attribute the index of the text's
    value.
    """
    door, tools = seeding(job).unprotected, job.tools
    flow = UnprotectedFlow(records_of(job), "training", TRAINED)
    everything = cast("Sequence[Document]", door.read("rows", flow))
    vectors = cast("Stored", door.read("embeddings", flow))
    indices = {row.id: index for index, row in enumerate(everything)}
    kept = bound(PrivateCorpus(tuple(everything)), job.plan.records_per_unit, job.key)
    own = vectors[[indices[row.id] for row in kept]]
    landmarks, empty = describe(pack, tools.embedder), empty_rows(own)
    traits = {
        a.name: np.where(empty, -1, codes_of(a, kept, own, landmarks, tools.sentiment))
        for a in pack.attributes
        if a.counted
    }
    return kept, unit_numbers(kept), traits


def _values(pack: Pack, traits: Traits, row: int) -> dict[str, str]:
    return {name: pack.attribute(name).values[c[row]] for name, c in traits.items() if c[row] >= 0}


# -- what it costs ----------------------------------------------------------------------------------------


def account(plan: Plan, people: int) -> dict[str, Any]:
    """The noise of training, and what training and counting cost according to an accountant; only for the
    operator.

    A person takes part in a step with probability batch / number of people: as declared, or ``people``.
    """
    settings, privacy = plan.dpsgd, plan.privacy
    rate = min(1.0, settings.batch / (privacy.n_public or people))
    training = Training(rate, settings.steps, mu_of_cards(plan))
    noise = settings.noise_multiplier
    if noise is None:
        noise = noise_for(privacy.epsilon, privacy.delta, training)
    epsilon = epsilon_of_training(training, noise, privacy.delta)
    return {
        "format": "rpsg-training/1",
        "caution": f"{RESEARCH} The number of people is taken as public.",
        "noise_multiplier": noise,
        "sampling_rate": rate,
        "steps": settings.steps,
        "clip": settings.clip,
        "people": people,
        "people_declared": privacy.n_public,
        "most_texts_of_a_person": plan.records_per_unit,
        "mu_of_cards": training.counted,
        "epsilon": epsilon if math.isfinite(epsilon) else None,
        "delta": privacy.delta,
        "accountant": "privacy-loss distributions of Poisson-sampled Gaussians, add or remove one person",
    }


def mu_of_cards(plan: Plan) -> float:
    """Mu of counting the control codes: its share of the whole budget."""
    return math.sqrt(plan.dpsgd.cards) * mu_for(plan.privacy.epsilon, plan.privacy.delta)


def _count_cards(job: Job, pack: Pack, units: npt.NDArray[np.int64], traits: Traits) -> CardModel:
    if not job.plan.dpsgd.cards:
        return CardModel.uniform(pack)
    k, c, side = len(pack.marginals), job.plan.records_per_unit, seeding(job)
    sigma = sigma_for(mu_of_cards(job.plan), sensitivity2("S2_one_cell", k, 1, c, "add_remove"))
    planned = PlannedRelease("cards", "S2_one_cell", k, 1, c, sigma)
    query = Query.of(planned, f"histograms over the public schema: {in_words(pack)}", cells(pack))

    def make() -> StageResult:
        side.unprotected.note(UnprotectedFlow(records_of(job), "cards", COUNTED))
        ballots = card_row_cells(Private(traits), Private(units), pack)
        return StageResult(noisy_histogram(query, ballots, side.noise).tolist())

    noisy = np.array(side.checkpoints.stage("cards", make), np.int64)
    rows = rows_counted(pack, noisy, 1, max(1, int(noisy.sum())))
    return CardModel.fit(pack, noisy, rows, sigma, job.plan.method.uniform_mix)


# -- training and writing ---------------------------------------------------------------------------------


def _train_and_write(job: Job, pack: Pack, examples: Sequence[TrainingExample], cards: CardModel) -> Pool:
    """All texts of one trained model: a resumed run never writes with two. Adapters are stored as soon as
    they are trained. If all weights are trained, they are too large to store: a run that stops before its
    last text is written trains them again and writes every text again.
    """
    checkpoints, trained = seeding(job).checkpoints, list[TrainedModel]()
    kept = ""
    if job.plan.dpsgd.tuning == "lora":

        def train() -> StageResult:
            trained.append(_train(job, examples))
            return StageResult(b64encode(trained[0].kept()).decode(), len(examples), len(examples))

        kept = checkpoints.stage("training", train)

    def write() -> StageResult:
        if not trained:
            trained.append(trainer_of(job).restored(b64decode(kept)) if kept else _train(job, examples))
        return _write(job, pack, trained[0], cards)

    return pool_of(checkpoints.stage("writing", write))


def trainer_of(job: Job) -> Trainer:
    """The model that this job trains."""
    if job.tools.trainer is None:
        raise UsageError("The method dpsgd was given no model to train.")
    return job.tools.trainer


def _train(job: Job, examples: Sequence[TrainingExample]) -> TrainedModel:
    steps, figures = job.plan.dpsgd.steps, account(job.plan, len({e.person for e in examples}))
    seeding(job).keep(TRAINING, figures)
    job.progress.start("training", 100)
    return trainer_of(job).train(
        examples,
        figures["sampling_rate"],
        figures["noise_multiplier"],
        lambda step: job.progress.advance(100 * (step + 1) // steps - 100 * step // steps),
    )


def _write(job: Job, pack: Pack, model: TrainedModel, cards: CardModel) -> StageResult:
    """Writes texts until the number that the plan asks for is left after the public filters."""
    pool, size = Pool(), job.plan.corpus.size
    for attempt in range(ATTEMPTS):
        missing = size - len(pool.alive())
        if missing <= 0:
            break
        rng, first = stream(job.plan.generation.seed, "cards", attempt), len(pool)
        drawn = [_counted_only(pack, card) for card in cards.draw(math.ceil(OVERSAMPLE * missing), rng)]
        requests = [_request(job.plan, pack, card, first + i) for i, card in enumerate(drawn)]
        replies = model.write(requests, tenths_of_replies(job.progress, "writing", len(requests), attempt))
        written = zip(drawn, replies, requests, strict=True)
        pool = public_filters(
            job,
            pack,
            pool.extend([candidate_of(first + i, c, r, None, q) for i, (c, r, q) in enumerate(written)]),
        )
    return made_of(pool, len(pool))


def _counted_only(pack: Pack, card: Card) -> Card:
    """A card without the values that only vary prompts: no text was learnt with them."""
    return Card({a.name: card.values[a.name] for a in pack.attributes if a.counted and a.name in card.values})


def _request(plan: Plan, pack: Pack, card: Card, number: int) -> Request:
    return Request(
        (Message("user", codes_in_words(pack, card.values)),),
        max_tokens=int(words_asked(pack, card.values) * 1.7) + 16,
        seed=text_seed(plan.generation.seed, "trained", number),
        temperature=plan.generation.temperature or TEMPERATURE,
        top_p=plan.generation.top_p or TOP_P,
    )


METHOD = Method(
    name="dpsgd",
    about=METHODS["dpsgd"][1],
    reads="records",
    synthesize=synthesize,
    sections=frozenset({"dpsgd"}),
    untold=frozenset({"data.passage_words"}),
    check=check,
    models=lambda plan: {"writer": partial(make_trainer, plan), "trainer": partial(make_trainer, plan)},
    packages=lambda _: {"torch": "hf", "transformers": "hf", "opacus": "dpsgd", "dp_accounting": "dpsgd"},
    tries_writer=False,
    noiseless=lambda plan: plan.dpsgd.noise_multiplier == 0,
    egress=lambda plan: EGRESS,  # noqa: ARG005  # the signature of all such functions
    status="research_only",
    claim_words=claim_words,
    flows=flows,
    workload=workload,
    explain=explain,
    cautions=cautions,
)
