"""Can the audit find a leak at all? The attacks are tried on the controls: corpora that certainly leak. If an
attack does not find a planted leak, it has no power on these texts. If such an attack finds nothing in the
audited corpus, this shows nothing.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, Literal

import numpy as np

from rpsg.privacy.attack_limits import LEAST_AUC
from rpsg.stages.rng import stream
from rpsg.textstats.languages import languages_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rpsg.audit.finding import Finding
    from rpsg.audit.subject import Subject

#: People of each side in the control of a corpus that is the members' own texts.
PEOPLE = 2000
#: The share of the corpus that a leaky generator copies, and of the words of a copy that it drops.
LEAKED, DROPPED = 0.05, 0.2
#: How much of their noise the noisy answers keep in the first control.
BARE = 0.01
#: A language is one of the private texts if a share of ``COMMON`` of the first ``FIRST`` of them is in it. If
#: less than ``MOST`` of the corpus is in these languages, the corpus is in another. The same for alphabets.
COMMON, MOST, FIRST = 0.1, 0.5, 1000
Outcome = Literal["caught", "missed", "not tried"]


@dataclass(frozen=True, slots=True)
class Control:
    """The outcome of an attack on a corpus that certainly leaks."""

    name: str
    outcome: Outcome
    auc: float | None = None
    epsilon_lower: float | None = None


def fitted_on_members(subject: Subject) -> Subject:
    """A control, in which the right answer is known: the corpus is what the members wrote, word for word.

    It has up to 2,000 people of each side, and the planted canaries. If the run has noisy answers, these have
    a hundredth of their noise. No attack can find more in texts of this kind than it finds here.
    """
    draw = stream(subject.seed, "control people")
    sides = (np.flatnonzero(subject.is_in), np.flatnonzero(~subject.is_in))
    few = subject.of_people(np.sort(np.concatenate([draw.permutation(side)[:PEOPLE] for side in sides])))
    inside = few.is_in[few.owner]
    written = [text for text, is_member in zip(few.texts, inside, strict=True) if is_member]
    control = few.with_synthetic([*written, *_planted(subject)])
    if subject.answers is None or subject.canaries is None:
        return control
    return replace(control, answers=subject.answers.with_noise_times(BARE, np.array(subject.canaries.is_in)))


def leaky(subject: Subject) -> Subject:
    """A control, in which the right answer is known: one text in twenty is a member's text with words
    dropped.

    Each leaked text is of a different member, or a planted canary; it lacks a random fifth of its words. The
    other texts are those of the audited corpus. This is why the members and the planted canaries are drawn
    again here: what the corpus itself reveals is then equally likely on both sides, and does not help an
    attack to find the planted leak.
    """
    subject = _with_new_sides(subject)
    draw = stream(subject.seed, "control leak")
    order = draw.permutation(np.flatnonzero(subject.is_in[subject.owner]))
    _, first = np.unique(subject.owner[order], return_index=True)
    private = [*(subject.texts[i] for i in order[np.sort(first)]), *_planted(subject)]
    count = min(max(1, round(LEAKED * len(subject.synthetic))), len(private))
    leaked = [with_words_dropped(private[i], draw) for i in draw.permutation(len(private))[:count]]
    kept = draw.permutation(len(subject.synthetic))[count:]
    return subject.with_synthetic([*(subject.synthetic[i] for i in np.sort(kept)), *leaked])


def is_in_another_language(subject: Subject) -> bool:
    """Whether most of the corpus is in another language than the private texts, or in other letters.

    A copied text stands out in such a corpus. So the control of a leaky generator shows nothing about what
    would really leak: translations. A language that is not certain counts as the same.
    """
    private = subject.texts[:FIRST]
    corpus = subject.synthetic[:: len(subject.synthetic) // FIRST + 1]
    return _mostly_other(languages_of(private), languages_of(corpus), len(corpus)) or _is_in_other_letters(
        _alphabets(private), _alphabets(corpus)
    )


def _mostly_other(private: Mapping[str, int], corpus: Mapping[str, int], size: int) -> bool:
    """Whether most of what is counted in the corpus is of no kind that is common in the private texts, and
    that is at least a tenth of the whole corpus, which has ``size`` texts.
    """
    known = _common(private)
    total, same = sum(corpus.values()), sum(corpus[kind] for kind in known & corpus.keys())
    return bool(known) and same < MOST * total and total - same >= COMMON * size


def _common(counted: Mapping[str, int]) -> set[str]:
    return {kind for kind, count in counted.items() if count >= COMMON * sum(counted.values())}


def _is_in_other_letters(private: Counter[str], corpus: Counter[str]) -> bool:
    """Whether letters of the alphabets that are common in the private texts are at most half as common in
    the corpus. Texts can also be written as numbers or emoji, without any letter.
    """
    known = _common({kind: count for kind, count in private.items() if kind})
    before, now = (sum(texts[kind] for kind in known) for texts in (private, corpus))
    return bool(known) and now * private.total() <= MOST * before * corpus.total()


def _alphabets(texts: Iterable[str]) -> Counter[str]:
    """The number of letters of each alphabet, by the first word of their names: LATIN, CYRILLIC, CJK, ...

    Digits, marks and symbols count as "". White space does not count.
    """
    counted: Counter[str] = Counter()
    for letter, count in Counter(chain.from_iterable(texts)).items():
        if not letter.isspace():
            kind = unicodedata.name(letter, "").partition(" ")[0] if letter.isalpha() else ""
            counted[kind] += count
    return counted


def _with_new_sides(subject: Subject) -> Subject:
    """The same people and canaries, with as many members and planted canaries as before, but drawn again."""
    draw, canaries = stream(subject.seed, "control sides"), subject.canaries
    if canaries is not None:
        canaries = replace(canaries, is_in=tuple(draw.permutation(canaries.is_in).tolist()))
    return replace(subject, is_in=draw.permutation(subject.is_in), canaries=canaries)


def _planted(subject: Subject) -> Sequence[str]:
    return () if subject.canaries is None else subject.canaries.planted


def with_words_dropped(text: str, draw: np.random.Generator, share: float = DROPPED) -> str:
    """The text without this many of its words, chosen at random."""
    row = text.split()
    return " ".join(word for word, kept in zip(row, draw.random(len(row)) >= share, strict=True) if kept)


def outcome_of(finding: Finding, *, needs_area: bool) -> Control:
    """Whether an attack found the planted leak: its lower bound is above the claim and, if needed, its AUC is
    high. ``needs_area``: the whole corpus leaks, so a score must also tell most members from the others.
    """
    if finding.verdict == "not run":
        return Control(finding.name, "not tried", finding.auc, finding.epsilon_lower)
    is_area = not needs_area or finding.auc is None or finding.auc >= LEAST_AUC
    caught = is_area and finding.verdict == "refuted"
    return Control(finding.name, "caught" if caught else "missed", finding.auc, finding.epsilon_lower)
