"""The sections of the plan for the methods paper and split."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import model_validator

from rpsg.plan.setting import Name, Section, setting


class PaperSection(Section):
    """The methods paper and split: the paper's hyperparameters, with its values.

    Split uses the settings of seeds, summaries and the first rewrite; then private voters choose, as in
    strict mode. It has no surrogate, representatives or filters, and refuses ``selection = "votes"`` and the
    histogram.

    ``nominal_epsilon`` is no budget and bounds nothing, so no release names it. The early, middle and late
    ``filters`` keep 0.60, 0.65 and all of the texts by the cosine, and drop those below the 50th, 55th and
    10th percentile of the NLL.
    """

    only_generation: ClassVar[bool] = True
    seeds: int | None = setting(
        None, "Private records that become seeds; by default as many as corpus.size.", ge=1, le=10_000_000
    )
    seed_words: int | None = setting(None, "Words used of each record; by default all.", ge=1)
    abstracter: Literal["writer", "summariser"] = setting(
        "writer", "What summarises a record: the writer, or a separate summariser."
    )
    summariser: str = setting(
        "facebook/bart-large-cnn", "The summariser: a seq2seq model of the hub, or a folder that holds one."
    )
    candidates: int = setting(5, "How many summaries of each record to choose from.", ge=1, le=64)
    min_tokens: int = setting(50, "Minimum number of tokens of a summary (summariser only).", ge=0)
    max_tokens: int = setting(150, "Maximum number of tokens of a summary.", ge=1, le=4096)
    guard_words: int = setting(
        6, "Drop a summary that shares this many consecutive words with its record.", ge=1
    )
    guard_characters: int = setting(
        30, "Drop a summary that shares more consecutive characters than this with its record.", ge=1
    )
    recogniser: str = setting(
        "patterns",
        "What finds identifying details, for guard and scrub: patterns, presidio, or another package's.",
    )
    recogniser_model: str = setting(
        "", "An installed spaCy model with which presidio finds names; empty: none."
    )
    similarity_weight: float = setting(
        0.75, "Weight of similarity in a summary's score; the rest is sentiment.", ge=0, le=1
    )
    flip_penalty: float = setting(
        0.15, "Subtracted from the score of a summary with another sentiment than its record.", ge=0, le=1
    )
    min_confidence: float = setting(
        0.55, "How certain the sentiment of a summary must be, 0 to 1.", ge=0, le=1
    )
    selection: Literal["argmax", "votes"] = setting(
        "argmax", "How a summary is chosen: argmax (best noisy score) or votes (noisy, of all records)."
    )
    sensitivity: Literal["paper", "sound"] = setting(
        "paper", "How far one record can move the scores: paper (1) or sound (square root of candidates)."
    )
    nominal_epsilon: float = setting(
        4.0, "Sets the noise of that choice by the paper's formula; 0: no noise. It bounds nothing.", ge=0
    )
    length: float = setting(0.8, "Length to ask for, as a share of the words of the record.", gt=0, le=4)
    sentiment_attempts: int = setting(
        4, "How often a text is written, at most, to get the sentiment of its record.", ge=1, le=20
    )
    histogram_sigma: float = setting(
        0.0, "Noise of the AUG-PE step, a histogram over the texts; 0 keeps every text.", ge=0, le=1e5
    )
    surrogate: Literal["ngram", "transformers"] = setting(
        "ngram", "Which language model scores the texts: ngram (needs no weights) or transformers."
    )
    surrogate_model: str = setting(
        "prajjwal1/bert-small", "The model that is trained on the rewritten texts (transformers)."
    )
    surrogate_epochs: int = setting(3, "How many passes over these texts it is trained for.", ge=1, le=100)
    representatives: int = setting(250, "How many scores represent all private ones.", ge=1)
    filters: Literal["early", "middle", "late"] = setting(
        "late", "Which version of the authors' code the filters follow: early, middle or late."
    )
    cosine_retain: float | None = setting(
        None, "Share of texts that the cosine filter keeps; by default the version's.", gt=0, le=1
    )
    nll_percentile: float | None = setting(
        None, "Percentile below which the NLL filter drops; by default the version's.", ge=0, le=100
    )
    nll_distance: Literal["max", "min"] = setting(
        "max", "Distance to the farthest representative (max, as published) or the nearest (min)."
    )
    remote: Literal["never", "abstracts", "records"] = setting(
        "never", "What a writer on another machine may be sent: never private text, abstracts, or records."
    )

    @model_validator(mode="after")
    def _lengths_fit(self) -> Self:
        if self.min_tokens > self.max_tokens:
            raise ValueError("min_tokens is above max_tokens")
        return self


class SplitSection(Section):
    """The method split: who gives seeds (not protected) and who votes (protected)."""

    donors: float = setting(0.2, "Share of the people who give seeds, drawn in secret.", gt=0, lt=1)
    donor_list: Name = setting(
        "", "A file with the users who give seeds, one per line, instead of a draw.", identity=False
    )
