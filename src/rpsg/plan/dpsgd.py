"""The section of the plan for the method dpsgd."""

from __future__ import annotations

from typing import ClassVar, Literal

from rpsg.plan.setting import Section, setting


class DpsgdSection(Section):
    """The method dpsgd: how a copy of the writer is trained on the private texts.

    ``[models] writer`` names the weights that are trained. The noise is set by ``[privacy] epsilon`` and
    ``delta``, unless ``noise_multiplier`` is given. The figure is for research: the release claims nothing.
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
        None, "Learning rate of AdamW; by default 0.001 for lora and 0.0001 for full.", gt=0, le=1
    )
    tokens: int = setting(
        192, "Tokens of a training example, control codes included; the rest is cut off.", ge=16, le=8192
    )
    cards: float = setting(
        0.1,
        "Share of mu squared for counting attributes, which decide the control codes; 0: drawn evenly.",
        ge=0,
        lt=1,
    )
    noise_multiplier: float | None = setting(
        None, "Noise divided by clip, instead of what [privacy] epsilon gives; 0: no noise.", ge=0, le=1e4
    )
