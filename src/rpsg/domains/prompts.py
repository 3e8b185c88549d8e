"""The prompt files of a pack, and the fields that they may and must have.

A prompt with a misspelt field would be sent without its value, and the reply would have nothing to do with
the card or the record. So all fields are checked when a pack is read.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rpsg.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from rpsg.domains.pack import Attribute

PROMPTS = ("system.txt", "candidate.txt")
#: Prompts of the methods that start from private seeds; a missing one is taken from the generic pack.
SEED_PROMPTS = (
    *("abstract_system.txt", "abstract.txt"),
    *("rewrite_system.txt", "first_rewrite.txt", "second_rewrite.txt"),
)
#: A segment in double brackets is left out when one of its fields is empty.
OPTIONAL = re.compile(r"\[\[(.*?)\]\]", re.DOTALL)
FIELD = re.compile(r"\{(\w+)\}")
#: What looks like a field; those that ``FIELD`` does not match would remain in the prompt unfilled.
WRITTEN = re.compile(r"\{([ \t]*[\w-]+[ \t]*)\}")

ABOUT = ("kind", "about")
CARD = (*ABOUT, "words", "phrases", "label", "columns")
SUMMARY = (*ABOUT, "tone", "words")
REWRITE = (*ABOUT, "sentiment", "words", "fewest", "most", "paragraphs")
#: The fields of each prompt besides the pack's attributes, which only the prompts in ``OF_CARDS`` have.
KNOWN = {
    "system.txt": ABOUT,
    "candidate.txt": CARD,
    # No system prompt contains a record or a text: there a model would take their words as instructions.
    "abstract_system.txt": SUMMARY,
    "abstract.txt": (*SUMMARY, "record"),
    "rewrite_system.txt": REWRITE,
    "first_rewrite.txt": (*REWRITE, "text"),
    "second_rewrite.txt": (*REWRITE, "text"),
}
OF_CARDS = ("candidate.txt",)
#: The required field of each prompt, and its meaning.
NEEDED = {
    "abstract.txt": ("record", "the record that is summed up"),
    "first_rewrite.txt": ("text", "the summary that is rewritten"),
    "second_rewrite.txt": ("text", "the text that is rewritten"),
}


def fill(template: str, fields: Mapping[str, str]) -> str:
    """The filled template; a ``[[segment]]`` is left out when one of its fields is empty or unknown."""

    def segment(match: re.Match[str]) -> str:
        inner = match.group(1)
        return inner if all(fields.get(name) for name in FIELD.findall(inner)) else ""

    kept = OPTIONAL.sub(segment, template)
    return FIELD.sub(lambda match: fields.get(match.group(1), ""), kept).strip()


def first_words(begins: str, fields: Mapping[str, str]) -> str:
    """How a text begins, by the template of its pack; the value of an opening may itself have fields."""
    return fill(fill(begins, fields), fields)


def read_prompts(folder: Path, generic: Path) -> dict[str, str]:
    """All prompts by file name; FileNotFoundError names a required one that is missing."""
    own = {name: folder / name for name in PROMPTS}
    seeded = {name: folder / name for name in SEED_PROMPTS}
    files = own | {name: path if path.is_file() else generic / name for name, path in seeded.items()}
    return {name: path.read_text(encoding="utf-8").strip() for name, path in files.items()}


def check_prompts(
    folder: Path, prompts: Mapping[str, str], begins: str, described: Sequence[Attribute]
) -> None:
    """Check that every field of the prompts is known and that no required one is missing.

    ``described`` are the pack's attributes. Every counted attribute must be in ``candidate.txt`` or
    ``begins``; otherwise budget would be spent on it without effect.

    Raises:
        UsageError: names the file, the field, and the fields that are known there.
    """
    attributes = {a.name: a.kind for a in described}
    for name, prompt in prompts.items():
        known = (*KNOWN[name], *(attributes if name in OF_CARDS else ()))
        _refuse_unknown(str(folder / name), prompt, known)
        if name in NEEDED:
            _refuse_without(str(folder / name), prompt, *NEEDED[name], known)
    begun = FIELD.findall(begins)
    openings = {"begins": [begins]} | {a.name: a.values for a in described if a.name in begun}
    for name, texts in openings.items():
        for text in texts:
            _refuse_unknown(f"{folder / 'pack.toml'}: {name}", text, (*CARD, *attributes))
    asked = {*FIELD.findall(prompts["candidate.txt"]), *begun}
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
    """Require the field outside double brackets, because a segment in double brackets may be left out."""
    if field in FIELD.findall(OPTIONAL.sub("", prompt)):
        return
    goes = " outside of [[ ]] (what is inside may be left out)" if field in FIELD.findall(prompt) else ""
    raise UsageError(f"{where} has no field {{{field}}}{goes}: {meaning}.", hint=_there_are(known))


def _there_are(known: Iterable[str]) -> str:
    return "Fields there are " + ", ".join(f"{{{name}}}" for name in dict.fromkeys(known)) + "."
