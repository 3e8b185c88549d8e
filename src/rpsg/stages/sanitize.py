"""Makes private text safe to put into a prompt, and brings texts into one form for comparison.

A record can contain a prompt injection ("ignore your instructions ..."). Each call has one record, between
delimiters that its author cannot guess, without the characters and tokens that structure a chat. The reply
must have a fixed form and pass a guard (``abstraction``, ``leak_guard``), or it is dropped.

Source and summary are compared as a person reads them: a soft hyphen in a name, a full-width letter, a
combining accent or asterisks around a word make no difference.
"""

from __future__ import annotations

import hashlib
import hmac
import html
import re
import unicodedata

from rpsg.textstats.words import SPACELESS, composed

#: Tokens that separate turns in the chat templates of the known families of models.
TEMPLATE = re.compile(
    r"<\|[^<>|]{0,60}\|>|<\uff5c[^<>]{0,60}\uff5c>"
    r"|\[/?(?:INST|SYS|SYSTEM|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|THINK)\]|<</?SYS>>"
    r"|</?(?:s|bos|eos|pad|unk|think|tool_call|tool_response|start_of_turn|end_of_turn|start_header_id"
    r"|end_header_id|im_start|im_end)>"
    r"|^[^\S\n]*#{1,6}\s*(?:instruction|response|system|assistant|user|human|input|output)s?\s*:?",
    re.IGNORECASE | re.MULTILINE,
)
#: Nested marks are removed layer by layer, at most this often; then all characters of marks are removed.
#: Otherwise a record of a hundred thousand layers would take quadratic time.
LAYERS = 8
_MADE_OF = str.maketrans(dict.fromkeys("<>[]|#\uff5c", " "))
KEPT_CONTROLS = "\n\t"
_DOUBTFUL = re.compile(r"[^\n\t -~]")
#: Invisible letters and marks that Unicode does not class as format characters.
_UNSEEN = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0")
_LETTER = rf"[^\W_{SPACELESS}]"
WORD = re.compile(rf"(?=[^\W_])[{SPACELESS}]|{_LETTER}+(?:'{_LETTER}+)*")
#: Bounded, because ``int`` refuses very long digit strings.
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z]\w{1,31});")
_MARKS = "_*~`"
_BREAK = re.compile(r"</?(?:br|div|h[1-6]|hr|li|ol|p|table|td|tr|ul)\b[^<>]{0,200}>", re.IGNORECASE)
_TAG = re.compile(r"<[/!]?[a-z][^<>]{0,200}>|\]\([^()\s]{0,200}\)", re.IGNORECASE)
_SPACED = str.maketrans(dict.fromkeys(_MARKS, " "))
_GONE = str.maketrans(dict.fromkeys(_MARKS, ""))


def plain(text: str) -> str:
    """The text without control, bidirectional and invisible characters and without chat-template tokens.

    Control characters that are white space become a space, except ``KEPT_CONTROLS``. Tokens that appear
    when others are removed are removed too.
    """
    text = visible(text)
    for _ in range(LAYERS):
        before, text = text, TEMPLATE.sub(" ", text)
        if before == text:
            return text.strip()
    return text.translate(_MADE_OF).strip()


def visible(text: str) -> str:
    """The text without control, bidirectional and invisible characters, except ``KEPT_CONTROLS``."""
    if not _DOUBTFUL.search(text):
        return text
    return "".join(map(_readable, text.replace("\r\n", "\n")))


def as_shown(text: str) -> str:
    """The ``visible`` characters, with a letter and its accent as one: the same for texts that are written
    differently but look the same, whichever tool stored them.
    """
    return composed(visible(text))


def _readable(character: str) -> str:
    if character in KEPT_CONTROLS:
        return character
    if unicodedata.category(character)[0] == "C":
        return " " if character.isspace() else ""
    return "" if character in _UNSEEN else character


def delimiter(key: bytes, *names: object) -> str:
    """128 bits in hex for one call: the same in a resumed run, and unpredictable without ``key``."""
    message = "\0".join(["rpsg-delimiter/1", *map(str, names)]).encode()
    return hmac.digest(key, message, hashlib.sha256).hex()[:32]


def fenced(text: str, mark: str) -> str:
    """The plain text between two lines of ``mark``, with any ``mark`` inside removed."""
    return f"<<{mark}>>\n{plain(text).replace(mark, ' ')}\n<</{mark}>>"


def readings(text: str) -> list[str]:
    """The possible readings of a text, the most likely first, case preserved; a text without markup has only
    one.

    Hidden characters, accents and variant forms of letters are normalised. Markup is read as a space, as
    words (so that the content of a tag is compared too), and as nothing, as it is displayed. Takes linear
    time.
    """
    text = _compatible(text)
    shown = _TAG.sub("", _BREAK.sub(" ", text)).translate(_GONE)
    return list(dict.fromkeys([_TAG.sub(" ", text).translate(_SPACED), text.translate(_SPACED), shown]))


def words_of(text: str) -> list[str]:
    """The words of the most likely reading of a text, without case, accents and punctuation."""
    return words_in(readings(text)[0])


def words_in(reading: str) -> list[str]:
    """The words of one of the ``readings`` of a text, in lower case."""
    return WORD.findall(reading.casefold())


def _compatible(text: str) -> str:
    bare = _without_marks(plain(_ENTITY.sub(lambda entity: html.unescape(entity.group()), text)))
    # Combining marks are removed first, because normalisation sorts a long run of them in quadratic time.
    return plain(composed(_without_marks(unicodedata.normalize("NFKD", bare)))).replace("\u2019", "'")


def _without_marks(text: str) -> str:
    return text if text.isascii() else "".join(c for c in text if unicodedata.category(c)[0] != "M")
