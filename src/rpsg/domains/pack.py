"""A domain pack: the public description of a kind of text, as files that anyone can read and replace.

A pack is a folder with ``pack.toml`` (schema, marginals, invented examples) and two prompts: ``system.txt``,
and ``candidate.txt``, the header before a text. Everything in it is public: it must be written without
looking at the private data, and its hash is part of the plan and of the ledger.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

if TYPE_CHECKING:
    from collections.abc import Sequence

#: The name of a column's attribute is this prefix and the name of the column. No attribute in a pack's file
#: has a space in its name, so the two cannot be confused.
COLUMN = "column "
#: A column is counted together with others as long as there are at most this many combinations of values.
MOST_COMBINATIONS = 128
Name = Annotated[str, Field(pattern=rf"^([a-z][a-z0-9_]*|{COLUMN}[^\n]+)$")]


class Strict(BaseModel):
    """Refuses unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Attribute(Strict):
    """One property in which the texts differ.

    ``kind`` says how a private text gets its value, always by a public per-record rule: ``label`` (the
    declared column), ``nearest`` (closest description by embedding), ``sentiment`` (a classifier), ``words``
    (word-count bucket), ``column`` (a column beside the text: only a run adds these attributes). A ``free``
    attribute is never read from private data: its values are drawn uniformly, only to vary the prompts. With
    ``by`` it has a group of values for each value of another attribute: a happy customer begins differently
    from an angry one.

    The values of a counted attribute may be arranged in ``groups`` (heading to values): its coarse level,
    which is counted if there are too few people for the values themselves.
    """

    name: Name
    kind: Literal["label", "nearest", "sentiment", "words", "column", "free"]
    values: tuple[str, ...] = ()
    describe: str = "{value}"
    descriptions: tuple[str, ...] = ()
    file: str = ""
    edges: tuple[int, ...] = ()
    words: tuple[int, ...] = ()
    say: dict[str, str] = {}
    by: str = ""
    groups: dict[str, tuple[str, ...]] = {}

    @model_validator(mode="before")
    @classmethod
    def _values_of_groups(cls, raw: object) -> object:
        if not isinstance(raw, dict) or not isinstance(raw.get("groups"), dict) or raw.get("values"):
            return raw
        return {**raw, "values": tuple(dict.fromkeys(v for group in raw["groups"].values() for v in group))}

    @model_validator(mode="after")
    def _shape(self) -> Self:
        if (self.kind == "column") != self.name.startswith(COLUMN):
            raise ValueError(
                f"attribute {self.name!r} must have the kind column if its name begins with 'column ', and "
                "another kind if not"
            )
        if len(self.values) < 2 and not self.file:
            raise ValueError(f"attribute {self.name!r} needs at least two values")
        if len(set(self.values)) != len(self.values):
            raise ValueError(f"attribute {self.name!r} lists a value twice")
        if self.kind == "words" and not len(self.edges) + 1 == len(self.words) == len(self.values):
            raise ValueError(
                f"attribute {self.name!r} needs one word count for each value, and one edge fewer than values"
            )
        if list(self.edges) != sorted(set(self.edges)):
            raise ValueError(f"the edges of the attribute {self.name!r} must be in ascending order")
        if set(self.say) - set(self.values):
            raise ValueError(f"attribute {self.name!r} has words in `say` for values that it does not have")
        free = self.kind == "free"
        if (self.by and not free) or (free and bool(self.by) != bool(self.groups)):
            raise ValueError(
                f"attribute {self.name!r} needs both by and groups, or neither; only the kind free can have "
                "them"
            )
        if self.counted and self.groups:
            self._check_levels()
        return self

    def _check_levels(self) -> None:
        grouped = [value for group in self.groups.values() for value in group]
        if sorted(grouped) != sorted(self.values):
            raise ValueError(f"attribute {self.name!r} needs each of its values in exactly one group")
        if not all(self.groups.values()):
            raise ValueError(f"attribute {self.name!r} has a group without values")

    @property
    def counted(self) -> bool:
        return self.kind != "free"

    @property
    def has_levels(self) -> bool:
        """Whether it can be counted by groups of values."""
        return self.counted and len(self.groups) > 1

    @property
    def group_codes(self) -> tuple[int, ...]:
        """For each value the index of its group; the index of the value if there are no groups."""
        if not self.has_levels:
            return tuple(range(len(self.values)))
        index = {heading: i for i, heading in enumerate(self.groups)}
        return tuple(index[self.headings[value]] for value in self.values)

    @property
    def headings(self) -> dict[str, str]:
        """For each value the name of its group; empty if there are no groups."""
        named = self.groups.items() if self.has_levels else ()
        return {value: heading for heading, group in named for value in group}

    @property
    def column(self) -> str:
        """The name of the column that it stands for; empty for any other attribute."""
        return self.name.removeprefix(COLUMN) if self.kind == "column" else ""

    def spoken(self, value: str) -> str:
        """The wording of a value in a prompt."""
        return self.say.get(value, value)


class Example(Strict):
    """An invented text and a card that it fits."""

    card: dict[str, str]
    text: str


class Pack(Strict):
    """A pack, read and checked. ``language`` is that of the texts, as an ISO 639 code; it may be missing.

    With ``speakers`` the texts are conversations, and these are all who may speak in them.
    A text whose closest topic has a cosine below ``poor_fit`` fits no topic of the pack. With
    ``counts_other_languages`` the texts in a language other than ``language`` are counted, with noise. With
    ``drops_echoes`` every text is dropped that the metric ``echo_rate`` would count.
    ``by_group`` has the indices of the marginals that are counted by groups of values; a run sets it, never a
    file.
    """

    name: str
    title: str
    about: str
    language: str = Field("", pattern=r"^([a-z]{2,3})?$")
    text: str = "text"
    speakers: tuple[str, ...] = ()
    temperature: float = Field(1.0, gt=0, le=2)
    top_p: float = Field(0.95, gt=0, le=1)
    begins: str = ""
    poor_fit: float = Field(0.25, ge=-1, le=1)
    counts_other_languages: bool = False
    drops_echoes: bool = False
    marginals: tuple[tuple[str, ...], ...]
    by_group: tuple[int, ...] = ()
    attributes: tuple[Attribute, ...]
    examples: tuple[Example, ...] = ()
    prompts: dict[str, str] = {}
    sha256: str = ""

    @property
    def prompts_sha256(self) -> str:
        """SHA-256 over all prompts in use, including those from the generic pack."""
        body = "".join(f"{name}\0{len(text)}\0{text}" for name, text in sorted(self.prompts.items()))
        return hashlib.sha256(b"rpsg-prompts/1\0" + body.encode()).hexdigest()

    @property
    def counted_language(self) -> str:
        """The language of the pack if texts in others are counted, else empty."""
        return self.language if self.counts_other_languages else ""

    @property
    def schema_sha256(self) -> str:
        """SHA-256 of everything that decides how private texts are counted; prompts do not decide this."""
        counted = [
            [a.name, a.kind, a.values, a.describe, a.descriptions, a.edges, a.groups]
            for a in self.attributes
            if a.counted
        ]
        # Canonical JSON would sort the keys, but the order of the groups decides how they are counted.
        # Packs without a counted language keep the hash that they had before there was one.
        language = [self.counted_language] if self.counted_language else []
        body = json.dumps([counted, self.marginals, self.poor_fit, *language], separators=(",", ":"))
        return hashlib.sha256(b"rpsg-schema/2\0" + body.encode()).hexdigest()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.speakers and len({name.lower() for name in self.speakers}) < max(2, len(self.speakers)):
            raise ValueError("a conversation needs at least two different speakers")
        known = {a.name for a in self.attributes}
        if len(known) != len(self.attributes):
            raise ValueError("an attribute is listed twice")
        counted = [name for group in self.marginals for name in group]
        for name in counted:
            if name not in known or not self.attribute(name).counted:
                raise ValueError(f"marginals name {name!r}, which is not a counted attribute")
        missing = {a.name for a in self.attributes if a.counted} - set(counted)
        if missing:
            raise ValueError(f"no marginal counts {', '.join(sorted(missing))}")
        self._groups_fit()
        self._examples_fit()
        return self

    def _groups_fit(self) -> None:
        for free in self.attributes:
            other = next((a for a in self.attributes if a.name == free.by and a.counted), None)
            if free.by and other is None:
                raise ValueError(f"attribute {free.name!r} depends on {free.by!r}, which is not counted")
            if other and (set(other.values) != set(free.groups) or not all(free.groups.values())):
                raise ValueError(f"attribute {free.name!r} needs a group for each value of {free.by!r}")
            if set(free.values) != {v for g in free.groups.values() for v in g} and free.by:
                raise ValueError(f"attribute {free.name!r} has values that are in no group")

    def _examples_fit(self) -> None:
        for example in self.examples:
            for name, value in example.card.items():
                if name not in {a.name for a in self.attributes}:
                    raise ValueError(f"an example names the attribute {name!r}, which does not exist")
                attribute = self.attribute(name)
                if attribute.kind in ("sentiment", "words") and value not in attribute.values:
                    raise ValueError(f"an example has {name} = {value!r}, which is not one of its values")

    @property
    def has_sentiments(self) -> bool:
        """Whether a classifier has to find the sentiment of its texts."""
        return any(attribute.kind == "sentiment" for attribute in self.attributes)

    def attribute(self, name: str) -> Attribute:
        return next(a for a in self.attributes if a.name == name)

    def with_label(self, labels: tuple[str, ...]) -> Pack:
        """This pack with the label as a further attribute, counted jointly with the sentiment, if any."""
        if not labels:
            return self
        label = Attribute(name="label", kind="label", values=labels)
        partners = [a.name for a in self.attributes if a.kind == "sentiment"]
        return self.model_copy(
            update={
                "attributes": (*self.attributes, label),
                "marginals": (*self.marginals, ("label", *partners[:1])),
            }
        )

    def with_columns(self, columns: Sequence[tuple[str, tuple[str, ...]]]) -> Pack:
        """This pack, which has its label already, with the columns beside the text as further attributes.

        Each column has a marginal of its own, which counts it jointly with others, in this order: the columns
        before this one (the nearest first), the label, the first attribute of the pack (by groups of its
        values), and the sentiment. To bound the number of cells, an attribute is left out if there would be
        more than ``MOST_COMBINATIONS`` combinations with it.
        """
        labels = [a for a in self.attributes if a.kind == "label"]
        first = [a for a in self.attributes if a.name == self.marginals[0][0] and a.has_levels]
        sentiments = [a for a in self.attributes if a.kind == "sentiment"]
        earlier = [*sentiments, *first, *labels]
        marginals, by_group = list(self.marginals), list(self.by_group)
        for name, values in columns:
            together = [Attribute(name=COLUMN + name, kind="column", values=values)]
            cells = len(values)
            for other in reversed(earlier):
                width = len(other.groups) if other.has_levels else len(other.values)
                if cells * width <= MOST_COMBINATIONS:
                    cells *= width
                    together.append(other)
            if any(attribute.has_levels for attribute in together):
                by_group.append(len(marginals))
            marginals.append(tuple(attribute.name for attribute in together))
            earlier.append(together[0])
        added = tuple(a for a in earlier if a.kind == "column")
        update = {
            "attributes": (*self.attributes, *added),
            "marginals": tuple(marginals),
            "by_group": tuple(by_group),
        }
        return self.model_copy(update=update) if columns else self
