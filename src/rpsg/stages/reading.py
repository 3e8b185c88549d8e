"""One way to read a text: as a model and a person see it, whatever characters it is written with.

Source and summary are compared in this form. A soft hyphen in a name, a letter of full width, an accent as
a character of its own or stars around a word change what a machine reads and nothing that anybody sees.
"""

from __future__ import annotations

import html
import re
import unicodedata

from rpsg.stages.sanitize import plain

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
