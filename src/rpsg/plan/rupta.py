"""The section of the plan for the method rupta."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import model_validator

from rpsg.plan.setting import Name, Section, setting

#: What the paper has guessed about the writers of posts.
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
        1, "How many of the attributes that a text reveals are guarded, from the first.", ge=1, le=16
    )
    guesses: int = setting(3, "How many guesses the privacy evaluator has for an attribute.", ge=1, le=20)
    match: float = setting(0.7, "A guess counts as right from this cosine to the truth.", gt=0, le=1)
    confidence: int = setting(
        90, "The utility evaluator must be more certain than this of the label, 0 to 100.", ge=0, lt=100
    )
    history: int = setting(3, "How many earlier edits, with their scores, a prompt shows.", ge=0, le=5)
    attempts: int = setting(
        3, "How often a prompt is sent, at most, until its reply is readable.", ge=1, le=10
    )
    leaking: Literal["keep", "drop"] = setting(
        "keep", "What happens to a text that still reveals an attribute after the last edit: keep or drop."
    )
    remote: Literal["never", "records"] = setting(
        "never", "Whether a writer on another machine may be sent private texts: never, or records."
    )

    @model_validator(mode="after")
    def _attributes_are_different(self) -> Self:
        if not self.attributes or not all(name.strip() and name.isprintable() for name in self.attributes):
            raise ValueError("rupta.attributes names nothing, or something that cannot be printed")
        if len({name.casefold() for name in self.attributes}) < len(self.attributes):
            raise ValueError("rupta.attributes names something twice")
        return self
