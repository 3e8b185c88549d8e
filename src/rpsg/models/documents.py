"""A request as one document that a base model continues: header, text, blank line, header, text, ...

A model that was never trained on chats does not follow instructions; it continues what it is given. So the
examples of a request are set out as they would be in a file, and the text that is wanted is the next one.
The system message is left out, because the examples show what it asks for.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from rpsg.protocols import Request

#: How a writer is given requests: by its chat template, as documents, or as suits its weights.
Form = Literal["auto", "chat", "text"]
#: What a name ends with whose weights have a chat template that is not used for documents.
MARK = "+text"

_BREAK = "\n\n"
_BLANK_LINES = re.compile(r"[ \t]*\n\s*")
# A line of a header begins with its field, such as "Topic:". A sentence is no field.
_FIELD = re.compile(r"^[^\n:]{1,30}:", re.MULTILINE)


def is_document(request: Request) -> bool:
    """Whether the request shows examples, or ends with a header that a text follows."""
    shows = any(message.role == "assistant" for message in request.messages)
    return shows or request.messages[-1].content.rstrip().endswith(":")


def document_of(request: Request) -> Request:
    """The request with one message, the prompt, and with the stops that end a text in this form.

    The prompt ends with the words that the text begins with, or with the header: never with a blank, which
    most tokenizers join to the next word. What two documents share is whole tokens, since a new document
    begins on a new line. A request that is no document (an instruction) keeps its system message and stops.
    """
    first, *_ = request.messages
    if not is_document(request):
        prompt = _BREAK.join([*(message.content for message in request.messages), request.begins])
        return replace(request, messages=(replace(first, role="user", content=prompt),))
    parts: list[str] = []
    for message in request.messages:
        content = _BLANK_LINES.sub("\n", message.content.strip())
        if message.role == "user":
            parts.append(content)
        elif message.role == "assistant":
            parts.append(f" {content}{_BREAK}")
    parts.append(f" {request.begins}" if request.begins else "")
    stops = dict.fromkeys((*request.stop, _BREAK, *next_header(request)))
    message = replace(first, role="user", content="".join(parts))
    return replace(request, messages=(message,), stop=tuple(stops))


def next_header(request: Request) -> list[str]:
    """What begins a line of a header: the next one, or one within a text that continues in its form.

    A dialogue may have "Patient:" in its lines, and the header too: what the examples hold is no end.
    """
    shown = "\n".join(m.content for m in request.messages if m.role == "assistant")
    lines = [f"\n{field}" for field in _FIELD.findall(request.messages[-1].content)]
    return [line for line in lines if line not in f"\n{shown}"]
