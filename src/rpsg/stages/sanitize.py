"""Private text made safe to put into a prompt, and the one form in which texts are compared.

A record can hold words that are meant for the model ("ignore what you were told ..."). One record goes into
one call, between delimiters that its writer cannot guess, without the characters and tokens that structure a
chat. What comes back is held to a form and a guard (``abstraction``, ``leak_guard``): parse or drop.

Source and summary are compared as a model and a person read them, whatever characters they are written with.
A soft hyphen in a name, a letter of full width, an accent as a character of its own or stars around a word
change what a machine reads and nothing that anybody sees.
"""

from __future__ import annotations

import hashlib
import hmac
import html
import re
import unicodedata

#: Marks by which chat templates tell one turn from the next, of all families of models there are.
TEMPLATE = re.compile(
    r"<\|[^<>|]{0,60}\|>|<\uff5c[^<>]{0,60}\uff5c>"
    r"|\[/?(?:INST|SYS|SYSTEM|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|THINK)\]|<</?SYS>>"
    r"|</?(?:s|bos|eos|pad|unk|think|tool_call|tool_response|start_of_turn|end_of_turn|start_header_id"
    r"|end_header_id|im_start|im_end)>"
    r"|^[^\S\n]*#{1,6}\s*(?:instruction|response|system|assistant|user|human|input|output)s?\s*:?",
    re.IGNORECASE | re.MULTILINE,
)
#: Marks within marks are taken out layer by layer, so often at the most; then what marks are made of goes.
#: A record of a hundred thousand layers would otherwise cost the square of its length.
LAYERS = 8
_MADE_OF = str.maketrans(dict.fromkeys("<>[]|#\uff5c", " "))
KEPT_CONTROLS = "\n\t"
_DOUBTFUL = re.compile(r"[^\n\t -~]")
#: Letters and marks that nobody sees, although Unicode does not count them among the format characters.
_UNSEEN = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0")
#: Scripts that put no space between words: each character of theirs counts as a word.
_SPACELESS = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\U00020000-\U0003ffff"
)
_LETTER = rf"[^\W_{_SPACELESS}]"
WORD = re.compile(rf"(?=[^\W_])[{_SPACELESS}]|{_LETTER}+(?:'{_LETTER}+)*")
#: Bounded, because a long row of digits is no character and ``int`` refuses it.
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z]\w{1,31});")
_MARKS = "_*~`"
_BREAK = re.compile(r"</?(?:br|div|h[1-6]|hr|li|ol|p|table|td|tr|ul)\b[^<>]{0,200}>", re.IGNORECASE)
_TAG = re.compile(r"<[/!]?[a-z][^<>]{0,200}>|\]\([^()\s]{0,200}\)", re.IGNORECASE)
_SPACED = str.maketrans(dict.fromkeys(_MARKS, " "))
_GONE = str.maketrans(dict.fromkeys(_MARKS, ""))


def plain(text: str) -> str:
    """The text without control, bidirectional and invisible characters and without chat-template marks.

    Controls that part lines or columns become a space; marks that appear when others are taken out go too.
    """
    if _DOUBTFUL.search(text):
        text = "".join(map(_readable, text.replace("\r\n", "\n")))
    for _ in range(LAYERS):
        before, text = text, TEMPLATE.sub(" ", text)
        if before == text:
            return text.strip()
    return text.translate(_MADE_OF).strip()


def _readable(character: str) -> str:
    if character in KEPT_CONTROLS:
        return character
    if unicodedata.category(character)[0] == "C":
        return " " if character.isspace() else ""
    return "" if character in _UNSEEN else character


def delimiter(key: bytes, *names: object) -> str:
    """128 bits in hex for one call: the same in a resumed run, and unknown to who does not have ``key``."""
    message = "\0".join(["rpsg-delimiter/1", *map(str, names)]).encode()
    return hmac.digest(key, message, hashlib.sha256).hex()[:32]


def fenced(text: str, mark: str) -> str:
    """The plain text between two lines of ``mark``, which does not stand in it."""
    return f"<<{mark}>>\n{plain(text).replace(mark, ' ')}\n<</{mark}>>"


def readings(text: str) -> list[str]:
    """The ways to read a text, in its own case and the likeliest first: one, unless there is markup in it.

    Hidden characters, accents and forms of letters that only look different are gone. Markup is read as a
    space, as words of its own (or what a tag holds would escape every comparison), and as nothing at all,
    as it is shown. The time is linear in the length of the text.
    """
    text = _compatible(text)
    shown = _TAG.sub("", _BREAK.sub(" ", text)).translate(_GONE)
    return list(dict.fromkeys([_TAG.sub(" ", text).translate(_SPACED), text.translate(_SPACED), shown]))


def words_of(text: str) -> list[str]:
    """The words of a text as it is most likely read: without case, accents and punctuation."""
    return words_in(readings(text)[0])


def words_in(reading: str) -> list[str]:
    """The words of one of the ``readings`` of a text, without case."""
    return WORD.findall(reading.casefold())


def _compatible(text: str) -> str:
    bare = _without_marks(plain(_ENTITY.sub(_character, text)))
    # Marks go first: to put a long row of them in order takes the square of its length.
    composed = unicodedata.normalize("NFC", _without_marks(unicodedata.normalize("NFKD", bare)))
    return plain(composed).replace("\u2019", "'")


def _without_marks(text: str) -> str:
    return text if text.isascii() else "".join(c for c in text if unicodedata.category(c)[0] != "M")


def _character(entity: re.Match[str]) -> str:
    return html.unescape(entity.group())
