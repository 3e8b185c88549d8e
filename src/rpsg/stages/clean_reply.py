"""Turns a reply into a text, or into a reason why it is unusable. The rules are the same for every writer.

First reasoning, chat-template tokens and invisible characters are removed, then wrapping (a greeting, a
heading, quotes, a fence) and what follows the text. Then the remaining text as a whole is checked.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from rpsg.models.thoughts import without_thoughts
from rpsg.stages.sanitize import plain
from rpsg.textstats.words import pieces, runs_of, word_count

if TYPE_CHECKING:
    from collections.abc import Sequence

MIN_WORDS = 5
#: Terminal control sequences (ECMA-48): removed whole, because some of their characters are printable.
ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]{0,40}[ -/]{0,8}[@-~]|\x1b\][^\x07\x1b]{0,400}(?:\x07|\x1b\\)?|\x1b[@-Z\\^_=>]"
)
#: Chat-template tokens at the start and at the end of a turn.
TURN = re.compile(
    r"\A\s*(?:(?:<s>|<bos>|<\|begin_of_text\|>)\s*)?"
    r"(?:<\|(?:im_start|start|start_header_id)\|>|<start_of_turn>|\[/INST\])?\s*"
    r"(?:(?:assistant|model)\b\s*(?:<\|end_header_id\|>)?(?=\s*(?:\n|<\|)))?"
    r"(?:<\|channel\|>\s*\w{1,20})?(?:<\|message\|>)?"
)
OVER = re.compile(
    r"<\|(?:im_end|im_start|end|return|eot_id|endoftext|end_of_text|start|eom_id|user|assistant)\|>"
    r"|<(?:end_of_turn|start_of_turn|eos|pad)>|</s>|\[/?INST\]|<<SYS>>",
    re.IGNORECASE,
)
FENCE = re.compile(r"\A```[\w-]{0,20}[^\S\n]*\n?|\n?[^\S\n]{0,9}```\s*\Z")
HEADING = re.compile(r"\A(?:#{1,6}[^\S\n]+[^\n]{1,120}|\*\*[^\n*]{1,80}\*\*:?)\n\s*(?=\S)")
MARKED = re.compile(r"^#{1,6}[^\S\n]+|\*\*(?=\S)|(?<=\S)\*\*", re.MULTILINE)
LEAD_IN = re.compile(
    r"\A(?:sure|certainly|of course|here(?:['\u2019]s| is| are)|okay|ok"
    r"|hier (?:ist|sind|kommt)|gerne(?=[,!])|voici|bien s\u00fbr(?=[ ,!])"
    r"|aqu\u00ed (?:tienes|est\u00e1)|claro(?=[,!]))"
    r"\b[^\n]{0,120}?:\s+",
    re.IGNORECASE,
)
_TASKS = r"(?:review|post|note|message|ticket|abstract|text|story|article|email|letter)"
NOT_A_TEXT = re.compile(
    r"\bas an? (?:responsible |helpful )?(?:ai|artificial intelligence|(?:large |ai )?language model)\b"
    r"(?=,|\.| language| model| i\b| assistant)"
    r"|\bi(?:['\u2019]m| am) (?:just |only |merely )?an? "
    r"(?:ai|(?:large |ai )?language model|virtual assistant)\b"
    r"(?! \w*(?:engineer|researcher|student|scientist|developer))"
    r"|\bi(?:['\u2019]d| would) be (?:happy|glad) to (?:help|assist)\b|\bwould you like me to\b"
    r"|(?:\A|[.!?:\n])[^\S\n]{0,3}(?:please )?(?:re)?write (?:a|an|the|this|another|one|your) "
    rf"(?:[\w-]+ ){{0,3}}{_TASKS}\b",
    re.IGNORECASE,
)
#: The words of a refusal. Only regret may come before them, and what is refused must be the task:
#: "I'm sorry, but the soup was cold" and "I can't help but love it" are texts.
_DECLINES = (
    r"i(?: can(?:['\u2019]?t|not| not)| won['\u2019]t| will not|(?: am|['\u2019]m) (?:unable|not able) to"
    r"| (?:must|have to|need to|will have to) (?:respectfully |politely )?decline"
    r"| (?:do not|don['\u2019]t) feel comfortable)"
)
REFUSAL = re.compile(
    r"\A\W*(?:[^.!?\n]{0,60}\b(?:sorry|apologi[sz]e|unfortunately|afraid|understand)\b[^\n]{0,20}?)?\b"
    rf"{_DECLINES}\b[^.!?\n]{{0,30}}?"
    r"(?:\b(?:help|assist)(?:ing)?(?: you)?(?: (?:with|in|on)\b|[.,!]|\Z)"
    r"|\b(?:comply|fulfil|fulfill|engage)\b(?: \w+){0,3} ?(?:with|in|\b(?:that|this|your|the|such))\b"
    r"|\b(?:provid|writ|creat|generat|produc|continu|answer|discuss|do|help)(?:e|ing)?\b[^.!?\n]{0,40}?"
    r"\b(?:request|content|conversation|prompt|task|instruction|material|question"
    rf"|(?:that|this|such|(?:such )?an?) (?:\w+ )?{_TASKS}"
    r"(?= ?(?:[.,;!]|\Z|as |because |for |about |on )))s?\b"
    r"|\b(?:writ|provid|creat|generat|answer|discuss)(?:e|ing)? (?:that|this)(?=[.!]|\Z)"
    r"|\bdo (?:that|this)\W*\Z"
    r"|(?<=decline)(?:\W*\Z| (?:this|that|your|the) (?:request|task|prompt)\b))"
    r"|\A\W*(?:sorry\W{1,3})?(?:that|this)(?: is|['\u2019]s) (?:not )?something"
    r" i (?:can|cannot|can['\u2019]t) (?:help|assist)(?: you)? with\W*\Z"
    r"|\A[^.!?\n]{0,80}\b(?:against|violates?) my (?:content |usage )?"
    r"(?:guidelines|programming|policy|policies)\b",
    re.IGNORECASE,
)
#: The words of a refusal in other languages: with packs in these languages writers decline in them.
_REGRETS = (
    r"\A\W*(?:[^.!?\n]{0,30}\b(?:tut mir (?:wirklich )?leid|entschuldigung|leider"
    r"|mi dispiace|desculpe|het spijt me|sorry"
    r"|d\u00e9sol\u00e9e?|malheureusement|lo siento|lamentablemente)\b[^.!?\n]{0,20}?)?"
)
_DECLINES_ELSEWHERE = (
    r"\b(?:ich kann|kann ich) (?:[^.!?\n]{0,30}\b(?:ihnen|dir|dabei|damit|dieser)\b[^.!?\n]{0,30}"
    r"\bnicht helfen\b|(?:diese[nrs]?|solche[nrs]?|das)\b[^.!?\n]{0,40}"
    r"\bnicht (?:schreiben|erstellen|verfassen|erf\u00fcllen)\b)"
    r"|\bje ne (?:peux|puis) pas (?:(?:vous |t['\u2019])aider\b|(?:r\u00e9pondre|\u00e9crire|cr\u00e9er"
    r"|g\u00e9n\u00e9rer|r\u00e9diger) (?:\u00e0 )?(?:ce|cet|cette|de tel))"
    r"|\bno puedo (?:ayudar(?:te|le)?(?: con (?:eso|esto|esa|esta|ese)\b|\W*\Z)"
    r"|(?:escribir|crear|generar|redactar|responder a) (?:ese|esa|este|esta|eso|esto)\b)"
    r"|\bnon posso (?:aiutar(?:ti|la|vi)(?: con (?:questo|questa|quest[aeo])\b|\W*\Z)"
    r"|(?:scrivere|creare|generare) (?:questo|questa)\b)"
    r"|\bn\u00e3o posso (?:ajudar(?: voc\u00ea)?(?: com (?:isso|isto|esse|essa)\b|\W*\Z)"
    r"|(?:escrever|criar|gerar) (?:isso|esse|essa|este|esta)\b)"
    r"|\b(?:ik kan|kan ik) (?:je|jou|u) (?:hier|daar)?\s?(?:mee |bij )?niet (?:mee |bij )?helpen\b"
)
#: In Chinese and Japanese, which have no blanks between words.
_DECLINES_WITHOUT_BLANKS = (
    r"\A\W*[^\u3002\uff01\uff1f\n]{0,20}(?:\u62b1\u6b49|\u5bf9\u4e0d\u8d77|\u5c0d\u4e0d\u8d77)"
    r"[^\u3002\uff01\uff1f\n]{0,10}(?:\u65e0\u6cd5|\u4e0d\u80fd|\u7121\u6cd5)"
    r"(?:\u5e2e\u52a9|\u534f\u52a9|\u6ee1\u8db3|\u5b8c\u6210|\u5354\u52a9)(?:\u60a8|\u4f60|\u8be5|\u8fd9)"
    r"|\A[^\u3002\n]{0,30}(?:\u8981\u671b|\u4f9d\u983c|\u30ea\u30af\u30a8\u30b9\u30c8)\u306b\u306f?"
    r"(?:\u304a\u7b54\u3048|\u304a\u5fdc\u3048|\u5bfe\u5fdc)(?:\u3067\u304d\u307e\u305b\u3093|\u3044\u305f\u3057\u304b\u306d)"
)
REFUSAL_ELSEWHERE = re.compile(
    rf"{_REGRETS}(?:{_DECLINES_ELSEWHERE})|{_DECLINES_WITHOUT_BLANKS}", re.IGNORECASE
)
#: A reply that is a JSON object with one text: {"review": "..."}.
OBJECT = re.compile(r'\A\{\s*"[\w -]{1,40}"\s*:\s*("(?:[^"\\]|\\.)*")\s*\}\Z', re.DOTALL)
NUMBER = re.compile(r"\d[\d.,:/-]*")
SENTENCE_END = re.compile(r"[.!?][\"')\]]*(?=\s|$)|[\u3002\uff01\uff1f]")
QUOTES = {'"': '"', "'": "'", "\u201c": "\u201d", "\u201d": "\u201d", "\u00ab": "\u00bb", "\u201e": "\u201c"}


def tidy(reply: str, *, cut: bool, begins: str = "", ends: Sequence[str] = ()) -> tuple[str, str]:
    r"""The text in a reply and an empty string, or an empty text and the reason why it is dropped.

    Args:
        reply: what the writer gave.
        cut: whether it was stopped in the middle.
        begins: the prefilled words of the text; they are never taken for a greeting.
        ends: what may follow the text, such as the next header's "\nTopic:"; the text ends before it.
    """
    spoken = without_thoughts(ESCAPES.sub("", reply))
    if spoken is None:
        return "", "does not end to think"
    turn = TURN.match(spoken)  # tokens of a chat template, at the start of a turn
    text = _unwrapped(plain(OVER.split(spoken[turn.end() if turn else 0 :], maxsplit=1)[0]), begins)
    indices = [index for mark in ends if (index := text.find(mark)) > 0]
    if indices:
        text, cut = text[: min(indices)].rstrip(), False
    refused, cut_early = _no_text(text, begins), ""
    if cut:
        last = max((match.end() for match in SENTENCE_END.finditer(text)), default=0)
        cut_early = "cut in the middle" if last < max(1, len(text) / 2) else ""
        text = text[:last]
    problem = refused or cut_early or _too_little(text)
    return ("", problem) if problem else (text, "")


def _no_text(reply: str, begins: str) -> str:
    """Why a whole reply is unusable; empty if it may be a text."""
    parts = [reply, reply[len(begins) :]] if begins and reply.startswith(begins) else [reply]
    if any(refuses(part) for part in parts):
        return "refused politely"
    announces = LEAD_IN.fullmatch(f"{reply}\n")  # and nothing follows
    return "talks about its task" if announces or NOT_A_TEXT.search(reply) else ""


def _too_little(text: str) -> str:
    """Why a text is too short; empty if it is long enough."""
    if word_count(text) < MIN_WORDS:
        return "too short" if text else "empty"
    return "repeats itself" if repeats_itself(text) else ""


def _unwrapped(text: str, begins: str) -> str:
    """The text without fence, heading, greeting and quotes around it."""
    text = FENCE.sub("", text).strip()
    if held := OBJECT.match(text):
        text = _held(held[1])
    if not (begins and text.startswith(begins)):
        text = LEAD_IN.sub("", HEADING.sub("", text)).strip()
        text = HEADING.sub("", FENCE.sub("", text)).strip()
    text = MARKED.sub("", text).strip()
    inner = text[1:-1]
    if len(text) > 1 and QUOTES.get(text[0]) == text[-1] and not {text[0], text[-1]} & set(inner):
        text = inner.strip()
    return text


def _held(literal: str) -> str:
    """The text of a JSON literal, without control characters; the literal itself if it is not valid."""
    try:
        return plain(str(json.loads(literal, strict=False)))
    except ValueError:
        return literal


def refuses(text: str) -> bool:
    """Whether a reply begins by declining what it was asked for."""
    return any(pattern.match(text[:400]) for pattern in (REFUSAL, REFUSAL_ELSEWHERE))


#: Six of 8,442 real texts (reviews, dialogues, abstracts) have a lower share of distinct 4-grams.
LEAST_DIFFERENT = 0.8


def repeats_itself(text: str) -> bool:
    """Whether too few of the text's 4-grams are distinct; fewer than one in a thousand of real texts are like
    that.
    """
    words = pieces(text.lower())
    grams = list(runs_of(words, 4))
    return len(grams) >= 8 and len(set(grams)) < LEAST_DIFFERENT * len(grams)


def says_a_sentence_twice(text: str) -> bool:
    """Whether a sentence of three words or more occurs twice, even with other numbers in it."""
    parts = (NUMBER.sub("0", part).strip() for part in SENTENCE_END.split(text))
    sentences = [part for part in parts if word_count(part) >= 3]
    return len(set(sentences)) < len(sentences)
