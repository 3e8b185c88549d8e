"""The section of the plan for the method private-prediction."""

from __future__ import annotations

from typing import ClassVar, Literal

from rpsg.plan.setting import Section, setting


class PredictionSection(Section):
    """The method private-prediction: how tokens are drawn from the private texts.

    ``corpus.size`` texts are drawn, and each person takes part in one of them. What a person can add to a
    token's logit, in logits of the average, is set by ``[privacy] epsilon`` and ``delta``; it grows with
    ``batch``.
    """

    read_by: ClassVar[frozenset[str]] = frozenset({"private-prediction"})

    batch: int = setting(
        32,
        "What the sum over the people of a text is divided by: about the number of people for each text.",
        ge=1,
        le=4096,
    )
    tokens: int = setting(50, "Tokens of a text at most; epsilon pays for all of them.", ge=1, le=1024)
    temperature: float = setting(
        1.0,
        "Temperature of the draws: higher allows more of each person, and is less coherent.",
        ge=0.1,
        le=4,
    )
    choices: int = setting(
        100, "How many tokens can come next: the likeliest by the public prompt.", ge=2, le=1000
    )
    reference_tokens: int = setting(
        96, "Tokens of a private text that are read; the rest is cut off.", ge=8, le=1024
    )
    precision: Literal["float32", "bfloat16"] = setting(
        "float32",
        "Numbers of the model: float32, or bfloat16, which some processors compute in half the time.",
    )
