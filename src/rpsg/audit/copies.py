"""Copies: passages of members in the corpus, verbatim or nearly so, compared with held-out people's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from rpsg.audit.finding import Match, of_hits, of_scores
from rpsg.audit.phantom import holders_of, is_among, seen, word_runs
from rpsg.audit.surrogate import numbered, numbers_of
from rpsg.privacy.attack_bounds import clopper_pearson
from rpsg.textstats.words import words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rpsg.audit.finding import Finding
    from rpsg.audit.phantom import Runs
    from rpsg.audit.subject import Subject

Hashes = npt.NDArray[np.uint64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
#: The runs of characters of this many texts are in memory at once: several numbers for each character.
BLOCK = 1000
#: How many characters in a row make a copy, and how many words in a row count in the share that is shown with
#: it.
CHARACTERS, WORDS = 50, 8
#: The number of words in a row by which near copies are found, and the number of matches kept for the owner.
SHINGLE, WORST = 3, 20
#: Texts are alike from this similarity and number of runs. Between public reviews and corpora that never saw
#: them the largest similarity was 0.11.
ALIKE, ALIKE_RUNS = 0.2, 8
#: By chance a corpus can repeat texts of at most this number, or this share, of the people held out. With
#: public reviews it repeats passages of at most one in 500.
FEW_COPIES, COPIED = 5, 0.02
_MIX, _STEP = np.uint64(0x9E3779B97F4A7C15), np.uint64(0x243F6A8885A308D3)


def copies(subject: Subject) -> Finding:
    """People with fifty characters in a row that occur in the corpus and that nobody else wrote.

    Case and white space do not count. The details have the shares of members and of people held out who have
    eight words in a row in the corpus, common phrases included, with 95 % intervals.
    """
    _, people, holders = _passages(subject)
    hit = np.zeros(subject.people, np.bool_)
    hit[people[holders == 1]] = True
    in_words, private = word_runs(subject, WORDS, with_public=True)
    with_words = np.zeros(len(subject.texts), np.bool_)
    for start, runs, owner in private:
        with_words[start + owner[is_among(runs, in_words)]] = True
    inside = subject.is_in[subject.owner]
    shares = {}
    for side, own in (("members", inside), ("held out", ~inside)):
        count, total = int(with_words[own].sum()), int(own.sum())
        shares[side] = {
            "texts": total,
            "share with eight words in a row": count / total,
            "interval": clopper_pearson(count, total, 0.025),
        }
    return of_hits("copies", subject, hit, details=shares)


def _passages(subject: Subject) -> tuple[Hashes, Ints, Ints]:
    """The runs of fifty characters of private texts that are in the corpus, as ``holders_of`` counts them."""

    def found() -> tuple[Hashes, Ints, Ints]:
        known = runs_of_corpus(subject)
        known = known[~seen(known, (runs for _, runs, _ in blocks_of(subject.reference)))]
        return holders_of(subject, known, blocks_of(subject.texts))

    return subject.memory.once("passages", found)


def runs_of_corpus(subject: Subject) -> Hashes:
    """The runs of fifty characters of the synthetic texts, sorted."""

    def found() -> Hashes:
        return np.unique(np.concatenate([np.unique(runs) for _, runs, _ in blocks_of(subject.synthetic)]))

    return subject.memory.once("runs of corpus", found)


def blocks_of(texts: Sequence[str]) -> Runs:
    """The runs of fifty characters, a block of texts at a time."""
    starts = range(0, len(texts), BLOCK)
    return ((start, *character_runs(texts[start : start + BLOCK])) for start in starts)


def copied_of_few(subject: Subject) -> int:
    """How many people have a text of which the corpus repeats half, and one to four others wrote this half.

    ``copies`` does not count these people. So leaked texts could be hidden if somebody adds nearly the same
    texts to the other side. What more people wrote is a form or a common phrase.
    """
    runs, people, holders = _passages(subject)
    few = holders > 1
    theirs = np.flatnonzero(np.isin(subject.owner, people[few]))
    known, repeated = np.unique(runs[few]), []
    for start in range(0, len(theirs), BLOCK):
        block = theirs[start : start + BLOCK]
        own, text = character_runs([subject.texts[i] for i in block])
        hits = np.bincount(text[is_among(own, known)], minlength=len(block))
        repeated.append(block[hits > np.bincount(text, minlength=len(block)) / 2])
    return len(np.unique(subject.owner[np.concatenate(repeated)])) if repeated else 0


def copied_aside(subject: Subject) -> int:
    """How many of the texts that the audit leaves out have fifty characters in a row in the corpus.

    Passages that are also in a text that the audit uses, or in the reference, do not count. The number is
    needed because leaked texts could be hidden: if somebody adds them to the other side, or to the reference,
    the audit leaves them out.
    """
    aside = [each.text for each in subject.aside]
    known = runs_of_corpus(subject) if aside else np.zeros(0, np.uint64)
    known = known[seen(known, (runs for _, runs, _ in blocks_of(aside)))]
    for others in (subject.texts, subject.reference):
        known = known[~seen(known, (runs for _, runs, _ in blocks_of(others)))]
    texts = (len(np.unique(owner[is_among(runs, known)])) for _, runs, owner in blocks_of(aside))
    return sum(texts) if len(known) else 0


def character_runs(texts: Sequence[str], length: int = CHARACTERS) -> tuple[Hashes, Ints]:
    """A 64-bit hash of each run of ``length`` characters within a text, and the index of its text."""
    plain = [" ".join(text.lower().split()) for text in texts]
    sizes = np.array([len(text) for text in plain], np.int64)
    joined = "".join(plain).encode("utf-32-le", errors="surrogatepass")
    hashes = (np.frombuffer(joined, np.uint32).astype(np.uint64) + np.uint64(1)) * _MIX
    ends = np.repeat(np.cumsum(sizes), sizes)
    starts = np.flatnonzero(np.arange(len(hashes)) + length <= ends)
    owner = np.repeat(np.arange(len(plain)), sizes)[starts]
    if not len(starts):
        return np.zeros(0, np.uint64), owner
    # The hash of 50 characters is made from those of 32, 16 and 2 characters (the binary digits of 50).
    found, index, size = np.zeros(len(starts), np.uint64), starts.copy(), 1
    while size <= length:
        if length & size:
            found = _joined(found, hashes[index])
            index = np.minimum(index + size, len(hashes) - 1)
        size *= 2
        if size <= length:
            hashes = _joined(hashes, np.roll(hashes, -size // 2))
    return found, owner


def _joined(first: npt.NDArray[np.uint64], second: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    mixed = (first ^ (second >> np.uint64(31)) ^ (second * _STEP)) * _MIX
    return np.asarray(mixed ^ (mixed >> np.uint64(32)))


def near_copies(subject: Subject) -> Finding:
    """Each text by its largest similarity to a synthetic text: Jaccard, of runs of three words.

    The twenty most similar pairs of members are kept for the owner's eyes.
    """
    found = _nearest(subject)
    scores, nearest = found.scores, found.nearest
    worst = np.argsort(-np.where(subject.is_in[subject.owner], scores, -1.0), kind="stable")[:WORST]
    matches = tuple(Match(int(nearest[i]), int(i), float(scores[i])) for i in worst if scores[i] > 0)
    return of_scores("near-copies", subject, scores, matches=matches)


def repeats_held_out(subject: Subject) -> bool:
    """Whether so many people held out have copies in the corpus that copies of members prove no leak.

    A copy is a passage as in ``copies``, or a text that is ``ALIKE`` a synthetic one. A synthetic text that
    is also alike any text of a member or of the reference does not count: forms are alike, whoever filled
    them in.
    """
    _, people, holders = _passages(subject)
    copied = np.zeros(subject.people, np.bool_)
    copied[people[holders == 1]] = True
    private, public = _nearest(subject), _nearest_of(subject, subject.reference)
    is_their_own = private.is_alike & ~(private.is_taken | public.is_taken)[private.nearest]
    copied[subject.owner[is_their_own]] = True
    held_out = ~subject.is_in
    return bool((copied & held_out).sum() >= max(FEW_COPIES, COPIED * held_out.sum()))


@dataclass(frozen=True, slots=True)
class _Nearest:
    """For each text its similarity to the most similar synthetic text, that text (-1 if none shares a run of
    three words), and whether the two are alike; and which synthetic texts are alike a text that counts.
    """

    scores: Floats
    nearest: Ints
    is_alike: Bools
    is_taken: Bools


def _nearest(subject: Subject) -> _Nearest:
    """As ``_nearest_of``, for the private texts, of which those of members count; kept, because an attack and
    a rule need it.
    """
    inside = subject.is_in[subject.owner]
    return subject.memory.once("nearest", lambda: _nearest_of(subject, subject.texts, inside))


def _nearest_of(subject: Subject, texts: Sequence[str], counts: Bools | None = None) -> _Nearest:
    """The synthetic texts that are similar to these texts. ``counts``: those that count, else all.

    Exact and without a matrix of all pairs: each text is compared only with those synthetic texts that share
    a run with it.
    """
    numbers, lengths, holders, begins = subject.memory.once("shingles", lambda: _holders(subject.synthetic))
    scores, nearest = np.zeros(len(texts)), np.full(len(texts), -1)
    is_alike, is_taken = np.zeros(len(texts), np.bool_), np.zeros(len(lengths), np.bool_)
    for index, text in enumerate(texts):
        own = _shingles(words(text))
        held = [
            holders[begins[code] : begins[code + 1]] for code in map(numbers.get, own) if code is not None
        ]
        if held:
            shared = np.bincount(np.concatenate(held), minlength=len(lengths))
            similar = shared / (lengths + len(own) - shared)
            best = int(similar.argmax())
            scores[index], nearest[index] = similar[best], best
            if similar[best] >= ALIKE:
                alike = (similar >= ALIKE) & (shared >= ALIKE_RUNS)
                is_alike[index] = alike[best]
                if counts is None or counts[index]:
                    is_taken |= alike
    return _Nearest(scores, nearest, is_alike, is_taken)


def _holders(texts: Sequence[str]) -> tuple[dict[str, int], Ints, Ints, Ints]:
    """A number for each run of three words, how many runs each text has, the texts that have each run, one
    run after the other, and where those of each run begin.
    """
    shingles = [sorted(_shingles(words(text))) for text in texts]
    numbers = numbers_of(shingles)
    known = numbered(shingles, numbers)
    order = np.argsort(known.codes, kind="stable")
    begins = np.searchsorted(known.codes[order], np.arange(known.size + 1))
    return numbers, known.lengths, known.owner[order], begins


def _shingles(row: Sequence[str]) -> set[str]:
    return {" ".join(row[i : i + SHINGLE]) for i in range(len(row) - SHINGLE + 1)}
