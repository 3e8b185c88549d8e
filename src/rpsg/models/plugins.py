"""Models of other packages, held to their protocols.

If a model fails, or returns what its protocol does not allow, the run ends with a message that names the
model and its package. The model's own error is never chained to ours, because its text may quote private
text.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

import numpy as np

from rpsg.errors import RpsgError
from rpsg.privacy.private import place_of
from rpsg.protocols import Endpoint, Reply, Span

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rpsg.errors import PlugInError
    from rpsg.protocols import OnReply, Request

    Fault = Callable[[str], PlugInError]


def guarded(kind: str, build: Callable[[], Any], fault: Fault) -> Any:
    """The model that ``build`` gives, with every use of it checked.

    Args:
        kind: the group of its entry point without "rpsg.", e.g. "writers"; for a kind without a protocol,
            only failures are reported.
        build: makes the model.
        fault: makes the error to raise. Its argument is the end of a sentence that begins with the model's
            name.

    Raises:
        PlugInError: here or later, as ``fault`` makes it.
    """
    model = _attempt(build, "cannot be built", fault)
    if kind in ASKED:
        _check_face(kind, model, fault)

    def public(name: str) -> property:
        return property(lambda _: _member(kind, model, name, fault))

    names = [name for name in dir(model) if not name.startswith("_")]
    # A new class with the public names of the model, so that the guarded model fits the same protocols.
    return type(type(model).__name__, (), {"__slots__": (), **{name: public(name) for name in names}})()


def _attempt(use: Callable[[], Any], verb: str, fault: Fault, ours: Sequence[Exception] = ()) -> Any:
    """The result of ``use``. A failure is raised as ``fault`` makes it, unless it is one of ``ours``."""
    try:
        return use()
    except (RpsgError, KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as error:
        if any(error is one for one in ours):
            raise
        where = place_of(error)
    # Raised outside the except block so that the first error, its message and its frames are not chained to
    # this one.
    raise fault(f"{verb} ({where})")


def _check_face(kind: str, model: Any, fault: Fault) -> None:
    """Check what can be checked about a model before it is used."""
    name, endpoint = (getattr(model, given, None) for given in ("name", "endpoint"))
    if not (isinstance(name, str) and name):
        raise fault("has no name")
    if endpoint not in get_args(Endpoint):
        raise fault(f"has no endpoint that is one of {', '.join(get_args(Endpoint))}")
    if not callable(getattr(model, ASKED[kind][0], None)):
        raise fault(f"has no function {ASKED[kind][0]}")


def _member(kind: str, model: Any, name: str, fault: Fault) -> Any:
    """An attribute of the model; a function is wrapped so that its result is checked."""
    found = getattr(model, name)
    if not callable(found):
        return found
    asked, fits = ASKED.get(kind, ("", _fits_anything))
    if name == "write" == asked:
        return partial(_write, found, fault)

    def call(*given: Any) -> Any:
        result = _attempt(lambda: found(*given), f"failed in {name}", fault)
        if name == asked and not fits(model, result, given[0]):
            raise fault(f"gives something in {name} that its protocol does not allow")
        return result

    return call


def _write(
    write: Callable[..., Any],
    fault: Fault,
    requests: Sequence[Request],
    on_reply: OnReply | None = None,
) -> list[Reply]:
    """The replies of a writer. An error raised by ``on_reply`` is not a failure of the writer."""
    ours: list[Exception] = []

    def listen(index: int, reply: Reply) -> None:
        if not (type(index) is int and 0 <= index < len(requests) and _is_reply(reply)):
            raise fault("calls on_reply with something other than a request's number and its Reply")
        try:
            if on_reply is not None:
                on_reply(index, reply)
        except Exception as error:
            ours.append(error)
            raise

    replies = _attempt(lambda: write(requests, listen), "failed in write", fault, ours)
    if not (_one_each(replies, requests) and all(map(_is_reply, replies))):
        raise fault("does not give a Reply for each request in write")
    return list(replies)


def _one_each(result: Any, given: Sequence[Any]) -> bool:
    return isinstance(result, list | tuple) and len(result) == len(given)


def _is_reply(reply: Any) -> bool:
    return (
        isinstance(reply, Reply)
        and isinstance(reply.text, str)
        and reply.finish in get_args(get_type_hints(Reply)["finish"])
        and all(type(n) is int and n >= 0 for n in (reply.prompt_tokens, reply.completion_tokens))
    )


def _fits_anything(*_: Any) -> bool:
    return True


def _fits_embedder(model: Any, rows: Any, texts: Sequence[str]) -> bool:
    return (
        isinstance(rows, np.ndarray)
        and rows.shape == (len(texts), model.dim)
        and np.issubdtype(rows.dtype, np.floating)
        and bool(np.isfinite(rows).all())
    )


def _fits_classifier(model: Any, values: Any, texts: Sequence[str]) -> bool:
    return _one_each(values, texts) and all(value in model.values for value in values)


def _fits_scorer(_: Any, scores: Any, texts: Sequence[str]) -> bool:
    return _one_each(scores, texts) and all(
        isinstance(one, list | tuple) and all(isinstance(score, float | np.floating) for score in one)
        for one in scores
    )


def _fits_recognizer(_: Any, found: Any, texts: Sequence[str]) -> bool:
    return _one_each(found, texts) and all(
        isinstance(spans, list | tuple) and all(_is_span(span, text) for span in spans)
        for spans, text in zip(found, texts, strict=True)
    )


def _is_span(span: Any, text: str) -> bool:
    return isinstance(span, Span) and 0 <= span.start < span.end <= len(text)


#: For each kind of model: the function that is called, and the check of its result.
ASKED: Mapping[str, tuple[str, Callable[..., bool]]] = {
    "writers": ("write", _fits_anything),
    "embedders": ("embed", _fits_embedder),
    "classifiers": ("classify", _fits_classifier),
    "scorers": ("score", _fits_scorer),
    "recognizers": ("find", _fits_recognizer),
}
