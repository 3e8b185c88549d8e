"""The privacy claim of a corpus, and how much it allows anybody to find out about the people in its data."""

from __future__ import annotations

from dataclasses import dataclass

from rpsg.errors import UsageError
from rpsg.privacy.attack_bounds import most_auc, most_true_positives
from rpsg.privacy.gaussian import attack_success, epsilon_of

#: The delta at which a claim in terms of mu is tested.
DELTA_OF_MU = 1e-6


@dataclass(frozen=True, slots=True)
class Claim:
    """The claim about a corpus: (epsilon, delta), or mu; without either, that the corpus reveals nothing at
    all.

    ``epsilon`` and ``delta`` are what is tested: for a claim of mu the pair that follows from it.
    """

    epsilon: float = 0.0
    delta: float = 0.0
    mu: float | None = None
    is_made: bool = False

    @classmethod
    def of(cls, epsilon: float | None, delta: float | None, mu: float | None) -> Claim:
        """The claim as it was given.

        Raises:
            UsageError: it has two forms at once, or figures that no claim can have.
        """
        if mu is not None:
            if epsilon is not None or not 0.0 < mu < 50.0:
                raise UsageError(
                    "A claim is either mu, which is positive, or epsilon with delta.",
                    hint="Give mu alone, or epsilon and delta.",
                )
            return cls(epsilon_of(mu, DELTA_OF_MU), DELTA_OF_MU, mu, is_made=True)
        if epsilon is None:
            if delta is not None:
                raise UsageError("A delta alone claims nothing.", hint="Give epsilon too, or neither.")
            return cls()
        if not (0.0 <= epsilon < 1e6 and 0.0 <= (delta or 0.0) < 1.0):
            raise UsageError(
                "A claim needs an epsilon that is not negative, and a delta from 0 to below 1.",
                hint="Give for example epsilon=2, delta=1e-6.",
            )
        return cls(epsilon, delta or 0.0, is_made=True)

    def allows(self) -> dict[str, float]:
        """The best that anybody can do against one person: AUC, and TPR at FPR 1 % and 0.1 %."""
        if self.mu is not None:
            best = attack_success(self.mu)
            return {
                "auc": best.auc,
                "tpr at fpr 1 %": best.tpr_at_fpr_1_percent,
                "tpr at fpr 0.1 %": best.tpr_at_fpr_01_percent,
            }
        return {
            "auc": most_auc(self.epsilon, self.delta),
            "tpr at fpr 1 %": most_true_positives(self.epsilon, self.delta, 0.01),
            "tpr at fpr 0.1 %": most_true_positives(self.epsilon, self.delta, 0.001),
        }
