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
    r"|\[/?(?:INST|SYS|SYSTEM|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS)\]|<</?SYS>>"
    r"|</?(?:s|bos|eos|pad|unk|think|tool_call|tool_response|start_of_turn|end_of_turn|start_header_id"
    r"|end_header_id|im_start|im_end)>"
    r"|^\s*#{1,6}\s*(?:instruction|response|system|assistant|user|human|input|output)s?\s*:?",
    re.IGNORECASE | re.MULTILINE,
)
KEPT_CONTROLS = "\n\t"


def plain(text: str) -> str:
    """The text without control, bidirectional and invisible characters and without chat-template marks.

    Marks that appear when others are taken out go too.
    """
    text = "".join(c for c in text if c in KEPT_CONTROLS or unicodedata.category(c)[0] != "C")
    before = ""
    while before != text:
        before, text = text, TEMPLATE.sub(" ", text)
    return text.strip()


def delimiter(key: bytes, *names: object) -> str:
    """128 bits in hex for one call: the same in a resumed run, and unknown to who does not have ``key``."""
    message = "\0".join(["rpsg-delimiter/1", *map(str, names)]).encode()
    return hmac.digest(key, message, hashlib.sha256).hex()[:32]


def fenced(text: str, mark: str) -> str:
    """The plain text between two lines of ``mark``, which does not stand in it."""
    return f"<<{mark}>>\n{plain(text).replace(mark, ' ')}\n<</{mark}>>"
