"""The sections of the plan that say what is wanted: the corpus, the promise and the method."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from rpsg.plan.setting import Section, setting

Share = Annotated[float, Field(ge=0, le=1)]


class CorpusSection(Section):
    """The synthetic corpus to make."""

    panel: ClassVar[str] = "The synthetic corpus"
    about: str = setting(
        "",
        "What kind of texts these are, in a few words that will be public; the writer's prompts quote them.",
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
    """How the budget (mu squared) is divided. Unused shares are divided among the others in proportion."""

    size: Share = setting(0.05, "Counting the people; unused if n_public is set.")
    labels: Share = setting(0.05, "Finding the values of the label; unused if labels are declared.")
    cards: Share = setting(0.35, "Counting attributes of the texts; the counts decide what to write about.")
    keyphrases: Share = setting(0.0, "Finding phrases that many people use; 0: no phrases are looked for.")
    sketch: Share = setting(0.60, "One noisy sum that describes the private texts (select = sketch).")
    votes: Share = setting(0.60, "Votes of the private texts for drafts (select = votes).")


class PrivacySection(Section):
    """What is promised, to whom, and at what cost. Decide this before you look at the data."""

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
        1, "Maximum number of texts used per person.", option="--max-records-per-user C", ge=1, le=1000
    )
    n_public: int | None = setting(
        None,
        "Number of people, if it is public; otherwise counting them costs budget.",
        option="--n-public N",
        ge=1,
    )
    # Like the account, its limit is not part of the identity: a run may resume under another account, which
    # is then charged for everything that the run has drawn.
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
            raise ValueError(
                "replace_one adjacency makes the number of people public: declare it as n_public"
            )
        return self


class MethodSection(Section):
    """The method and its settings."""

    panel: ClassVar[str] = "The method"
    name: str = setting(
        "strict", "Which method makes the texts. See: rpsg list methods.", option="--method NAME"
    )
    select: Literal["sketch", "votes"] = setting(
        "sketch",
        "How drafts are chosen: sketch (one noisy sum) or votes (only for thousands of people).",
        option="--select WHAT",
    )
    diversity: float = setting(
        1.0,
        "Above 1: choose texts that differ more from each other; below 1: typical ones (select = sketch).",
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
        "Number of drafts written for each text of the release.",
        option="--oversample X",
        only_generation=True,
        ge=1,
        le=100,
    )
    votes_per_record: int = setting(
        1, "Number of drafts that each private text votes for (select = votes).", ge=1, le=16
    )
    hub_correction: float = setting(
        0.6, "How much the score of a draft that is close to everything is lowered, 0 to 1.", ge=0, le=1
    )
    uniform_mix: float = setting(
        0.15,
        "Share of the cards that are drawn evenly, 0 to 1, so that rare combinations occur too.",
        only_generation=True,
        ge=0,
        le=1,
    )
    phrases_per_record: int = setting(
        4, "Maximum number of phrases from one private text, if shares.keyphrases is above 0.", ge=1, le=16
    )
