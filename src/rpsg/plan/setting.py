"""Describes each setting once, next to its type and default.

The options and their help, the comments of ``rpsg init``, the page of settings, the JSON Schema and the
identity of a run are all derived from these descriptions.
"""

from __future__ import annotations

import types
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, TypeVar, Union, get_args, get_origin

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from rpsg.arguments import is_text

if TYPE_CHECKING:
    from collections.abc import Iterator

T = TypeVar("T")


def _no_text(value: str) -> str:
    """``value`` if it can be a path or a column's name; a whole text is refused and not repeated."""
    if is_text(value):
        raise ValueError("this is text, but it must be a path, or a short name of one line")
    return value


#: A path, or the name of a column or of a label.
Name = Annotated[str, AfterValidator(_no_text)]


class Section(BaseModel):
    """A section of the plan; a misspelt key is an error.

    The first paragraph of a section's docstring is shown to users. ``panel`` is the heading of its options;
    ``only_generation`` says that no noisy answer before the votes depends on any of its settings.

    ``read_by`` is for a section that was added later: it names the methods that read the section. In the plan
    of any other method, the section is neither written down nor part of the identity while it has its
    defaults, so plans made before this section existed keep their identity. Empty: the section is in every
    plan.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False)
    panel: ClassVar[str] = ""
    only_generation: ClassVar[bool] = False
    read_by: ClassVar[frozenset[str]] = frozenset()

    def is_default(self, key: str) -> bool:
        """Whether a setting has its default value."""
        return bool(getattr(self, key) == type(self).model_fields[key].default)


@dataclass(frozen=True, slots=True)
class _Traits:
    option: str
    identity: bool
    only_generation: bool
    added_later: bool

    def __call__(self, schema: dict[str, Any]) -> None:
        """Add nothing to the schema: pydantic has no other place for these facts."""


@dataclass(frozen=True, slots=True)
class Described:
    """A setting: its key in the plan, such as ``privacy.epsilon``, and everything that is known about it."""

    key: str
    about: str
    kind: str
    choices: tuple[str, ...]
    default: Any
    option: str
    metavar: str
    panel: str
    identity: bool
    only_generation: bool
    added_later: bool


def setting(
    default: T,
    about: str,
    *,
    option: str = "",
    identity: bool = True,
    only_generation: bool = False,
    added_later: bool = False,
    **rules: Any,
) -> T:
    """A field of a section.

    Args:
        default: its value if it is not set.
        about: one sentence for the user.
        option: its option and the placeholder of its value, such as ``--size N``; an argument has only the
            placeholder.
        identity: False for locations and speed, which never determine the output.
        only_generation: only the writing of texts depends on it, and no noisy answer before the votes.
        added_later: runs were made before this setting existed. At its default it is neither written nor
            hashed, so that their hashes and releases stay valid.
        **rules: what pydantic checks, such as ``ge=1``.
    """
    traits = _Traits(option, identity, only_generation, added_later)
    field: T = Field(default, description=about, json_schema_extra=traits, **rules)
    return field


def described(section: type[Section], prefix: str = "") -> Iterator[Described]:
    """Every setting of a section and of the sections in it, in the order of the plan file."""
    for name, field in section.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            yield from described(field.annotation, f"{prefix}{name}.")
        elif isinstance(traits := field.json_schema_extra, _Traits):
            kind, choices = _kind(field.annotation)
            option, _, metavar = traits.option.rpartition(" ")
            yield Described(
                key=prefix + name,
                about=field.description or "",
                kind=kind,
                choices=choices,
                default=field.default,
                option=option,
                metavar=metavar,
                panel=section.panel,
                identity=traits.identity,
                only_generation=traits.only_generation or section.only_generation,
                added_later=traits.added_later,
            )


def _kind(annotation: Any) -> tuple[str, tuple[str, ...]]:
    """The name of a setting's type (``str``, ``int``, ``float``, ``bool``, ``list``), and its choices."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType, Annotated):  # the only unions are with None, which comes last
        return _kind(parts[0])
    if origin is Literal:
        return "str", parts
    return "list" if origin is tuple else annotation.__name__, ()
