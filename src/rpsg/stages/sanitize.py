"""Containment of text that a stranger wrote: what a record may say to a model is only ever data.

A record can hold words that are meant for the model ("ignore what you were told ..."). One record goes into
one call, between delimiters that its writer cannot guess, without the characters and tokens by which a chat
is steered. What comes back is held to a form and a guard (``abstraction``, ``guard``): parse or drop.
"""

from __future__ import annotations

import hashlib
import hmac
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
