"""Prompt echoes: words of the prompt that a writer copied into its text.

A small model asked for "a review of tea, 18 words, beginning with: I love" may answer with "18 words" in it.
Without the prompt, the search is for phrases of forms, instructions and chats that no ordinary text has. With
the pack of a run it covers the pack's headers, sentences and examples, and with the card of a text the card's
long values. Only public data are read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rpsg.domains.prompts import FIELD, OPTIONAL, first_words
from rpsg.textstats.words import runs_of, words

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rpsg.domains import Pack

#: Consecutive words that a text shares with a prompt, or with an example, by more than coincidence.
RUN, LONG_RUN = 5, 8
#: Values of a card with at least this many words are phrases of the prompt and not topics.
LONG_VALUE = 4
_SENTENCE = r"(?:^|[\n.!?][\"')\]]*)[ \t>*#_-]*"
_KINDS = (
    r"(?:reviews?|posts?|notes?|messages?|tickets?|abstracts?|texts?|letters?|dialogues?|answers?|examples?)"
)
GENERIC = {
    "header": re.compile(
        _SENTENCE + r"(?:topic|length|words?|word count|sentiment|tone|opinion|category|review|prompt|"
        r"instructions?|examples?|output|response|text)[*_]{0,2}[ \t]*:",
        re.IGNORECASE | re.MULTILINE,
    ),
    "instruction": re.compile(
        r"\b(?:beginning|begins|starting|starts) with[ \t]*:|\b(?:[5-9]|[1-9]\d{1,3}) words\b(?=[,.:;)\n]|$)|"
        + _SENTENCE
        + rf"(?:re)?write (?:an?|another|one|the|this|your) (?:[\w-]+ ){{0,3}}{_KINDS}\b|"
        rf"\banswer with the {_KINDS} only\b",
        re.IGNORECASE | re.MULTILINE,
    ),
    "chat": re.compile(
        r"\bas an ai\b|\blanguage model\b|\bi(?:['\u2019]d| would) be (?:happy|glad) to (?:help|assist) you\b"
        rf"|\bwould you like me to\b|\A\W*(?:sure|certainly|of course)?\W*here(?:['\u2019]s| is) "
        rf"(?:an?|the|your|another) (?:[\w-]+ ){{0,3}}{_KINDS}\b",
        re.IGNORECASE,
    ),
    "token": re.compile(
        r"<\|[^|<>\s]{1,40}\|>|\[/?INST\]|<(?:start|end)_of_turn>|</?think(?:ing)?>|</s>\s*\Z|\A\s*<s>"
        r"|<(?:bos|eos|pad|unk)>|^#{2,6} ?(?:instruction|response|input|assistant|user)\b",
        re.IGNORECASE | re.MULTILINE,
    ),
}
#: Every text that the pattern matches contains one of these in lower case: a fast test before the pattern.
_HINTS = {
    "header": (":",),
    "instruction": ("ning with", "ns with", "ting with", "ts with", " words", "write ", "answer with"),
    "chat": ("as an ai", "language model", "d be happy", "d be glad", "would you like", "here"),
    "token": ("<", "[", "##"),
}
#: Placeholders for names, addresses and the like; they are no echoes, and are counted separately.
PLACEHOLDER = re.compile(
    r"\[[A-Z][A-Z _]{2,30}\]|\[(?i:your|insert|enter) [^\]\n]{1,40}\]|\{\{?[a-z_]{2,30}\}\}?"
)
#: A field of a header: a capital, of any alphabet, and more letters.
_HEADER = re.compile(r"^[ \t]*([^\W\d_a-z\u00df-\u00f6\u00f8-\u00ff](?:[^\W\d_]| ){1,23}):", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Form:
    """What all prompts of a pack have in common: headers, runs of words, and runs of the examples.

    ``said`` has the prompt's words for the values of each attribute. ``begins`` is the template of a text's
    beginning, and ``begun`` has the attributes in it.
    """

    headers: re.Pattern[str] | None
    runs: frozenset[tuple[str, ...]]
    examples: frozenset[tuple[str, ...]]
    said: Mapping[str, Mapping[str, str]]
    begun: frozenset[str] = frozenset()
    begins: str = ""

    def written_by_the_model(self, text: str, card: Mapping[str, str]) -> str:
        """The text without the first words that the prompt asked for, because they are the prompt's own."""
        said = (
            (name, self.said[name].get(value, value)) for name, value in card.items() if name in self.said
        )
        return text.removeprefix(first_words(self.begins, dict(said)))

    def phrases(self, card: Mapping[str, str]) -> list[tuple[str, ...]]:
        """The long values of a card, as its prompt words them, without those that begin the text."""
        spoken = (
            tuple(words(self.said[name].get(value, value)))
            for name, value in card.items()
            if name in self.said and name not in self.begun
        )
        return [phrase for phrase in spoken if len(phrase) >= LONG_VALUE]


def form_of(pack: Pack) -> Form:
    """The common parts of the prompts of a pack."""
    templates = [OPTIONAL.sub(r"\1", prompt) for prompt in pack.prompts.values()]
    headers = {name.strip() for template in templates for name in _HEADER.findall(template)}
    pieces = (words(piece) for template in templates for piece in FIELD.sub("\n\n", template).split("\n\n"))
    begun = set(FIELD.findall(pack.begins))
    # The value of an opening may itself name an attribute: "I love this {topic}".
    values = [value for a in pack.attributes if a.name in begun for value in a.values]
    begun |= {name for value in values for name in FIELD.findall(value)}
    return Form(
        re.compile(_SENTENCE + rf"(?:{'|'.join(map(re.escape, sorted(headers)))})[ \t]*:", re.MULTILINE)
        if headers
        else None,
        frozenset(run for piece in pieces for run in runs_of(piece, RUN)),
        frozenset(run for example in pack.examples for run in runs_of(words(example.text), LONG_RUN)),
        {a.name: dict(a.say) for a in pack.attributes if a.kind not in {"label", "column"}},
        frozenset(begun),
        pack.begins,
    )


def echoes(text: str, form: Form | None = None, card: Mapping[str, str] | None = None) -> frozenset[str]:
    """The kinds of prompt echoes in a text; empty for a proper text.

    Kinds: header, instruction, chat, token; with ``form`` also prompt and example, with ``card`` also card.
    """
    low = text.lower()
    found = {
        kind
        for kind, pattern in GENERIC.items()
        if any(hint in low for hint in _HINTS[kind]) and pattern.search(text)
    }
    if form is None:
        return frozenset(found)
    if form.headers is not None and ":" in text and form.headers.search(text):
        found.add("header")
    own = words(text)
    if not form.runs.isdisjoint(runs_of(own, RUN)):
        found.add("prompt")
    unprompted = own if (rest := form.written_by_the_model(text, card or {})) == text else words(rest)
    if not form.examples.isdisjoint(runs_of(unprompted, LONG_RUN)):
        found.add("example")
    if any(phrase in runs_of(own, len(phrase)) for phrase in form.phrases(card or {})):
        found.add("card")
    return frozenset(found)


def all_echoes(
    texts: Iterable[str], form: Form | None = None, cards: Sequence[Mapping[str, str]] | None = None
) -> list[frozenset[str]]:
    """``echoes`` of each text; ``cards`` are those of the texts, in the same order."""
    if cards is None:
        return [echoes(text, form) for text in texts]
    return [echoes(text, form, card) for text, card in zip(texts, cards, strict=True)]


def has_placeholder(text: str) -> bool:
    """Whether something such as [LINK], [Your Name] or {topic} was left in a text."""
    return PLACEHOLDER.search(text) is not None
