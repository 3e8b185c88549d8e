"""Step 9, cosine filter: near-duplicates inside the synthetic corpus, copies of examples, and echoes.

In strict mode it compares synthetic texts with each other and with public text, never with a private one: a
filter that certainly removes what is close to a record cannot be differentially private. The paper's filter
(``drop_closest_to_private``) does that, so it is only for methods without a claim.
"""

from __future__ import annotations

from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from rpsg.domains.prompts import first_words
from rpsg.machine.processes import HERE, in_parts
from rpsg.stages.echo import REASON
from rpsg.stages.exact_similarity import SQUARE, quantized
from rpsg.stages.neighbours import MOST_COMPARED, distinct, distinct_of_all
from rpsg.stages.prompts import fields_of
from rpsg.textstats.echoes import all_echoes, form_of
from rpsg.textstats.languages import ENGLISH
from rpsg.textstats.words import is_simple, pieces, runs_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from rpsg.domains import Pack
    from rpsg.machine.processes import Processes
    from rpsg.records import Candidate, Pool
    from rpsg.stages.text_rows import TextRows
    from rpsg.storage.vectors import Stored
    from rpsg.textstats.echoes import Form

DUPLICATE = 0.95
#: The number of consecutive words that make a copy: in English, and in other languages, in which small
#: writers copy more. There the first words of an example do not count, because other texts begin with them
#: too.
COPIED_WORDS, COPIED_WORDS_ELSEWHERE = 8, 5
BLOCK = 2_048


def drop_near_duplicates(
    pool: Pool, vectors: npt.NDArray[np.float32] | TextRows, threshold: float = DUPLICATE
) -> Pool:
    """Among texts closer than ``threshold`` (cosine) the one with the lowest id is kept.

    ``vectors`` are the unit rows of ``pool.alive()``, in that order. Cosines are of quantized rows, so every
    machine drops the same texts. If there are more than ``MOST_COMPARED`` texts, each is compared with only
    some of them, and a few near-duplicates are missed (``neighbours.py``). A text that could not be embedded
    is close to none, not even to the same text, so equal texts are found by comparing them as texts.
    """
    limit = threshold * SQUARE
    many = len(vectors) > MOST_COMPARED
    stays = distinct(vectors, limit) if many else distinct_of_all(vectors[:], limit)
    reasons, seen = {}, set()
    for candidate, kept in zip(pool.alive(), stays, strict=True):
        if not kept or candidate.text in seen:
            reasons[candidate.id] = "near-duplicate"
        seen.add(candidate.text)
    return pool.drop("cosine filter", reasons)


def drop_copies(pool: Pool, pack: Pack) -> Pool:
    """Drop texts that repeat ``COPIED_WORDS`` consecutive words of an example of the pack."""
    told = [example.text for example in pack.examples]
    words = COPIED_WORDS
    if pack.language not in ENGLISH and all(map(is_simple, told)):
        words = COPIED_WORDS_ELSEWHERE
        cards = (fields_of(pack, example.card, pack.about) for example in pack.examples)
        told = [t.removeprefix(first_words(pack.begins, card)) for t, card in zip(told, cards, strict=True)]

    def runs(text: str) -> set[tuple[str, ...]]:
        return set(runs_of(pieces(text.lower()), words))

    shown = {run for text in told for run in runs(text)}
    copied = {c.id: "copies an example" for c in pool.alive() if shown & runs(c.text)}
    return pool.drop("cosine filter", copied)


def drop_echoes(pool: Pool, pack: Pack, processes: Processes = HERE) -> Pool:
    """Drop texts with words of their prompt, as the metric ``echo_rate`` finds them.

    Each reply was compared with its prompt before (``echo.py``); this finds a few more, such as long values
    of the card.
    """
    alive = pool.alive()
    found = chain(*processes.map(partial(_echoes, form_of(pack)), in_parts(alive)))
    return pool.drop("echo filter", {c.id: REASON for c, kinds in zip(alive, found, strict=True) if kinds})


def _echoes(form: Form, candidates: Sequence[Candidate]) -> list[frozenset[str]]:
    return all_echoes([c.text for c in candidates], form, [c.card.values for c in candidates])


def drop_closest_to_private(pool: Pool, closeness: npt.NDArray[np.float64], retain: float) -> Pool:
    """The paper's cosine filter: keeps the share ``retain`` of the texts that are least like any private one.

    ``closeness`` is the highest cosine of each text of ``pool.alive()`` with a private one, in that order.
    Ties keep the lower id. It reads private data without a mechanism: for methods without a claim.
    """
    alive = pool.alive()
    kept = round(retain * len(alive))
    order = sorted(range(len(alive)), key=lambda i: (float(closeness[i]), alive[i].id))
    return pool.drop("cosine filter", {alive[i].id: "most like a private text" for i in order[kept:]})


def closest(vectors: npt.NDArray[np.float32], private: Stored) -> npt.NDArray[np.float64]:
    """The highest cosine of each row of ``vectors`` with a row of ``private``, shape (rows,); exact."""
    mine = quantized(vectors)
    best = np.full(len(vectors), -np.inf)
    for start in range(0, len(private), BLOCK):
        best = np.maximum(best, (mine @ quantized(private[start : start + BLOCK]).T).max(axis=1))
    return best / SQUARE
