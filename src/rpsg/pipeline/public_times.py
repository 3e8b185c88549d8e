"""Whose time may be told: the stages whose length follows from public settings and from noisy answers.

Every other stage may read private text, so how long it takes grows with the number and the length of private
records: one long text more is seconds more. What is not named here counts as private. Its time is kept in the
private folder of a run and shown nowhere: not on the screen, not in a log, not in JSON, not as a rate,
and not as what is left to wait. So there is no total of a run either.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Stages that ask a writer for what public prompts say, and those that read no private data at all.
PUBLIC_STAGES = frozenset({"writing candidates", "writing variants", "make the table of word vectors"})
#: Beginnings of the names of such stages, which go on with the name of a model.
_PUBLIC_BEGINNINGS = ("pull ",)


def is_told(stage: str) -> bool:
    """Whether the time of the stage may be told."""
    return stage in PUBLIC_STAGES or stage.startswith(_PUBLIC_BEGINNINGS)


def told(seconds: Mapping[str, float]) -> dict[str, float]:
    """The seconds by stage that may be told."""
    return {stage: value for stage, value in seconds.items() if is_told(stage)}
