"""The boundary is a type: ``Private[T]`` holds what must not leave, and gives it to no one by accident.

It has no text form, no length, no truth value and no order; it cannot be iterated, copied, pickled or
put in JSON. ``map`` computes inside the box. Only the modules on the allow-list of
``tests/privacy/test_private.py`` may use ``open_private``: the mechanisms, which add noise first.
"""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING, Generic, Never, TypeVar, final

from rpsg.errors import PrivacyError, RpsgError

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
U = TypeVar("U")
V = TypeVar("V")


@final
class Private(Generic[T_co]):
    """A value that only a mechanism may read. Two boxes are equal only when they are the same box."""

    __slots__ = ("_private_content",)

    def __init__(self, content: T_co) -> None:
        object.__setattr__(self, "_private_content", content)

    def map(self, function: Callable[[T_co], U]) -> Private[U]:
        """``function`` of the content, in a new box.

        For a claim to hold ``function`` must act on each record alone (be 1-stable: one unit fewer going in
        changes at most that unit's part coming out), use public parameters only, and keep nothing.

        Raises:
            PrivacyError: ``function`` failed. Where is said, what about is not: the message of the first
                error could hold private text, so that error is dropped altogether.
        """
        return Private(withheld(function, open_private(self)))

    def zip(self, other: Private[U], function: Callable[[T_co, U], V]) -> Private[V]:
        """``function`` of both contents, in a new box. The rule for ``map`` holds here too."""
        return Private(withheld(function, open_private(self), open_private(other)))

    def __repr__(self) -> str:
        return "<Private>"

    def __setattr__(self, name: str, value: object) -> Never:
        raise PrivacyError("A private value cannot be changed in place.")

    def __delattr__(self, name: str) -> Never:
        raise PrivacyError("A private value cannot be changed in place.")

    def __bool__(self) -> Never:
        raise PrivacyError("A private value cannot decide a branch.")

    def __reduce_ex__(self, protocol: object) -> Never:
        raise PrivacyError("A private value cannot be pickled or copied.")

    def __copy__(self) -> Never:
        raise PrivacyError("A private value cannot be pickled or copied.")

    def __deepcopy__(self, memo: object) -> Never:
        raise PrivacyError("A private value cannot be pickled or copied.")

    __iter__ = None  # also keeps "in", list() and unpacking out
    __contains__ = None


def open_private(box: Private[T]) -> T:
    """The content of the box. Only for modules on the allow-list; an AST test watches it."""
    content: T = box._private_content  # type: ignore[attr-defined]  # noqa: SLF001  # this is the door
    return content


def withheld(function: Callable[..., U], *contents: object) -> U:
    """``function`` of the contents. An error in it may quote private text, so only its place is reported.

    Raises:
        PrivacyError: ``function`` failed with an error that is not one of ours.
    """
    where = ""
    try:
        return function(*contents)
    except (RpsgError, KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as error:  # noqa: BLE001  # whatever it says may be private text; a panic of a library in Rust is no Exception
        where = _place(error)
    # Raised out here so that the first error, its message and its frames are not chained to this one.
    raise PrivacyError(f"A step on private data failed ({where}); its message is withheld.")


def _place(error: BaseException) -> str:
    """Error type, file and line, and nothing of its message."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return type(error).__name__
    file = PurePath(trace.tb_frame.f_code.co_filename).name
    return f"{type(error).__name__} in {file}, line {trace.tb_lineno}"
