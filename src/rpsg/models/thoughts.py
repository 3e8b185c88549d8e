"""Cuts the reasoning before an answer, by the tags of the families of reasoning models."""

from __future__ import annotations

import re

_THINKING = re.compile(
    r"(?P<begins><(?:think|thinking|thought|thoughts|reasoning|reflection|seed:think)>|\[THINK\]"
    r"|<\|channel\|>\s{0,9}(?:analysis|commentary)\b|<\|begin_of_thought\|>|\u25c1think\u25b7)"
    r"|</(?:think|thinking|thought|thoughts|reasoning|reflection|seed:think)>|\[/THINK\]"
    r"|<\|channel\|>\s{0,9}final\b|<\|end_of_thought\|>|\u25c1/think\u25b7",
    re.IGNORECASE,
)


def without_thoughts(text: str) -> str | None:
    """The text without its reasoning; None if a reasoning tag is never closed."""
    spoken, closed = split_thoughts(text)
    return spoken if closed else None


def split_thoughts(text: str) -> tuple[str, bool]:
    """The text without its reasoning, and whether every tag is closed.

    A chat template may open the first tag in the prompt, so text before a closing tag without an opening one
    is reasoning as well.
    """
    kept: list[str] = []
    last, thinking = 0, False
    for mark in _THINKING.finditer(text):
        if mark["begins"] is None:
            kept = kept if thinking else []
        elif not thinking:
            kept.append(text[last : mark.start()])
        last, thinking = mark.end(), mark["begins"] is not None
    return "".join(kept if thinking else [*kept, text[last:]]), not thinking
