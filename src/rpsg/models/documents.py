"""A request as one document that a base model goes on with: header, text, blank line, header, text, ...

A model that was never trained on chats does not follow instructions; it goes on with what it is given. So
the examples of a request stand there as they would in a file, and the text that is wanted is the next one.
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
# A header's first field, such as "Topic:": the next document begins with it. A sentence is no field.
_FIELD = re.compile(r"[^\n:]{1,30}:")


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
    header = ""
    for message in request.messages:
        content = _BLANK_LINES.sub("\n", message.content.strip())
        if message.role == "user":
            header = header or content
            parts.append(content)
        elif message.role == "assistant":
            parts.append(f" {content}{_BREAK}")
    parts.append(f" {request.begins}" if request.begins else "")
    stops = dict.fromkeys((*request.stop, _BREAK, *_next_header(header)))
    message = replace(first, role="user", content="".join(parts))
    return replace(request, messages=(message,), stop=tuple(stops))


def _next_header(header: str) -> tuple[str, ...]:
    field = _FIELD.match(header)
    return (f"\n{field.group()}",) if field else ()
