"""The sections of the plan that only single methods read."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import model_validator

from rpsg.plan.setting import Name, Section, setting


class PaperSection(Section):
    """The methods paper and split: the paper's hyperparameters, with its values.

    The method split uses the settings of seeds, summaries and the first rewrite; then private voters choose,
    as in strict mode. Split has no surrogate, representatives or filters, and refuses ``selection = "votes"``
    and the histogram.

    ``nominal_epsilon`` is not a budget and bounds nothing, so no release names it. ``filters`` chooses the
    version of the filters. With "early" the cosine filter keeps 0.60 of the texts, and the NLL filter drops
    those below the 50th percentile; with "middle" 0.65 and the 55th; with "late" all texts and the 10th.
    """

    only_generation: ClassVar[bool] = True
    seeds: int | None = setting(
        None, "Number of private texts that become seeds. Default: corpus.size.", ge=1, le=10_000_000
    )
    seed_words: int | None = setting(None, "How many words of each text are used. Default: all.", ge=1)
    abstracter: Literal["writer", "summariser"] = setting(
        "writer", "What summarizes a private text: the writer, or a separate summariser."
    )
    summariser: str = setting(
        "facebook/bart-large-cnn", "The summarizer: a seq2seq model from the hub, or a folder that holds one."
    )
    candidates: int = setting(5, "How many summaries of each private text to choose from.", ge=1, le=64)
    min_tokens: int = setting(50, "Minimum number of tokens of a summary (summarizer only).", ge=0)
    max_tokens: int = setting(150, "Maximum number of tokens of a summary.", ge=1, le=4096)
    guard_words: int = setting(
        6, "Drop a summary that shares this many consecutive words with its private text.", ge=1
    )
    guard_characters: int = setting(
        30, "Drop a summary that shares more consecutive characters than this with its text.", ge=1
    )
    recogniser: str = setting(
        "patterns",
        "What finds identifying details for the guard and the scrubber: patterns, presidio, or a plug-in.",
    )
    recogniser_model: str = setting(
        "", "An installed spaCy model with which presidio finds names; empty: none."
    )
    similarity_weight: float = setting(
        0.75, "Weight of similarity in a summary's score; sentiment has the rest of the weight.", ge=0, le=1
    )
    flip_penalty: float = setting(
        0.15, "Subtracted from the score of a summary whose sentiment differs from its text's.", ge=0, le=1
    )
    min_confidence: float = setting(
        0.55, "How certain the sentiment of a summary must be, 0 to 1.", ge=0, le=1
    )
    selection: Literal["argmax", "votes"] = setting(
        "argmax", "How a summary is chosen: argmax (best noisy score) or votes (noisy votes of all texts)."
    )
    sensitivity: Literal["paper", "sound"] = setting(
        "paper", "How far one text can move the scores: paper (1) or sound (square root of candidates)."
    )
    nominal_epsilon: float = setting(
        4.0,
        "Noise of the choice of a summary, by the paper's formula; 0: no noise. It guarantees nothing.",
        ge=0,
    )
    length: float = setting(0.8, "Text length to ask for, as a share of its private text's.", gt=0, le=4)
    sentiment_attempts: int = setting(
        4, "Maximum number of times that a text is written to get the right sentiment.", ge=1, le=20
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
    surrogate_epochs: int = setting(
        3, "Number of passes over the rewritten texts in this training (transformers).", ge=1, le=100
    )
    representatives: int = setting(250, "How many scores stand for the scores of all private texts.", ge=1)
    filters: Literal["early", "middle", "late"] = setting(
        "late", "Which version of the authors' code the filters follow: early, middle or late."
    )
    cosine_retain: float | None = setting(
        None, "Share of texts that the cosine filter keeps; the default depends on `filters`.", gt=0, le=1
    )
    nll_percentile: float | None = setting(
        None,
        "The NLL filter drops texts below this percentile; the default depends on `filters`.",
        ge=0,
        le=100,
    )
    nll_distance: Literal["max", "min"] = setting(
        "max", "Distance to the farthest representative (max, as published) or the nearest (min)."
    )
    remote: Literal["never", "abstracts", "records"] = setting(
        "never",
        "Private text for a writer on another machine: never (none), abstracts, or records (whole texts).",
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
        "",
        "A file with the users who give seeds, one per line. Without it, they are drawn.",
        identity=False,
    )


class AugpeSection(Section):
    """The method augpe: the hyperparameters of AUG-PE, with its published values.

    The writer is asked for ``corpus.size`` texts, and then, ``iterations`` times, for ``variations - 1``
    variations of each of them. With the published values that is 61 texts for each text of the release.
    """

    read_by: ClassVar[frozenset[str]] = frozenset({"augpe"})
    iterations: int = setting(
        10, "How often the private texts vote; all votes together cost epsilon.", ge=1, le=100
    )
    variations: int = setting(
        7, "Candidates in a vote for each text to select: the text and its variations.", ge=2, le=64
    )
    lookahead: int = setting(
        0,
        "Compare a text by the mean embedding of this many further variations; 0: by its own embedding.",
        ge=0,
        le=16,
    )
    neighbours: int = setting(
        1, "For how many texts each private text votes; more votes need more noise.", ge=1, le=16
    )
    selection: Literal["rank", "sample"] = setting(
        "rank", "Which texts are kept: rank (most votes) or sample (drawn in proportion to their votes)."
    )
    threshold: float = setting(
        0.0, "Subtracted from the noisy votes before a sample is drawn (selection = sample).", ge=0, le=1e9
    )
    prompt: Literal["paraphrase", "fill_in_the_blanks"] = setting(
        "paraphrase", "How a variation is asked for: paraphrase or fill_in_the_blanks."
    )
    blanks: float = setting(
        0.5, "Share of the words that become blanks (prompt = fill_in_the_blanks).", gt=0, lt=1
    )
    length_spread: float = setting(
        0.25,
        "How much the length of a variation differs from that of its text, as a share; 0: not at all.",
        ge=0,
        le=1,
    )


class PredictionSection(Section):
    """The method private-prediction: how tokens are drawn from the private texts.

    The method draws ``corpus.size`` texts, and the texts of each person are used for one of them. Each
    person's change of a token's logit is clipped before the average is taken. The clip is the largest that
    ``[privacy] epsilon`` and ``delta`` allow; it grows with ``batch``.
    """

    read_by: ClassVar[frozenset[str]] = frozenset({"private-prediction"})

    batch: int = setting(
        32,
        "Approximate number of people per text; the sum over the people of a text is divided by this.",
        ge=1,
        le=4096,
    )
    tokens: int = setting(
        50, "Maximum number of tokens of a text; epsilon covers all of them.", ge=1, le=1024
    )
    temperature: float = setting(
        1.0,
        "Temperature of the draws: higher values use more of each person, but give less coherent texts.",
        ge=0.1,
        le=4,
    )
    choices: int = setting(
        100,
        "How many tokens can come next: those that are most likely after the public prompt.",
        ge=2,
        le=1000,
    )
    reference_tokens: int = setting(
        96, "How many tokens of a private text are read; the rest is cut off.", ge=8, le=1024
    )
    precision: Literal["float32", "bfloat16"] = setting(
        "float32",
        "Precision of the model: float32, or bfloat16, which some processors compute in half the time.",
    )


#: What the paper's privacy evaluator guesses about the writer of a post.
ATTRIBUTES = (
    *("age", "sex", "place of residence", "place of birth"),
    *("education", "income", "relationship status"),
)


class RuptaSection(Section):
    """The method rupta: the hyperparameters of RUPTA, with its published values for posts.

    The writer is the rewriter, the privacy evaluator and the utility evaluator. Nothing here is a budget, and
    nothing bounds what a release reveals.
    """

    read_by: ClassVar[frozenset[str]] = frozenset({"rupta"})
    edits: int = setting(5, "Maximum number of edits of a text after the first edit.", ge=0, le=5)
    attributes: tuple[Name, ...] = setting(
        ATTRIBUTES, "What a text might reveal about its writer; the first ones are guarded first."
    )
    guarded: int = setting(
        1, "How many attributes to guard: the first ones in the list that a text reveals.", ge=1, le=16
    )
    guesses: int = setting(3, "How many guesses the privacy evaluator has for an attribute.", ge=1, le=20)
    match: float = setting(
        0.7, "A guess counts as right if its cosine to the truth is at least this.", gt=0, le=1
    )
    confidence: int = setting(
        90,
        "The utility evaluator's confidence in the label must be above this, 0 to 100.",
        ge=0,
        lt=100,
    )
    history: int = setting(3, "How many earlier edits, with their scores, a prompt shows.", ge=0, le=5)
    attempts: int = setting(
        3, "Maximum number of times that a prompt is sent until its reply is readable.", ge=1, le=10
    )
    leaking: Literal["keep", "drop"] = setting(
        "keep", "What happens to a text that still reveals an attribute after the last edit: keep or drop."
    )
    remote: Literal["never", "records"] = setting(
        "never",
        "Whether private texts may be sent to a writer on another machine: never, or records (they may).",
    )

    @model_validator(mode="after")
    def _attributes_are_different(self) -> Self:
        if not self.attributes or not all(name.strip() and name.isprintable() for name in self.attributes):
            raise ValueError("rupta.attributes is empty, or has an entry that cannot be printed")
        if len({name.casefold() for name in self.attributes}) < len(self.attributes):
            raise ValueError("rupta.attributes names an attribute twice")
        return self


class DpsgdSection(Section):
    """The method dpsgd: how a copy of the writer is trained on the private texts.

    ``[models] writer`` names the weights that are trained. The noise is set by ``[privacy] epsilon`` and
    ``delta``, unless ``noise_multiplier`` is given. This epsilon is for research only: the release claims
    nothing.
    """

    read_by: ClassVar[frozenset[str]] = frozenset({"dpsgd"})

    tuning: Literal["lora", "full"] = setting(
        "lora", "Which weights are trained: lora (small matrices added to the attention) or full (all)."
    )
    rank: int = setting(8, "Rank of the matrices that are trained (tuning = lora).", ge=1, le=256)
    steps: int = setting(200, "How many steps of training.", ge=1, le=1_000_000)
    batch: int = setting(64, "Expected number of people in a step.", ge=1, le=1_000_000)
    clip: float = setting(1.0, "Length to which the gradient of each person is clipped.", gt=0, le=1e6)
    learning_rate: float | None = setting(
        None, "Learning rate of AdamW. Default: 0.001 for lora and 0.0001 for full.", gt=0, le=1
    )
    tokens: int = setting(
        192,
        "Maximum number of tokens of a training example, with its control codes; the rest is cut off.",
        ge=16,
        le=8192,
    )
    cards: float = setting(
        0.1,
        "Share of mu squared that counts the attributes for the control codes; 0: they are drawn evenly.",
        ge=0,
        lt=1,
    )
    noise_multiplier: float | None = setting(
        None,
        "Noise divided by clip. If set, [privacy] epsilon no longer decides the noise; 0: no noise.",
        ge=0,
        le=1e4,
    )
