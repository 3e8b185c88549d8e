"""The section of the plan about the private texts: where they are, and how to read them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, ValidationInfo, field_validator, model_validator

from rpsg.plan.columns import Column, as_texts, checked, declared, every_value
from rpsg.plan.setting import Name, Section, setting
from rpsg.records import OTHER

if TYPE_CHECKING:
    from rpsg.domains import Pack

#: Declarations of columns: texts, or a table, which becomes texts.
Columns = Annotated[
    tuple[str, ...],
    BeforeValidator(as_texts, json_schema_input_type=tuple[str, ...] | dict[str, Any]),
]


#: The settings that name files and accounts of the operator, and what others see in their place.
OWN_FILES = {"path": "", "account": "", "canary_texts": "", "canary_encoding": ""}


class DataSection(Section):
    """Where the private texts are and how to read them. A plan never contains a private text.

    All runs on the same people must share one ``account``, wherever their files are. The operator declares
    its name.

    ``columns`` may also be a table of names and values: ``priority = ["low", "high"]``, ``opened = { from =
    "2025-01", to = "2025-12" }``, ``age = { edges = [18, 40] }``.

    ``unusable`` and ``unlisted`` apply to each row by itself, so no row changes what happens to another one.
    If ``unusable = "refuse"`` stops a run, this reveals that an unusable row exists, and no claim covers it.

    ``passage_words`` cuts texts that have more than one and a half times this number of words. Each passage
    then counts as a row, and each person still contributes only as many rows as the plan allows.

    With ``audit_holdout`` a keyed hash decides who is held out, before any of their texts is used. A claim
    holds for everybody in the file: the texts of people who are held out are not used at all.

    ``audit_canaries`` sets the number of made-up texts (canaries). Coin tosses add about half of them to the
    private texts, each as one more person, and noisy counts include them. No release contains a canary.
    """

    panel: ClassVar[str] = "The private texts"
    path: Name = setting(
        "",
        "The private texts: a .jsonl, .csv, .parquet or Excel file, a folder of .txt files, or - (stdin).",
        option="DATA",
        identity=False,
    )
    account: Name = setting(
        "",
        "Public name of the privacy account that all runs on these people share. Empty: the path of the "
        "file.",
        option="--account NAME",
        identity=False,
        pattern=r"^[^\x00-\x1f\x7f]{0,200}$",
    )
    text: Name = setting("text", "Column that holds the text.", option="--text COLUMN")
    label: Name | None = setting(None, "Column that holds each text's label.", option="--label COLUMN")
    labels: tuple[Name, ...] = setting(
        (),
        'Possible labels, if they are public: A,"B, C". Without this list, finding them costs budget.',
        option="--labels A,B,C",
    )
    user: Name | None = setting(
        None,
        "Column that says whose text it is. With it people are protected, not just single rows.",
        option="--user COLUMN",
    )
    columns: Columns = setting(
        (),
        "Columns beside the text: priority=low|normal|high, opened=2025-01..2025-12, age=18<40<65.",
        option="--columns NAME=VALUES,...",
        added_later=True,
    )
    format: Literal["jsonl", "csv", "tsv", "txt", "parquet", "excel"] | None = setting(
        None,
        "Format of the file (jsonl, csv, tsv, txt, parquet or excel), if its name and content do not show "
        "it.",
        option="--format FORMAT",
    )
    encoding: str = setting(
        "",
        "Encoding of a text file that is not UTF-8, such as cp1252 or utf-16.",
        option="--encoding NAME",
        added_later=True,
        pattern=r"^[A-Za-z0-9_.:-]{0,40}$",
    )
    language: str = setting(
        "",
        "Language of the private texts, as an ISO 639 code such as en, de or fr. The plan makes it public.",
        option="--language CODE",
        added_later=True,
        only_generation=True,
        pattern=r"^([a-z]{2,3})?$",
    )
    unusable: Literal["drop", "refuse"] = setting(
        "drop",
        "Rows without a text or a user: drop leaves them out; refuse stops the run, which no claim covers.",
        option="--unusable RULE",
    )
    unlisted: Literal["drop", "other"] = setting(
        "drop",
        "Rows with a missing or undeclared label or column: drop leaves them out; other counts them as "
        "other.",
        option="--unlisted RULE",
    )
    passage_words: int = setting(
        250,
        "Longer texts are cut into passages of about this many words (strict mode only); 0: never.",
        option="--passage-words N",
        ge=0,
        le=100_000,
    )

    audit_holdout: float = setting(
        0.0,
        "Share of the people, drawn in secret, that the run leaves out for rpsg audit RUN; 0: nobody.",
        option="--audit-holdout SHARE",
        added_later=True,
        ge=0,
        lt=1,
    )
    audit_canaries: int = setting(
        0,
        "Number of made-up texts for an audit; coin tosses add about half to the private texts; 0: none.",
        option="--audit-canaries N",
        added_later=True,
        ge=0,
        le=100_000,
    )
    shards: int = setting(
        0,
        "Number of parts (at least 2) in which rpsg shards counts the private texts; 0: all together.",
        added_later=True,
        ge=0,
        le=100_000,
    )
    divided_by: Literal["person", "site"] = setting(
        "person",
        "With shards: person, if all read one file; site, if each reads its own file of different people.",
        added_later=True,
    )
    canary_texts: Name = setting(
        "",
        "Public texts of the same kind, for the beginnings of canaries: a file with the same column as DATA.",
        option="--canary-texts FILE",
        identity=False,
        added_later=True,
    )
    canary_encoding: str = setting(
        "",
        "Encoding of the file of --canary-texts, if it is not UTF-8.",
        option="--canary-encoding NAME",
        identity=False,
        added_later=True,
        pattern=r"^[A-Za-z0-9_.:-]{0,40}$",
    )

    @model_validator(mode="after")
    def _roles_have_columns_of_their_own(self) -> Self:
        if self.text in {self.user, self.label}:
            raise ValueError(
                f"the column {self.text!r} holds the text, and is also named for --user or --label; name "
                "another column there, or leave that option out"
            )
        return self

    @model_validator(mode="after")
    def _labels_have_a_column(self) -> Self:
        if self.labels and not self.label:
            raise ValueError("labels are declared but no label column is named; name it with --label")
        if self.labels and len(set(self.labels)) < 2:
            raise ValueError("at least two different labels are needed")
        if len(set(self.labels)) < len(self.labels):
            raise ValueError(
                "a label is declared twice; list each possible value once, not the label of each row"
            )
        if not all(label.isprintable() for label in self.labels):
            raise ValueError(
                "a declared label contains an invisible character, and so would the release; remove the "
                "character"
            )
        if self.audit_canaries and self.label and not self.labels:
            raise ValueError(
                "audit_canaries need declared labels: a made-up text must not have a label from a private one"
            )
        if self.shards == 1:
            raise ValueError("one shard does not divide anything; use at least 2, or leave shards out")
        if self.unlisted == "other" and not (self.labels or self.columns):
            raise ValueError(
                'unlisted = "other" needs declared labels or columns; without them no value is undeclared'
            )
        return self

    @field_validator("columns")
    @classmethod
    def _columns_in_their_one_form(cls, columns: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        return checked(columns, (info.data.get(name) for name in ("text", "label", "user")))

    @property
    def label_values(self) -> tuple[str, ...]:
        """Every label that a row may have, if labels are declared; this includes "other" if rows may be
        counted as "other".
        """
        more = self.unlisted == "other" and self.labels and OTHER not in self.labels
        return (*self.labels, OTHER) if more else self.labels

    @property
    def declared_columns(self) -> tuple[Column, ...]:
        """The columns beside the text."""
        return tuple(map(declared, self.columns))

    @property
    def column_values(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Each column beside the text with every value that a row may have."""
        other = self.unlisted == "other"
        return tuple((c.name, every_value(c, other=other)) for c in self.declared_columns)

    def added_to(self, pack: Pack) -> Pack:
        """The pack with the label and the columns that the plan declares."""
        return pack.with_label(self.label_values).with_columns(self.column_values)
