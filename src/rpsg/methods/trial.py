"""The writer is tested on a few public prompts before a private file is opened or anything is charged.

The trial runs all public steps: cards of the pack (or its invented examples) -> prompt -> writer -> cleaning
-> filters. Nothing in it is private in any method, so the replies may be shown.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from rpsg.display import printable
from rpsg.errors import ModelError, RpsgError
from rpsg.methods.dp_steps import kept_by_filters
from rpsg.models.server_hints import hint_for
from rpsg.records import Candidate, Card, Drop, Pool
from rpsg.stages.abstraction import Passes, Seed, abstract_request, parsed
from rpsg.stages.candidates import candidate_of
from rpsg.stages.cards import CardModel
from rpsg.stages.clean_reply import ESCAPES
from rpsg.stages.echo import REASON as REPEATS
from rpsg.stages.exact_similarity import quantized
from rpsg.stages.prompts import candidate_request
from rpsg.stages.rewriting import attempt_of, rewrite_request
from rpsg.stages.rng import stream
from rpsg.stages.sanitize import delimiter
from rpsg.storage.run_identity import TRIAL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rpsg.domains import Pack
    from rpsg.methods.base import Job, Method
    from rpsg.plan import Plan
    from rpsg.protocols import Classifier, Embedder, Reply, Request

    Named = Embedder | Classifier

#: How many texts are tested, and how many of them must be usable for the run to begin.
TEXTS, LEAST = 8, 2
NO_FORM = "no summary in the form that was asked for"
#: The end of the hint for a run.
SAME_FOLDER = " With the changed command you can use the same -o."
_FIRST_WORDS, _LONGEST_REASON = 100, 300
#: Not secret: it marks invented examples, as the key of a run marks private texts.
_MARK_KEY = b"rpsg-trial"
_HINTS = {
    "refused politely": "Use another --writer, or another --about or --domain that it does not refuse.",
    "too short": "The writer is too weak for these prompts: use a larger --writer.",
    "talks about its task": "The writer is too weak for these prompts: use a larger --writer.",
    "cut in the middle": "The texts do not end: use another --writer or a larger [models] context.",
    "repeats itself": "Use another --writer, or a higher [generation] temperature.",
    "near-duplicate": "The texts are all alike: use another --writer, or raise [generation] temperature.",
    REPEATS: 'The texts repeat the prompt. Use another --writer, or [models] form = "text" for a local one.',
    "copies an example": "Set [generation] examples = 0, or use another --writer.",
    "cut while thinking": hint_for("cut while thinking"),
    "not in the form that was asked for": "The writer does not answer in JSON: use a chat model as --writer.",
    NO_FORM: 'Use another --writer, or summarize on this machine with [paper] abstracter = "summariser".',
}


@dataclass
class Trial:
    """The outcome of the trial: how many texts are usable, why the others are not, and what was replied."""

    usable: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    said: dict[str, str] = field(default_factory=dict)

    def add(self, pool: Pool, replies: Sequence[Reply]) -> None:
        """Count the usable texts of ``pool``, and the others by reason. ``replies`` has the reply of each
        text.
        """
        for candidate, reply in zip(pool, replies, strict=True):
            if candidate.dropped is None:
                self.usable += 1
                continue
            failed = reply.finish == "error" and reply.error
            reason = _first_words(reply.error, _LONGEST_REASON) if failed else candidate.dropped.reason
            self.reasons[reason] += 1
            self.said.setdefault(reason, _first_words(reply.text))

    def in_words(self) -> str:
        """``7 of 8: too short; 1 of 8: near-duplicate``."""
        tried = self.usable + self.reasons.total()
        return "; ".join(f"{number} of {tried}: {reason}" for reason, number in self.reasons.most_common())


def require_writer_of(method: Method, job: Job) -> None:
    """Check the writer as this method does; a method that does not test its writer has nothing checked.

    Raises:
        ModelError: the writer cannot be used. It says why, and what to change.
    """
    if method.trial is not None:
        method.trial(job)
    elif method.tries_writer:
        require_writer(job, from_examples=method.has_seeds)


def require_writer(job: Job, *, from_examples: bool) -> None:
    """Check that the writer gives usable texts for public prompts; a note says so when some are not.

    ``from_examples``: the method rewrites records, so the invented examples of the pack are rewritten here.

    Raises:
        ModelError: fewer than ``LEAST`` of ``TEXTS`` can be used. It says why, and what to change.
    """
    job.progress.start(TRIAL, TEXTS)
    trial = Trial()
    if from_examples and job.pack.examples:
        _try_rewrites(job, trial)
    else:
        pack = job.plan.data.added_to(job.pack)
        cards, asked = trial_requests(job.plan, pack, TEXTS)
        replies = _write(job, asked)
        pool = Pool(
            tuple(candidate_of(i, cards[i], reply, None, asked[i]) for i, reply in enumerate(replies))
        )
        trial.add(kept_by_filters(job, pack, pool), replies)
    require_usable(job, trial)


def require_usable(job: Job, trial: Trial) -> None:
    """Check that a trial of ``TEXTS`` texts gave enough usable ones; a note says so when some are not.

    Raises:
        ModelError: fewer than ``LEAST`` can be used. It says why, and what to change.
    """
    name = job.tools.writer.name
    if trial.usable < LEAST:
        raise _useless(name, trial)
    if trial.reasons:
        job.progress.note(
            f"The writer {name} was tested on {TEXTS} public prompts, and {trial.usable} of its texts can be "
            f"used. The others: {trial.in_words()}."
        )


def require_readers(job: Job) -> None:
    """Check the models that will read private texts on public ones: those of the pack.

    On private text they fail silently, because an error would reveal something about it. So a broken model
    has to be found here.

    Raises:
        ModelError: the embedder or the sentiment classifier fails, or no row has unit length.
    """
    texts = [example.text for example in job.pack.examples] or [job.pack.about]
    model: Named = job.tools.embedder
    try:
        vectors = job.tools.embedder.embed(texts)
        model = job.tools.sentiment
        job.tools.sentiment.classify(texts, vectors)
    except RpsgError:
        raise
    except Exception as error:
        raise ModelError(
            f"The model {model.name} failed on public texts ({type(error).__name__}). This was found before "
            "anything private was read.",
            hint="Test the model with: rpsg doctor; or choose another with --embedder or --sentiment.",
        ) from error
    if not np.any(quantized(vectors)):
        raise ModelError(
            f"The embedder {job.tools.embedder.name} does not give rows of unit length, which RPSG needs.",
            hint="Have it divide each row by its length, or choose another with --embedder.",
        )


def try_writer(job: Job) -> None:
    """Send the writer the public prompts of ``require_writer``: the first step of a method whose replies are
    released.

    In a run, their replies are already in the cache; in a replay, they are among the replies of the release.
    """
    pack = job.plan.data.added_to(job.pack)
    job.tools.writer.write(trial_requests(job.plan, pack, TEXTS)[1])


def texts_of_examples(plan: Plan, pack: Pack) -> int:
    """How many requests a trial needs if it rewrites the examples of the pack."""
    summed_up = bool(pack.examples) and plan.paper.abstracter == "writer"
    return 2 * TEXTS if summed_up else TEXTS


def trial_requests(plan: Plan, pack: Pack, count: int) -> tuple[list[Card], list[Request]]:
    """Cards that are drawn evenly, and the request for each."""
    cards = CardModel.uniform(pack).draw(count, stream(plan.generation.seed, "trial"))
    return cards, [candidate_request(pack, plan, card, i, purpose="trial") for i, card in enumerate(cards)]


def _write(job: Job, requests: Sequence[Request]) -> list[Reply]:
    progress = job.progress
    return job.tools.writer.write(
        requests, lambda _, reply: progress.advance(1, tokens=reply.completion_tokens)
    )


def _try_rewrites(job: Job, trial: Trial) -> None:
    """Summarise the pack's invented examples and rewrite the summaries, as is done with records."""
    seeds = [_seed(job, i) for i in range(TEXTS)]
    sources = [seed.text for seed in seeds]
    if job.plan.paper.abstracter == "writer":
        passes = Passes(most=job.plan.paper.max_tokens, least=job.plan.paper.min_tokens)
        marks = [delimiter(_MARK_KEY, seed.number, False) for seed in seeds]  # noqa: FBT003  # its signature
        asked = [
            abstract_request(job.pack, job.plan, passes, seed, mark, 0, second=False)
            for seed, mark in zip(seeds, marks, strict=True)
        ]
        replies = _write(job, asked)
        sources = [text for text in map(parsed, replies) if text]
        if not sources:
            lost = (Candidate(s.number, "", Card({}), dropped=Drop(TRIAL, NO_FORM)) for s in seeds)
            trial.add(Pool(tuple(lost)), replies)
            return
    sources = [sources[i % len(sources)] for i in range(TEXTS)]
    replies = _write(
        job,
        [
            rewrite_request(job.pack, job.plan, "first", text, seed.sentiment, seed.words, seed.number, 0)
            for text, seed in zip(sources, seeds, strict=True)
        ],
    )
    trial.add(kept_by_filters(job, job.pack, Pool(tuple(map(_rewritten, seeds, replies)))), replies)


def _seed(job: Job, number: int) -> Seed:
    example = job.pack.examples[number % len(job.pack.examples)]
    words = max(1, round(job.plan.paper.length * len(example.text.split())))
    return Seed(number, example.text, example.card.get("sentiment", ""), words)


def _rewritten(seed: Seed, reply: Reply) -> Candidate:
    attempt = attempt_of(reply)
    dropped = Drop(TRIAL, attempt.problem) if attempt.problem else None
    return Candidate(seed.number, attempt.text, Card({}), dropped=dropped)


def _first_words(text: str, most: int = _FIRST_WORDS) -> str:
    """The beginning of a text on one line, without control characters."""
    line = " ".join(printable(ESCAPES.sub("", text)).split())
    return line if len(line) <= most else f"{line[:most].rstrip()} ..."


def _useless(name: str, trial: Trial) -> ModelError:
    reason = trial.reasons.most_common(1)[0][0]
    shown = next((words for words in trial.said.values() if words), "")
    begins = f' One reply begins: "{shown}"' if shown else ""
    usable = "1 usable text" if trial.usable else "no usable text"
    return ModelError(
        f"The writer {name} was tested on {TEXTS} public prompts and wrote {usable} ({trial.in_words()})."
        f"{begins} No private text had been read at that time.",
        hint=f"{_HINTS.get(reason) or hint_for(reason)}{SAME_FOLDER}",
    )
