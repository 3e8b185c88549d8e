"""Unprotected reads: methods without a guarantee read private values without noise, and that is recorded.

A read is recorded before the value is returned: which stage read what, and where it went. The records become
the ``non_dp_flows`` of the ledger, and a ledger that has one cannot claim end-to-end privacy. Only the values
given at the start can be read: in split mode those of the donors, and none of the voters.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rpsg.disk.journals import append_line, read_journal
from rpsg.disk.json_text import canonical_json
from rpsg.errors import PrivacyError, RunError
from rpsg.privacy.facts import UnprotectedFlow
from rpsg.privacy.private import Private, open_private

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path


class UnprotectedReads:
    """Reads the private values in ``boxes`` by name; ``journal`` is in the private folder of the run.

    Raises:
        RunError: the journal is damaged.
    """

    def __init__(self, journal: Path, boxes: Mapping[str, Callable[[], Private[Any]]]) -> None:
        self._journal, self._boxes = journal, boxes
        self._flows = [_flow(line) for line in read_journal(journal)]

    @property
    def flows(self) -> tuple[UnprotectedFlow, ...]:
        """All reads of the run so far, of this process and earlier ones, each once."""
        return tuple(self._flows)

    def read(self, name: str, flow: UnprotectedFlow) -> Any:
        """The private value called ``name``, after ``flow`` is recorded.

        Raises:
            PrivacyError: there is no value of that name.
        """
        if name not in self._boxes:
            raise PrivacyError(f"The {name} of these people may not be read without a mechanism.")
        self.note(flow)
        return open_private(self._boxes[name]())

    def note(self, flow: UnprotectedFlow) -> None:
        """Record another flow of a value that was read before."""
        if flow not in self._flows:
            append_line(self._journal, canonical_json(asdict(flow)))
            self._flows.append(flow)


def _flow(line: Mapping[str, Any]) -> UnprotectedFlow:
    try:
        return UnprotectedFlow(**line)
    except TypeError:
        raise RunError(
            "The journal of reads without noise is damaged.",
            hint="Start a new run in another folder with -o.",
        ) from None
