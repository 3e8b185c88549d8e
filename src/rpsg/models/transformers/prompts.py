"""A request becomes the tokens that a model goes on from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from rpsg.models.documents import document_of, is_document
from rpsg.protocols import Message

if TYPE_CHECKING:
    from rpsg.protocols import Request

# Prompts are padded to the next multiple, so that few different shapes occur.
_STEP = 64


@dataclass(frozen=True, slots=True)
class Prompt:
    """The tokens of one request. ``index`` is the request's place in the caller's list.

    ``width`` is the length that it is padded to: always more than its own, and decided by it alone.
    """

    index: int
    request: Request
    ids: list[int]

    @property
    def width(self) -> int:
        return (len(self.ids) // _STEP + 1) * _STEP


def has_template(tokenizer: Any) -> bool:
    """Whether the weights came with a chat template."""
    return bool(getattr(tokenizer, "chat_template", None))


def prompt_of(index: int, request: Request, tokenizer: Any, *, documents: bool = False) -> Prompt:
    """The request in the model's own chat template; in a model without one, a text to go on with.

    ``documents``: what is a document is a text to go on with even where there is a template. The answer's
    first words follow the template's mark of an answer, so the model goes on after them.
    """
    if has_template(tokenizer) and not (documents and is_document(request)):
        text = _rendered(request.messages, tokenizer) + request.begins
    else:
        document = document_of(request)
        request = replace(request, stop=document.stop)
        text = f"{tokenizer.bos_token or ''}{document.messages[0].content}"
    return Prompt(index, request, tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])


def _rendered(messages: tuple[Message, ...], tokenizer: Any) -> str:
    from jinja2 import TemplateError  # noqa: PLC0415 - comes with torch, which is optional

    try:
        return _apply(messages, tokenizer)
    except TemplateError:  # some templates know no system message
        return _apply(_without_system(messages), tokenizer)


def _apply(messages: tuple[Message, ...], tokenizer: Any) -> str:
    said = [{"role": message.role, "content": message.content} for message in messages]
    text: str = tokenizer.apply_chat_template(
        said, tokenize=False, add_generation_prompt=True, enable_thinking=False
    )
    return text


def _without_system(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """The same messages, with what the system said at the head of what the user says first."""
    if len(messages) < 2 or messages[0].role != "system":
        return messages
    first = Message(messages[1].role, f"{messages[0].content}\n\n{messages[1].content}")
    return (first, *messages[2:])
