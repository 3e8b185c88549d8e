"""Texts that are conversations: one turn per line, each with the name of its speaker before a colon.

A pack names its speakers. A draft without a turn of at least two of them is dropped; what a small model
writes after the conversation is cut off.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rpsg.records import Pool

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rpsg.records import Turn

#: The longest name before a colon that is taken for a speaker.
LONGEST_NAME = 24
NO_CONVERSATION = "no conversation"


def turns_of(text: str, speakers: Sequence[str]) -> tuple[Turn, ...]:
    """(speaker, words) of each turn, up to the first line of a speaker whom the pack does not name.

    A line without a speaker belongs to the turn before it; a text that begins with such a line has no turns.
    "Patient", "patient" and "Patient 2" are all the speaker "Patient".
    """
    known = {name.lower(): name for name in speakers}
    turns: list[tuple[str, str]] = []
    for line in filter(None, map(str.strip, text.splitlines())):
        before, colon, words = line.partition(":")
        name = before.strip().lower().rstrip("_ 0123456789")
        if colon and name in known:
            turns.append((known[name], words.strip()))
        elif not turns or (colon and _is_name(before)):
            break
        else:
            speaker, said = turns[-1]
            turns[-1] = (speaker, f"{said} {line}".strip())
    return tuple((speaker, said) for speaker, said in turns if said)


def as_conversations(pool: Pool, speakers: Sequence[str]) -> Pool:
    """The pool with each text reduced to its turns; one in which fewer than two people speak is dropped."""
    if not speakers:
        return pool
    spoken = {c.id: turns_of(c.text, speakers) for c in pool.alive()}
    silent = [i for i, turns in spoken.items() if len({speaker for speaker, _ in turns}) < 2]
    told = (replace(c, text=in_lines(spoken[c.id])) if c.id in spoken else c for c in pool)
    return Pool(tuple(told)).drop("form", dict.fromkeys(silent, NO_CONVERSATION))


def in_lines(turns: Sequence[Turn]) -> str:
    """The turns as text, one per line: "Doctor: Where does it hurt?"."""
    return "\n".join(f"{speaker}: {words}" for speaker, words in turns)


def _is_name(before: str) -> bool:
    """Whether the words before a colon may name a speaker: "Nurse", and not "I take two of them"."""
    words = before.split()
    return len(before) <= LONGEST_NAME and 0 < len(words) <= 2 and words[0][0].isupper()
