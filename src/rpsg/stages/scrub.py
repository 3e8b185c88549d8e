"""Step 9, scrub: things that look like a person's identifiers are replaced in the synthetic text.

A model can invent a telephone number that is somebody's. The patterns read only the synthetic text.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rpsg.records import Pool

PATTERNS = (
    ("[EMAIL]", re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")),
    ("[LINK]", re.compile(r"\b(?:https?://|www\.)\S+", re.IGNORECASE)),
    ("[NUMBER]", re.compile(r"(?<![\w.])\+?\d(?:[\s().-]{0,2}\d){6,}(?!\w)")),
    ("[ACCOUNT]", re.compile(r"(?<![\w/])[@~][A-Za-z]\w{2,}")),
)


def scrub_text(text: str) -> str:
    """The text with e-mail addresses, links, numbers of seven or more digits and account names replaced."""
    for tag, pattern in PATTERNS:
        text = pattern.sub(tag, text)
    return text


def scrub(pool: Pool) -> Pool:
    """The pool with every living text scrubbed."""
    return type(pool)(tuple(c if c.dropped else replace(c, text=scrub_text(c.text)) for c in pool.candidates))
