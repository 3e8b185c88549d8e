"""Step 5, keyphrases: words that many people use with a topic, released with noise.

Each person contributes at most k distinct (topic, phrase) pairs. With a public vocabulary the noisy count
of every pair is released; without one, only pairs above a threshold that hides any single person
(partition selection). On reviews, phrases did not help with a few thousand records, so their default share of
the budget is zero; give them one with many records or an important vocabulary.

Unknown labels are released by the same mechanism. The run, its report and an evaluation all derive them from
one noisy answer with ``labels_found``, so they agree.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import TYPE_CHECKING

import numpy as np

from rpsg.records import Card, Document
from rpsg.stages.scrub import scrub_text
from rpsg.textstats.words import composed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import numpy.typing as npt

    from rpsg.privacy.private import Private
    from rpsg.stages.annotate import Traits

WORD = re.compile(r"[^\W\d_](?:[^\W\d_]|['-]){3,24}")
RELEASABLE = re.compile(r"[\w' -]{2,40}")
PHRASES_PER_CARD = 3
SEPARATOR = "\t"
COMMON = frozenset(
    [
        "about",
        "after",
        "again",
        "also",
        "always",
        "another",
        "anything",
        "around",
        "because",
        "been",
        "before",
        "being",
        "better",
        "both",
        "came",
        "cannot",
        "come",
        "could",
        "does",
        "doing",
        "done",
        "down",
        "each",
        "even",
        "ever",
        "every",
        "first",
        "from",
        "give",
        "going",
        "good",
        "great",
        "have",
        "having",
        "here",
        "into",
        "its",
        "just",
        "know",
        "like",
        "little",
        "long",
        "look",
        "made",
        "make",
        "many",
        "maybe",
        "more",
        "most",
        "much",
        "must",
        "need",
        "never",
        "nothing",
        "once",
        "only",
        "other",
        "over",
        "people",
        "really",
        "right",
        "said",
        "same",
        "seem",
        "should",
        "since",
        "some",
        "something",
        "still",
        "such",
        "sure",
        "take",
        "than",
        "that",
        "their",
        "them",
        "then",
        "there",
        "these",
        "they",
        "thing",
        "things",
        "think",
        "this",
        "those",
        "though",
        "through",
        "time",
        "took",
        "tried",
        "under",
        "until",
        "upon",
        "very",
        "want",
        "wanted",
        "well",
        "went",
        "were",
        "what",
        "when",
        "where",
        "which",
        "while",
        "will",
        "with",
        "within",
        "without",
        "would",
        "your",
        "yours",
    ]
)


def phrase_items(
    rows: Private[tuple[Document, ...]],
    traits: Private[Traits],
    topic: str,
    values: Sequence[str],
    *,
    per_person: int,
    key: bytes,
) -> Private[list[list[str]]]:
    """For each person at most ``per_person`` distinct "topic<TAB>word" items, chosen by a keyed hash."""

    def items(documents: tuple[Document, ...], codes: Traits) -> list[list[str]]:
        people: dict[object, set[str]] = {}
        for i, row in enumerate(documents):
            mine = people.setdefault(row.user if row.user is not None else ("row", i), set())
            code = int(codes[topic][i])
            if code >= 0:
                words = set(WORD.findall(composed(row.text.lower()))) - COMMON
                mine |= {f"{values[code]}{SEPARATOR}{word}" for word in words}
        return [few_of(found, per_person, key) for found in people.values()]

    return rows.zip(traits, items)


def few_of(found: set[str], count: int, key: bytes) -> list[str]:
    """``count`` of a person's items, the same after a resume; they depend on nobody else's data."""
    return sorted(found, key=lambda item: hmac.digest(key, item.encode(), hashlib.sha256))[:count]


def by_topic(released: Sequence[tuple[str, int]]) -> dict[str, list[tuple[str, int]]]:
    """Released items as topic -> (phrase, noisy count), without anything that looks like an identifier."""
    topics: dict[str, list[tuple[str, int]]] = {}
    for item, count in released:
        topic, _, phrase = item.partition(SEPARATOR)
        if RELEASABLE.fullmatch(phrase) and scrub_text(phrase) == phrase and count > 0:
            topics.setdefault(topic, []).append((phrase, count))
    return topics


def add_phrases(
    cards: Sequence[Card],
    phrases: Mapping[str, Sequence[tuple[str, int]]],
    topic: str,
    rng: np.random.Generator,
) -> list[Card]:
    """The cards, each with a few phrases of its topic, drawn with weights from their noisy counts."""
    return [Card(card.values, _draw(phrases.get(card.values[topic], ()), rng)) for card in cards]


def _draw(choices: Sequence[tuple[str, int]], rng: np.random.Generator) -> tuple[str, ...]:
    if not choices:
        return ()
    weights: npt.NDArray[np.float64] = np.array([count for _, count in choices], np.float64)
    size = min(PHRASES_PER_CARD, len(choices))
    chosen = rng.choice(len(choices), size=size, replace=False, p=weights / weights.sum())
    return tuple(choices[i][0] for i in chosen)


def labels_found(selected: Iterable[tuple[str, int]]) -> tuple[str, ...]:
    """The values of a selection, in order; none if there are fewer than two."""
    found = tuple(sorted(value for value, _ in selected if value.strip()))
    return found if len(found) > 1 else ()
