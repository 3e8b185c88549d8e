"""The answers of a kernel, and the facts about them that go into the ledger."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from rpsg.privacy.evidence import Token
from rpsg.privacy.token_sampling import Choices

if TYPE_CHECKING:
    from rpsg.privacy.accounting import Budget, PlannedRelease
    from rpsg.privacy.evidence import Selected, Texts
    from rpsg.privacy.exact_sums import Contributions
    from rpsg.privacy.histogram import IntArray, Query
    from rpsg.privacy.mechanisms import UnitItems
    from rpsg.privacy.private import Private
    from rpsg.privacy.token_sampling import References

#: The public tokens that can come next in a text, from its number and its tokens so far.
NextTokens = Callable[[int, Sequence[Token]], Choices]


class Releases(Protocol):
    """Answers a method's private queries: the kernel in a run, the evidence in a replay."""

    def release(self, query: Query, contributions: Callable[[], Private[Contributions]], /) -> IntArray: ...

    def select(
        self, query: Query, delta_fail: float, items: Callable[[], Private[UnitItems]]
    ) -> Selected: ...

    def sample(
        self, query: Query, choices: NextTokens, references: Callable[[str], Private[References]], /
    ) -> Texts: ...


@dataclass(frozen=True, slots=True)
class Released:
    """One finished release, as it appears in the ledger."""

    seq: int
    query: Query
    planned: PlannedRelease
    output_sha256: str


@dataclass(frozen=True, slots=True)
class Performed:
    """The work of a kernel, for the ledger: the plan, the releases, and the name of the noise source."""

    budget: Budget
    releases: tuple[Released, ...]
    source: str
