"""A request as one document that a base model continues: header, text, blank line, header, text, ...

A model that was not trained on chats does not follow instructions; it continues its input. So the examples of
a request are laid out as in a file, and the wanted text is the next one. The system message is left out,
because the examples show what it asks for.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from rpsg.protocols import Request

#: The form of the prompts: the chat template, documents, or whichever suits the weights.
Form = Literal["auto", "chat", "text"]
#: Appended to a model's name if its weights have a chat template that is not used for documents.
MARK = "+text"

_BREAK = "\n\n"
_BLANK_LINES = re.compile(r"[ \t]*\n\s*")
# A line of a header begins with a field, such as "Topic:". If more than 30 characters come before the colon,
# the line is a sentence.
_FIELD = re.compile(r"^[^\n:]{1,30}:", re.MULTILINE)


def is_document(request: Request) -> bool:
    """Whether the request has examples, or ends with the header of a text."""
    shows = any(message.role == "assistant" for message in request.messages)
    return shows or request.messages[-1].content.rstrip().endswith(":")


def document_of(request: Request) -> Request:
    """The request with one message, the prompt, and with the stop sequences of this form.

    The prompt ends with the prefilled words of the text, or with the header: never with a space, which most
    tokenizers join to the next word. The shared prefix of two documents is whole tokens, because each
    document begins on a new line. A request that is no document (an instruction) keeps its system message
    and stop sequences.
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
    """Line beginnings that show that a text has ended: the fields of the next header.

    Fields in the examples' texts do not count: a dialogue may have "Patient:" both in the header and in its
    lines.
    """
    shown = "\n".join(m.content for m in request.messages if m.role == "assistant")
    lines = [f"\n{field}" for field in _FIELD.findall(request.messages[-1].content)]
    return [line for line in lines if line not in f"\n{shown}"]
