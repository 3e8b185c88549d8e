"""The protocol of a sum over people that is computed in parts.

A method asks a *question*: public parameters and nothing else, so that any machine can be given it. An
*engine* divides the rows by person, has the contributions of each part computed and added up where its people
are, and adds the parts. It returns the exact sum inside ``Private``; only the kernel opens it, and draws the
noise once, after the charge is in the account book. No engine draws noise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rpsg.privacy.exact_sums import ExactSum
    from rpsg.privacy.histogram import Query, RowCells
    from rpsg.privacy.private import Private
    from rpsg.privacy.vector_sum import BoundedVectors
    from rpsg.protocols import Classifier
    from rpsg.stages.contributions import People


class SumsNeeded(Exception):  # noqa: N818  # no error: the run waits
    """The run waits for sums that are computed elsewhere. What it has not spent stays reserved."""


class Question(Protocol):
    """A question to everybody. It has public parameters only. The contribution of a row follows from the row,
    the number of rows that its person has, and these parameters. It does not depend on other people.
    """

    def contributions(
        self, people: People, sentiment: Classifier
    ) -> Private[RowCells] | Private[BoundedVectors]:
        """The contributions of the rows of these people; ``sentiment`` is the plan's public model."""


class Engine(Protocol):
    """Computes exact sums. Each person, with all rows, must be in exactly one of its parts."""

    def exact_sum(self, query: Query, question: Question) -> Private[ExactSum]:
        """The exact answer to ``query`` over everybody, int64 of shape (dim,), never unencrypted on a disk.

        Raises:
            PrivacyError: some rows break the query's contribution rule, or could not be computed.
            SumsNeeded: they are not there yet.
        """
