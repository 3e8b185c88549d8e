"""The prompt files of a pack: which there are, what may stand in them, and what must.

A prompt with a misspelt field would be sent with a hole in it, and what comes back would have nothing to do
with the card or the record that it is said to be written from. So all fields are looked at when a pack is
read.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rpsg.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

PROMPTS = ("system.txt", "candidate.txt")
#: Prompts of the methods that begin with private seeds; a pack without one has that of the generic pack.
SEED_PROMPTS = (
    *("abstract_system.txt", "abstract.txt"),
    *("rewrite_system.txt", "first_rewrite.txt", "second_rewrite.txt"),
)
#: A part in double brackets goes when a field of it is empty.
OPTIONAL = re.compile(r"\[\[(.*?)\]\]", re.DOTALL)
FIELD = re.compile(r"\{(\w+)\}")
#: What a reader takes for a field; those that ``FIELD`` does not find would stay in the prompt as they are.
WRITTEN = re.compile(r"\{([ \t]*[\w-]+[ \t]*)\}")

ABOUT = ("kind", "about")
CARD = (*ABOUT, "words", "phrases", "label")
SUMMARY = (*ABOUT, "tone", "words")
REWRITE = (*ABOUT, "sentiment", "words", "fewest", "most", "paragraphs")
#: The fields of each prompt beside a pack's attributes, which stand in those of ``OF_CARDS``.
KNOWN = {
    "system.txt": ABOUT,
    "candidate.txt": CARD,
    # No system prompt holds a record or a text: what they say is material, and there it would be an order.
    "abstract_system.txt": SUMMARY,
    "abstract.txt": (*SUMMARY, "record"),
    "rewrite_system.txt": REWRITE,
    "first_rewrite.txt": (*REWRITE, "text"),
    "second_rewrite.txt": (*REWRITE, "text"),
}
OF_CARDS = ("candidate.txt",)
#: The one field without which a prompt asks for something else, and what it stands for.
NEEDED = {
    "abstract.txt": ("record", "the record that is summed up"),
    "first_rewrite.txt": ("text", "the summary that is rewritten"),
    "second_rewrite.txt": ("text", "the text that is rewritten"),
}


def read_prompts(folder: Path, generic: Path) -> dict[str, str]:
    """All prompts by file name; FileNotFoundError names the one that a pack cannot do without."""
    own = {name: folder / name for name in PROMPTS}
    seeded = {name: folder / name for name in SEED_PROMPTS}
    files = own | {name: path if path.is_file() else generic / name for name, path in seeded.items()}
    return {name: path.read_text(encoding="utf-8").strip() for name, path in files.items()}


def check_prompts(
    folder: Path, prompts: Mapping[str, str], begins: str, attributes: Mapping[str, str]
) -> None:
    """See that every field of the prompts is known, and that none is missing that cannot be done without.

    ``attributes`` are the pack's, by name, with their kinds. What is counted of private texts must be asked
    for in ``candidate.txt`` or ``begins``, or budget would be spent on what no text is written from.

    Raises:
        UsageError: it names the file, the field, and the fields that are known there.
    """
    for name, prompt in prompts.items():
        known = (*KNOWN[name], *(attributes if name in OF_CARDS else ()))
        _refuse_unknown(str(folder / name), prompt, known)
        if name in NEEDED:
            _refuse_without(str(folder / name), prompt, *NEEDED[name], known)
    _refuse_unknown(f"{folder / 'pack.toml'}: begins", begins, (*CARD, *attributes))
    asked = {*FIELD.findall(prompts["candidate.txt"]), *FIELD.findall(begins)}
    for name, kind in attributes.items():
        if kind != "free" and not asked & ({name, "words"} if kind == "words" else {name}):
            either = " or {words}" if kind == "words" else ""
            raise UsageError(
                f"{folder / 'candidate.txt'} has no field {{{name}}}{either}: {name!r} would be counted in "
                "private texts, and no text would be written from it.",
                hint=f"Write {{{name}}}{either} into it, or take {name!r} out of pack.toml.",
            )


def _refuse_unknown(where: str, prompt: str, known: Iterable[str]) -> None:
    unknown = [field for field in WRITTEN.findall(prompt) if field not in set(known)]
    if unknown:
        raise UsageError(
            f"{where} has the field {{{unknown[0]}}}, which is not known there.", hint=_there_are(known)
        )


def _refuse_without(where: str, prompt: str, field: str, meaning: str, known: Iterable[str]) -> None:
    """A part in double brackets may go, so it does not count."""
    if field in FIELD.findall(OPTIONAL.sub("", prompt)):
        return
    goes = " outside of [[ ]], where it may go" if field in FIELD.findall(prompt) else ""
    raise UsageError(f"{where} has no field {{{field}}}{goes}: {meaning}.", hint=_there_are(known))


def _there_are(known: Iterable[str]) -> str:
    return "Fields there are " + ", ".join(f"{{{name}}}" for name in dict.fromkeys(known)) + "."
