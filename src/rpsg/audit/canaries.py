"""Attacks that look for canaries, which a coin put into the data or held out."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from rpsg.audit.finding import Finding, judged, of_people
from rpsg.audit.subject import NotRunError
from rpsg.audit.surrogate import Surrogate, numbered
from rpsg.privacy.attack_bounds import extraction_epsilon, zero_of
from rpsg.privacy.attack_limits import extraction_limit
from rpsg.stages.canaries import END_WORDS, chance_of_hit, extracted, word_list
from rpsg.stages.rng import stream
from rpsg.textstats.words import word_marks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rpsg.audit.subject import Subject
    from rpsg.stages.canaries import Canaries

#: The number of other ends among which an end is ranked.
ALTERNATIVES = 10_000
NOT_HELD_OUT = (
    "A canary that was held out is in the corpus, so the coin tosses did not decide which canaries were in "
    "the data."
)


def extraction(subject: Subject) -> Finding:
    """Planted canaries of which four words of the end, or the code, are in the corpus; one is enough.

    A canary that was held out cannot be there by chance. If one is, the coins did not decide which canaries
    were in the data, and nothing follows. The p-value is a sum over single canaries, each added or removed
    alone, so the epsilon of groups does not matter. If none is found, ``details`` have an upper bound, with
    95 % confidence, on how often a canary could still get into a corpus.
    """
    own = _canaries(subject)
    is_in = np.array(own.is_in)
    found = np.array(extracted(own, subject.synthetic), np.bool_)
    planted, hits, false = int(is_in.sum()), int((found & is_in).sum()), int((found & ~is_in).sum())
    chance = chance_of_hit(subject.synthetic)
    chances = [chance] * planted
    delta, level = subject.claim.delta, subject.level
    finding = Finding(
        "extraction",
        "no violation seen",
        epsilon_lower=extraction_epsilon(chances, hits, delta=delta, level=level),
        epsilon_most=extraction_epsilon(chances, planted, delta=delta, level=level),
        guesses=hits + false,
        right=hits,
        limit=extraction_limit(planted, chance, subject.claim.epsilon, delta=delta, level=level),
        details={
            "planted": planted,
            "held out": len(is_in) - planted,
            "held out and found": false,
            **({} if hits or not planted else {"at most, if none is found": zero_of(planted)}),
        },
        basis={"kind": "extraction", "tests": 1, "planted": planted, "chance": chance, "level": level},
    )
    if false:
        return replace(finding, verdict="not run", reason=NOT_HELD_OUT)
    return judged(finding, subject)


def found_held_out(subject: Subject) -> int:
    """How many canaries that were held out are in the corpus, whichever attacks are run."""
    if subject.canaries is None:
        return 0
    found = extracted(subject.canaries, subject.synthetic)
    return sum(hit and not is_in for hit, is_in in zip(found, subject.canaries.is_in, strict=True))


def exposure(subject: Subject) -> Finding:
    """Exposure after Carlini et al. 2019, of the end of each canary without its beginning.

    It is log2 of 10,000 minus log2 of the rank of the end among 10,000 other ends, by likelihood under a
    model of the corpus. Planted canaries are compared with held-out ones, so no distribution of ranks has to
    be assumed; the mean exposure of both is in the details. By chance it is 1.44 bits, or down to 1 bit if
    many ends are equally likely.
    """
    own = _canaries(subject)
    model, draw = Surrogate.of(subject.synthetic), stream(subject.seed, "audit ends")
    known = np.array(word_list())
    ends = [canary.end for canary in own.canaries]
    others = draw.choice(known, (ALTERNATIVES, END_WORDS)).tolist()
    scores = _log_chances(model, [" ".join(end) for end in [*ends, *others]])
    ordered = np.sort(scores[len(ends) :])
    # Equally likely ends share their mean rank; if the model has learnt none, all are equally likely.
    below, with_ties = (np.searchsorted(ordered, scores[: len(ends)], side=s) for s in ("left", "right"))
    ranks = 1 + ALTERNATIVES - (below + with_ties) / 2
    bits = math.log2(ALTERNATIVES) - np.log2(ranks)
    is_in = np.array(own.is_in)
    finding = of_people("exposure", subject, scores[: len(ends)], is_in)
    means = {
        side: float(bits[chosen].mean()) if chosen.any() else None
        for side, chosen in (("planted", is_in), ("held out", ~is_in))
    }
    return replace(finding, details={"mean exposure in bits": means})


def _log_chances(model: Surrogate, texts: Sequence[str]) -> npt.NDArray[np.float64]:
    tokens = numbered([word_marks(text) for text in texts], model.numbers)
    found = np.bincount(tokens.owner, weights=model.log_chances(tokens), minlength=len(texts))
    return found.astype(np.float64)


def _canaries(subject: Subject) -> Canaries:
    if subject.canaries is None:
        raise NotRunError("No canaries were put into the data.")
    if sum(subject.canaries.is_in) < 2 or all(subject.canaries.is_in):
        raise NotRunError("There are too few canaries on one side.")
    return subject.canaries
