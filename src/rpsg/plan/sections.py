"""The sections of the plan that say what is wanted: the data, the corpus, the promise and the method."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from rpsg.plan.setting import Name, Section, setting
from rpsg.records import OTHER

Share = Annotated[float, Field(ge=0, le=1)]


class DataSection(Section):
    """Where the private texts are and how to read them. A plan never contains any of them.

    All runs on the same people must share one ``account``, wherever the files are; the operator declares it.

    ``unusable`` and ``unlisted`` are decided row by row, so no row changes what happens to another one. A run
    that ``unusable = "refuse"`` stops has revealed that such a row exists, and no claim covers that.

    ``passage_words`` cuts texts that are more than one and a half times as long. Each passage then counts as
    a row, and each person still contributes only as many rows as the plan allows.

    ``audit_holdout`` is decided for each person by a keyed hash, before any of their texts is used. A claim
    holds for everybody in the file: people who are held out are not used at all.

    ``audit_canaries`` are made-up texts. Coin tosses add about half of them to the private texts, each as one
    more person, and noisy counts include them. No release is made that contains a canary.
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
        "Public name of the privacy account that these people's runs share. Empty: the file's path.",
        option="--account NAME",
        identity=False,
        pattern=r"^[^\x00-\x1f\x7f]{0,200}$",
    )
    text: Name = setting("text", "Column that holds the text.", option="--text COLUMN")
    label: Name | None = setting(None, "Column that holds each text's label.", option="--label COLUMN")
    labels: tuple[Name, ...] = setting(
        (),
        'Values that a label can have, if public: A,"B, C". Otherwise finding them costs budget.',
        option="--labels A,B,C",
    )
    user: Name | None = setting(
        None,
        "Column that names each text's person: whole people are protected, not just single rows.",
        option="--user COLUMN",
    )
    format: Literal["jsonl", "csv", "tsv", "txt", "parquet", "excel"] | None = setting(
        None,
        "Format of the file (jsonl, csv, tsv, txt, parquet or excel), if neither name nor content shows it.",
        option="--format FORMAT",
    )
    encoding: str = setting(
        "",
        "Encoding of a text file that is not UTF-8, such as cp1252 or utf-16.",
        option="--encoding NAME",
        added_later=True,
        pattern=r"^[A-Za-z0-9_.:-]{0,40}$",
    )
    unusable: Literal["drop", "refuse"] = setting(
        "drop",
        "Rows without a text or a user: drop skips them, refuse stops the run (no claim covers that).",
        option="--unusable RULE",
    )
    unlisted: Literal["drop", "other"] = setting(
        "drop",
        "Rows with a missing or undeclared label: drop skips them, other counts them as one more label.",
        option="--unlisted RULE",
    )
    passage_words: int = setting(
        250,
        "Cut longer texts into passages of about this many words (strict mode only); 0: never cut.",
        option="--passage-words N",
        ge=0,
        le=100_000,
    )

    audit_holdout: float = setting(
        0.0,
        "Share of the people, drawn in secret, whom the run never uses, for rpsg audit RUN; 0: nobody.",
        option="--audit-holdout SHARE",
        added_later=True,
        ge=0,
        lt=1,
    )
    audit_canaries: int = setting(
        0,
        "Made-up texts to draw for an audit; coin tosses plant about half of them; 0: none.",
        option="--audit-canaries N",
        added_later=True,
        ge=0,
        le=100_000,
    )
    canary_texts: Name = setting(
        "",
        "Public texts of the same kind, for the beginnings of canaries: a file and column as for DATA.",
        option="--canary-texts FILE",
        identity=False,
        added_later=True,
    )

    @model_validator(mode="after")
    def _labels_have_a_column(self) -> Self:
        if self.labels and not self.label:
            raise ValueError("labels are declared but no label column is named; name it with --label")
        if self.labels and len(set(self.labels)) < 2:
            raise ValueError("at least two different labels are needed")
        if len(set(self.labels)) < len(self.labels):
            raise ValueError("a label is declared twice; name each value once, and not the column's rows")
        if not all(label.isprintable() for label in self.labels):
            raise ValueError(
                "a declared label holds a character that nobody sees; the release would hold it too"
            )
        if self.audit_canaries and self.label and not self.labels:
            raise ValueError(
                "audit_canaries need declared labels: one of the private texts may not go into made-up ones"
            )
        if self.unlisted == "other" and not self.labels:
            raise ValueError(
                'unlisted = "other" needs declared labels; every undeclared one then counts as other'
            )
        return self

    @property
    def label_values(self) -> tuple[str, ...]:
        """Every label that a row may have, where they are declared; and "other" if rows are counted as it."""
        more = self.unlisted == "other" and OTHER not in self.labels
        return (*self.labels, OTHER) if more else self.labels


class CorpusSection(Section):
    """The synthetic corpus to make."""

    panel: ClassVar[str] = "The synthetic corpus"
    about: str = setting(
        "",
        "What the texts are, in a few public words; the writer's prompts quote them.",
        option="--about SENTENCE",
        only_generation=True,
    )
    domain: str = setting(
        "generic",
        "Name of a domain pack, or a folder that holds one. See: rpsg list domains.",
        option="--domain NAME",
        identity=False,  # a pack may be anywhere: its hash is part of the identity
    )
    size: int = setting(
        200,
        "How many synthetic texts to release.",
        option="--size N",
        only_generation=True,
        ge=1,
        le=10_000_000,
    )
    license: str = setting(
        "",
        "Licence of the release, as hubs name it (cc-by-4.0). It cannot be added later.",
        only_generation=True,
        pattern=r"^[A-Za-z0-9.+-]{0,60}$",
    )


class SharesSection(Section):
    """How the budget is divided, as shares of mu squared. Unused shares go to the others in proportion."""

    size: Share = setting(0.05, "Counting the people; unused if n_public is set.")
    labels: Share = setting(0.05, "Finding the values of the label; unused if labels are declared.")
    cards: Share = setting(0.35, "Counting attributes of the texts, which decide what to write about.")
    keyphrases: Share = setting(0.0, "Finding phrases that many people use; 0 leaves them out.")
    sketch: Share = setting(0.60, "One noisy sum that shows where the private texts lie (select = sketch).")
    votes: Share = setting(0.60, "Votes of the private texts for candidates (select = votes).")


class PrivacySection(Section):
    """What is promised, to whom, and at what cost. Fix it before you look at the data."""

    panel: ClassVar[str] = "The privacy guarantee"
    epsilon: float = setting(
        2.0,
        "Privacy budget of this run; smaller is more private. See: rpsg explain.",
        option="--epsilon E",
        gt=0,
        le=1000,
    )
    delta: float = setting(
        1e-6,
        "Probability that the guarantee fails; keep it far below 1 / the number of people.",
        option="--delta D",
        gt=0,
        le=1e-4,
    )
    adjacency: Literal["add_remove", "replace_one"] = setting(
        "add_remove",
        "Neighbouring data: add_remove (with or without a person) or replace_one (needs n_public).",
        option="--adjacency KIND",
    )
    max_records_per_user: int = setting(
        1, "Maximum number of texts used of one person.", option="--max-records-per-user C", ge=1, le=1000
    )
    n_public: int | None = setting(
        None,
        "Number of people, if it is public; otherwise counting them costs budget.",
        option="--n-public N",
        ge=1,
    )
    # Under another account a run may resume: that account is charged anew for everything that was drawn.
    lifetime_epsilon: float = setting(
        8.0,
        "Maximum epsilon that all runs on one account may spend together.",
        option="--lifetime-epsilon E",
        identity=False,
        gt=0,
    )
    noise: Literal["os", "opendp"] = setting(
        "os", "Source of the noise: os (this machine's secure random numbers) or opendp."
    )
    shares: SharesSection = SharesSection()

    @model_validator(mode="after")
    def _replace_one_knows_n(self) -> Self:
        if self.adjacency == "replace_one" and self.n_public is None:
            raise ValueError("replace_one adjacency makes n public: declare it as n_public")
        return self


class MethodSection(Section):
    """The method and its settings."""

    panel: ClassVar[str] = "The method"
    name: str = setting(
        "strict", "Which method makes the texts. See: rpsg list methods.", option="--method NAME"
    )
    select: Literal["sketch", "votes"] = setting(
        "sketch",
        "What chooses among the candidates: sketch (one noisy sum, for few people) or votes (thousands).",
        option="--select WHAT",
    )
    diversity: float = setting(
        1.0,
        "Above 1: choose texts that differ more; below 1: more typical ones (select = sketch).",
        option="--diversity X",
        only_generation=True,
        gt=0,
        le=100,
    )
    rounds: int = setting(
        1, "Rounds of voting and rewriting (select = votes).", option="--rounds T", ge=1, le=10
    )
    oversample: float = setting(
        3.0,
        "Candidates written for each text of the release.",
        option="--oversample X",
        only_generation=True,
        ge=1,
        le=100,
    )
    votes_per_record: int = setting(1, "Candidates that each record votes for (select = votes).", ge=1, le=16)
    hub_correction: float = setting(
        0.6, "How much candidates that are close to everything are marked down, 0 to 1.", ge=0, le=1
    )
    uniform_mix: float = setting(
        0.15,
        "Share of seed cards drawn evenly, so that rare combinations occur, 0 to 1.",
        only_generation=True,
        ge=0,
        le=1,
    )
    phrases_per_record: int = setting(
        4, "Maximum number of phrases from one record, if shares.keyphrases is above 0.", ge=1, le=16
    )
