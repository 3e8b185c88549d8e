"""``Private[T]`` wraps a private value, so that it cannot be released by accident.

It has no text form, length, truth value or order, and cannot be iterated, copied, pickled or put in JSON.
``map`` computes inside the wrapper. Only modules on the allow-list of ``tests/privacy/test_private_type.py``
may use ``open_private``: mainly the mechanisms, which add noise.
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
    """A value that only a mechanism may read. Two wrappers are equal only if they are the same object."""

    __slots__ = ("_private_content",)

    def __init__(self, content: T_co) -> None:
        object.__setattr__(self, "_private_content", content)

    def map(self, function: Callable[[T_co], U]) -> Private[U]:
        """``function`` of the content, wrapped again.

        For a claim to hold, ``function`` must be 1-stable (act on each record alone, so that removing a unit
        changes only that unit's part of the result), use public parameters only, and keep nothing.

        Raises:
            PrivacyError: ``function`` failed. Only the location of the error is reported, because its message
                could quote private text.
        """
        return Private(withheld(function, open_private(self)))

    def zip(self, other: Private[U], function: Callable[[T_co, U], V]) -> Private[V]:
        """``function`` of both contents, wrapped again. It must satisfy the same rules as for ``map``."""
        return Private(withheld(function, open_private(self), open_private(other)))

    def __repr__(self) -> str:
        return "<Private>"

    def __setattr__(self, name: str, value: object) -> Never:
        raise PrivacyError("A private value cannot be changed in place.")

    def __delattr__(self, name: str) -> Never:
        raise PrivacyError("A private value cannot be changed in place.")

    def __bool__(self) -> Never:
        raise PrivacyError("A private value cannot be used as a condition (if, while, and, or, not).")

    def __reduce_ex__(self, protocol: object) -> Never:
        raise PrivacyError("A private value cannot be pickled or copied.")

    def __copy__(self) -> Never:
        raise PrivacyError("A private value cannot be pickled or copied.")

    def __deepcopy__(self, memo: object) -> Never:
        raise PrivacyError("A private value cannot be pickled or copied.")

    __iter__ = None  # also disables "in", list() and unpacking
    __contains__ = None


def open_private(box: Private[T]) -> T:
    """The private value. Only for modules on the allow-list, which a test enforces."""
    content: T = box._private_content  # type: ignore[attr-defined]  # noqa: SLF001  # the only access
    return content


def withheld(function: Callable[..., U], *contents: object) -> U:
    """``function`` of the contents. An error in it may quote private text, so only its location is reported.

    Raises:
        PrivacyError: ``function`` failed with an error that is no RpsgError.
    """
    where = ""
    try:
        return function(*contents)
    except (RpsgError, KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as error:  # noqa: BLE001  # whatever it says may be private text; a panic of a library in Rust is no Exception
        where = place_of(error)
    # Raised outside the except block so that the first error, its message and its frames are not chained to
    # this one.
    raise PrivacyError(
        f"A step on private data failed ({where}); its message is withheld, because it may quote private "
        "data."
    )


def place_of(error: BaseException) -> str:
    """The type of an error and where it was raised, such as "ValueError in words.py, line 12".

    Its message is left out, because it may quote private text.
    """
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return type(error).__name__
    file = PurePath(trace.tb_frame.f_code.co_filename).name
    return f"{type(error).__name__} in {file}, line {trace.tb_lineno}"
