"""Turns requests into tokens, and groups those that are written together.

Requests that show the same examples share a batch, and these examples are computed once for all of them. What
is shared depends on the request alone: it is all messages but the last. The rest is padded on the left to a
width that depends on its length only, and only texts of one width share a batch.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from rpsg.models.documents import document_of, is_document
from rpsg.protocols import Message

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rpsg.protocols import Request

# What is not shared of a prompt is padded to the next multiple, so that there are few different shapes.
_STEP = 32
# With fewer tokens in common it is faster to compute the whole prompt in one step.
WORTH_SHARING = 64


@dataclass(frozen=True, slots=True)
class Prompt:
    """The tokens of one request. ``index`` is the request's index in the caller's list.

    ``shared`` is how many of the tokens are those of the examples. ``width`` is the padded length of the rest
    but for the last token. It is always more than the rest's own length, because a batch without any padding
    is computed in another way, which rounds differently.
    """

    index: int
    request: Request
    ids: list[int]
    shared: int = 0

    @property
    def width(self) -> int:
        return ((len(self.ids) - 1 - self.shared) // _STEP + 1) * _STEP

    @property
    def beginning(self) -> tuple[int, ...]:
        """The tokens that are computed once for all prompts that begin with them."""
        return tuple(self.ids[: self.shared])


def has_template(tokenizer: Any) -> bool:
    """Whether the weights have a chat template."""
    return bool(getattr(tokenizer, "chat_template", None))


def prompt_of(index: int, request: Request, tokenizer: Any, *, documents: bool = False) -> Prompt:
    """The request in the model's chat template; for a model without one, text to continue.

    ``documents``: a request that is a document is text to continue even if there is a template. The prefilled
    words of the answer follow the template's start of an answer, so that the model continues after them.
    """
    chat = has_template(tokenizer) and not (documents and is_document(request))
    ids = _tokens(request, tokenizer, chat=chat)
    shared = _shared(request, ids, tokenizer, chat=chat)
    request = request if chat else replace(request, stop=document_of(request).stop)
    return Prompt(index, request, ids, shared if shared >= WORTH_SHARING else 0)


def _shared(request: Request, ids: Sequence[int], tokenizer: Any, *, chat: bool) -> int:
    """How many tokens the prompt has in common with one whose last message is empty."""
    *examples, last = request.messages
    if not any(message.role == "assistant" for message in examples):
        return 0
    without_last = replace(request, messages=(*examples, replace(last, content="")), begins="")
    try:
        others = _tokens(without_last, tokenizer, chat=chat)
    except ValueError:  # some templates refuse an empty message
        return 0
    return _in_common(ids[:-1], others)


def _tokens(request: Request, tokenizer: Any, *, chat: bool) -> list[int]:
    if chat:
        text = _rendered(request.messages, tokenizer) + request.begins
    else:
        text = f"{tokenizer.bos_token or ''}{document_of(request).messages[0].content}"
    ids: list[int] = tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
    return ids


def _in_common(ids: Sequence[int], others: Sequence[int]) -> int:
    """The number of tokens at the beginning that are the same."""
    pairs = enumerate(zip(ids, others, strict=False))
    return next((k for k, (a, b) in pairs if a != b), min(len(ids), len(others)))


def _rendered(messages: tuple[Message, ...], tokenizer: Any) -> str:
    """Raises ValueError if the template refuses the messages."""
    from jinja2 import TemplateError

    try:
        return _apply(messages, tokenizer)
    except TemplateError:  # some templates refuse system messages
        pass
    try:
        return _apply(_without_system(messages), tokenizer)
    except TemplateError as error:
        raise ValueError(str(error)) from error


def _apply(messages: tuple[Message, ...], tokenizer: Any) -> str:
    said = [{"role": message.role, "content": message.content} for message in messages]
    text: str = tokenizer.apply_chat_template(
        said, tokenize=False, add_generation_prompt=True, enable_thinking=False
    )
    return text


def _without_system(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """The same messages, with the system message at the head of the first user message."""
    if len(messages) < 2 or messages[0].role != "system":
        return messages
    first = Message(messages[1].role, f"{messages[0].content}\n\n{messages[1].content}")
    return (first, *messages[2:])


def tiles_of(prompts: Sequence[Prompt], rows: int) -> list[list[Prompt]]:
    """The prompts in groups of at most ``rows``, of one beginning and one width, the longest possible texts
    first.
    """
    ordered = sorted(prompts, key=lambda p: (-p.shared, p.beginning, -p.width, -p.request.max_tokens))
    tiles: list[list[Prompt]] = []
    for prompt in ordered:
        last = tiles[-1] if tiles else []
        alike = bool(last) and (last[0].width, last[0].beginning) == (prompt.width, prompt.beginning)
        if alike and len(last) < rows:
            last.append(prompt)
        else:
            tiles.append([prompt])
    return tiles
