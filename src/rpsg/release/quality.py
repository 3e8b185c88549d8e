"""The quality line of a release: one sentence about its texts, computed from the texts alone.

It accompanies the claim, because a claim says nothing about whether the texts are worth reading. The same
texts give the same line on every machine, so that verifying a release gives the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from rpsg.display import counted
from rpsg.machine.processes import HERE, in_parts
from rpsg.textstats.echoes import all_echoes, form_of, has_placeholder
from rpsg.textstats.repeats import repeats
from rpsg.textstats.self_bleu import self_bleu_scores
from rpsg.textstats.words import word_count

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rpsg.domains import Pack
    from rpsg.machine.processes import Processes
    from rpsg.records import Candidate
    from rpsg.textstats.echoes import Form

#: Self-BLEU grows with the number of texts, so at most this many are compared, evenly spaced.
COMPARED = 1000
#: The number of texts that are given to another process at a time, with what all prompts have in common.
MANY = 2000


@dataclass(frozen=True, slots=True)
class Quality:
    """Figures of released texts. ``words`` is the mean length; ``self_bleu`` is None for one text.

    ``echoing``, ``unfilled`` and ``repeating`` count texts that contain words of their prompt, a placeholder
    such as [LINK], or repetitions (of themselves, or of eight words in a row of another text). ``compared``
    texts were used for self-BLEU.
    """

    texts: int
    words: float
    echoing: int
    unfilled: int
    repeating: int
    self_bleu: float | None
    compared: int

    @property
    def line(self) -> str:
        """The figures as a sentence; empty if there is no text."""
        if not self.texts:
            return ""
        own = "its" if self.echoing == 1 else "their"
        selves = "itself" if self.repeating == 1 else "themselves"
        parts = [
            f"{counted(self.texts, 'text')} with {self.words:.0f} words on average",
            f"{self.echoing:,} {_verb(self.echoing, 'contain')} words of {own} prompt",
            f"{self.repeating:,} {_verb(self.repeating, 'repeat')} {selves} or another text",
        ]
        if self.unfilled:
            parts.append(f"{self.unfilled:,} {_verb(self.unfilled, 'contain')} a placeholder such as [LINK]")
        if self.self_bleu is not None:
            of = f" over {self.compared:,} of them" if self.compared < self.texts else ""
            parts.append(f"self-BLEU {self.self_bleu:.2f}{of} (0: nothing in common, 1: all the same)")
        return "; ".join(parts) + "."


def _verb(count: int, verb: str) -> str:
    return f"{verb}s" if count == 1 else verb


def quality_of(released: Sequence[Candidate], pack: Pack, processes: Processes = HERE) -> Quality:
    """The figures of the released texts of a run with this pack."""
    return begin_quality(released, pack, processes)()


def begin_quality(
    released: Sequence[Candidate], pack: Pack, processes: Processes = HERE
) -> Callable[[], Quality]:
    """As ``quality_of``, but other ``processes`` begin the work; calling the result waits for the figures."""
    texts = [candidate.text for candidate in released]
    count = len(texts)
    step = -(-count // COMPARED) or 1
    compared = texts[::step]
    repeating = processes.map(_repeating, [texts])
    counted = processes.map(partial(_counted, form_of(pack)), in_parts(released, MANY))

    def quality() -> Quality:
        words, echoing, unfilled = np.sum([(0, 0, 0), *counted], axis=0).tolist()
        return Quality(
            texts=count,
            words=words / max(count, 1),
            echoing=echoing,
            unfilled=unfilled,
            repeating=sum(repeating),
            self_bleu=float(self_bleu_scores(compared).mean()) if len(compared) > 1 else None,
            compared=len(compared),
        )

    return quality


def _repeating(texts: Sequence[str]) -> int:
    """How many texts repeat themselves or another."""
    itself, another = repeats(texts)
    return int((itself | another).sum())


def _counted(form: Form, released: Sequence[Candidate]) -> tuple[int, int, int]:
    """The number of words, of texts with words of their prompt, and of texts with a placeholder."""
    texts = [candidate.text for candidate in released]
    found = all_echoes(texts, form, [candidate.card.values for candidate in released])
    return sum(map(word_count, texts)), sum(map(bool, found)), sum(map(has_placeholder, texts))
