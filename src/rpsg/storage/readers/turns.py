"""Conversations that a file holds as lists of turns, as text with one turn per line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

#: The keys under which files of conversations have the speaker and the words; the first key that is there is
#: used.
SPEAKER = ("speaker", "role", "from", "name", "participant", "author")
SAID = ("text", "content", "value", "utterance", "message")


def in_one_text(value: object) -> str | None:
    """The turns in one text, such as "Doctor: Where does it hurt?", one per line; None for anything else.

    A turn is an object with one of the keys in ``SPEAKER`` and one of those in ``SAID``. Every line break
    within a turn becomes a space. An empty list has no text.
    """
    if not isinstance(value, Sequence) or isinstance(value, str | bytes):
        return None
    lines = []
    for turn in value:
        if not isinstance(turn, Mapping):
            return None
        who = next((turn[key] for key in SPEAKER if key in turn), None)
        said = next((turn[key] for key in SAID if key in turn), None)
        if not isinstance(who, str) or not isinstance(said, str) or not who.strip():
            return None
        lines.append(f"{' '.join(who.split())}: {' '.join(said.split())}")
    return "\n".join(lines)
