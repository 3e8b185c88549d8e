"""Canaries: made-up texts of which a coin decides whether they go into the data, and what came of them.

A canary begins like its surroundings, or a generator passes it over, and ends in words that nobody would
write (Meeus et al. 2025): six words drawn from a list of 8,192 and a code of 60 bits. So the chance that its
end comes out of a run that never saw it is computed, not assumed.
"""

from __future__ import annotations

import math
import secrets
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from rpsg.audit.bounds import extraction_epsilon, zero_of
from rpsg.audit.finding import Finding, judged, of_people
from rpsg.audit.subject import Canaries, Canary, NotRunError
from rpsg.audit.surrogate import Surrogate, numbered
from rpsg.errors import UsageError
from rpsg.textstats.words import word_marks, words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rpsg.audit.subject import Subject

#: Words of an end, words in a row of them that make a hit, and the size of the list.
END_WORDS, HIT_WORDS, LIST_SIZE = 6, 4, 8192
#: Letters and digits that are not taken for one another; twelve of them have 60 bits.
CODE_SIGNS, CODE_LENGTH = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ", 12
#: Other ends that an end is ranked among.
ALTERNATIVES = 10_000
#: Sounds that words are put together from: 32 * 8 * 16 * 2 of them.
_BEGIN = (
    *("b", "br", "d", "dr", "f", "fl", "g", "gl", "h", "j", "k", "kl", "l", "m", "n", "p"),
    *("pl", "r", "s", "sk", "sl", "sn", "st", "t", "tr", "v", "w", "y", "z", "zw", "ch", "th"),
)
_MIDDLE = ("a", "e", "i", "o", "u", "ai", "ea", "oo")
_CLOSE = ("b", "d", "f", "g", "k", "l", "m", "n", "p", "r", "s", "t", "v", "x", "z", "nd")
_LAST = ("o", "in")


def word_list() -> tuple[str, ...]:
    """The 8,192 words of all ends: they can be said and mean nothing, so no text has them by chance."""
    found = [
        begin + middle + close + last
        for last in _LAST
        for close in _CLOSE
        for middle in _MIDDLE
        for begin in _BEGIN
    ]
    return tuple(found)


def make_canaries(count: int, beginnings: Sequence[str], *, least: int = 12, most: int = 20) -> Canaries:
    """``count`` canaries, each put in by a fair coin of the operating system.

    ``beginnings`` are public texts of the same kind, each used once: its first 12 to 20 words.

    Raises:
        UsageError: there are not so many beginnings of 12 words or more.
    """
    rows = [text.split() for text in beginnings]
    rows = list({" ".join(row[:least]): row for row in rows if len(row) >= least}.values())
    if len(rows) < count or count < 1:
        raise UsageError(
            f"{count} canaries need as many public texts of {least} words or more to begin with.",
            hint="Give more public texts of the same kind, or ask for fewer canaries.",
        )
    known, dice = word_list(), secrets.SystemRandom()
    chosen = dice.sample(rows, count)
    made = tuple(
        Canary(
            " ".join(row[: dice.randint(least, most)]).rstrip(".,;:!?"),
            tuple(dice.choice(known) for _ in range(END_WORDS)),
            "".join(dice.choice(CODE_SIGNS) for _ in range(CODE_LENGTH)),
        )
        for row in chosen
    )
    return Canaries(made, tuple(bool(secrets.randbits(1)) for _ in made))


def stands_in(canary: Canary, runs: set[tuple[str, ...]], codes: str) -> bool:
    """Whether four words in a row of its end, or its code, are among the runs and codes of a corpus."""
    ends = (canary.end[i : i + HIT_WORDS] for i in range(END_WORDS - HIT_WORDS + 1))
    return canary.code.lower() in codes or any(end in runs for end in ends)


def extracted(canaries: Canaries, synthetic: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Which canaries stand in the corpus, planted or not; shape (canaries,)."""
    rows = [words(text) for text in synthetic]
    runs = {tuple(row[i : i + HIT_WORDS]) for row in rows for i in range(len(row) - HIT_WORDS + 1)}
    codes = "\n".join(synthetic).lower()
    return np.array([stands_in(canary, runs, codes) for canary in canaries.canaries], np.bool_)


def chance_of_hit(synthetic: Sequence[str]) -> float:
    """The chance that a canary that no run has seen stands in this corpus; a bound.

    Each of its three runs of four random words equals one of the corpus' runs with a chance of runs / 8192^4,
    its code one of the corpus' rows of twelve signs with rows / 32^12. No matter what the corpus says: the
    canary was drawn without it.
    """
    runs = sum(max(len(words(text)) - HIT_WORDS + 1, 0) for text in synthetic)
    places = sum(len(text) + 1 for text in synthetic)
    windows = END_WORDS - HIT_WORDS + 1
    return windows * runs * float(LIST_SIZE) ** -HIT_WORDS + places * float(len(CODE_SIGNS)) ** -CODE_LENGTH


def extraction(subject: Subject) -> Finding:
    """Planted canaries of which four words of the end, or the code, stand in the corpus; one is enough.

    The union bound over all planted canaries loses nothing to groups: each is its own neighbour. Where none
    is found, ``details`` tell how often one could still come out, with 95 %.
    """
    own = _canaries(subject)
    is_in = np.array(own.is_in)
    found = extracted(own, subject.synthetic)
    planted, hits, false = int(is_in.sum()), int((found & is_in).sum()), int((found & ~is_in).sum())
    chances = [chance_of_hit(subject.synthetic)] * planted
    delta, level = subject.claim.delta, subject.level
    finding = Finding(
        "extraction",
        "no violation seen",
        epsilon_lower=extraction_epsilon(chances, hits, delta=delta, level=level),
        epsilon_most=extraction_epsilon(chances, planted, delta=delta, level=level),
        guesses=hits + false,
        right=hits,
        limit=_fewest_extracted(chances, subject) if planted else None,
        details={
            "planted": planted,
            "held out": len(is_in) - planted,
            "held out and found": false,
            **({} if hits or not planted else {"at most, if none is found": zero_of(planted)}),
        },
    )
    return judged(finding, subject)


def _fewest_extracted(chances: Sequence[float], subject: Subject) -> float | None:
    """The share of planted canaries that would refute the claim by standing in the corpus."""
    delta, level, claim = subject.claim.delta, subject.level, subject.claim.epsilon
    enough = (
        hits
        for hits in range(1, len(chances) + 1)
        if extraction_epsilon(chances, hits, delta=delta, level=level) > claim
    )
    hits = next(enough, None)
    return None if hits is None else hits / len(chances)


def exposure(subject: Subject) -> Finding:
    """How likely the corpus makes each end: log2 of 10,000 minus log2 of its rank among as many other ends.

    Carlini et al. 2019, for the end without its beginning. Planted canaries are compared with those held
    out, which needs no assumption of how ranks are spread; the mean exposure of both is in the details. By
    chance it is 1 to 1.44 bits, the less the more ends are equally likely.
    """
    own = _canaries(subject)
    model = Surrogate.of(subject.synthetic)
    dice, known = secrets.SystemRandom(), word_list()
    ends = [canary.end for canary in own.canaries]
    others = [tuple(dice.choice(known) for _ in range(END_WORDS)) for _ in range(ALTERNATIVES)]
    scores = _log_chances(model, [" ".join(end) for end in [*ends, *others]])
    ordered = np.sort(scores[len(ends) :])
    # Ends that are equally likely share the middle of their ranks: all are, where none was learnt.
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
