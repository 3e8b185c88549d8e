"""The kernel's write-ahead log: each step is on the disk before it happens.

    begin(run, plan, noise)          once
    reserve(seq, query)              the query is fixed
    draw(seq, draw)                  the noise is drawn next, under this id
    commit(seq, sha256)              the noisy vector is in its evidence file

Between ``draw`` and ``commit`` the evidence file appears atomically. Every line is synced. The log is in the
private folder of the run and holds no counts and no noise. It serves to resume a run; charges are in the
account book, which does not rely on it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from rpsg.disk.journals import append_line, drop_torn_line, read_journal
from rpsg.disk.json_text import canonical_json
from rpsg.errors import RunError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from rpsg.privacy.histogram import Query

JOURNAL_GONE = (
    "Restore the private folder of the run from the same backup as its evidence, or begin a new run in "
    "another folder with -o. What was already drawn remains charged."
)
_NEW_FOLDER = "Use a new run folder, or resume with the plan with which this run was started."


@dataclass(slots=True)
class Step:
    """The journal's record of one release."""

    query: Mapping[str, Any]
    draws: list[str] = field(default_factory=list)
    sha256: str | None = None


@dataclass(slots=True)
class WriteAheadLog:
    """The journal at ``path``, read back if it exists.

    ``begun`` says that the run has noisy answers already: then a missing journal is an error, because without
    it the number of draws is unknown.
    """

    path: Path
    heading: dict[str, Any]
    begun: bool = False
    steps: dict[int, Step] = field(default_factory=dict)

    def open(self) -> WriteAheadLog:
        """Read the journal, or begin one.

        Raises:
            RunError: the journal belongs to another run, plan or noise source, is damaged, or is missing.
        """
        events = read_journal(self.path)
        drop_torn_line(self.path)
        if not events and self.begun:
            raise RunError(
                "The journal of this run is missing, but its noisy answers are there.", hint=JOURNAL_GONE
            )
        if not events:
            append_line(self.path, canonical_json({"event": "begin", **self.heading}))
            return self
        if events[0] != {"event": "begin", **self.heading}:
            raise RunError("The run folder belongs to another run, plan or noise source.", hint=_NEW_FOLDER)
        for event in events[1:]:
            self._take(event)
        return self

    def reserve(self, seq: int, query: Query) -> Step:
        """The step at ``seq``, recorded if it is new.

        Raises:
            RunError: another query was reserved there.
        """
        if seq in self.steps:
            if self.steps[seq].query != asdict(query):
                raise RunError(
                    f"Stage {query.stage} asks a different question than before.", hint=_NEW_FOLDER
                )
            return self.steps[seq]
        self._record({"event": "reserve", "seq": seq, "query": asdict(query)})
        return self.steps[seq]

    def draw(self, seq: int, draw: str) -> None:
        self._record({"event": "draw", "seq": seq, "draw": draw})

    def commit(self, seq: int, sha256: str) -> None:
        self._record({"event": "commit", "seq": seq, "sha256": sha256})

    def _record(self, event: Mapping[str, Any]) -> None:
        append_line(self.path, canonical_json(event))
        self._take(event)

    def _take(self, event: Mapping[str, Any]) -> None:
        match event:
            case {"event": "reserve", "seq": int(seq), "query": dict(query)} if seq not in self.steps:
                self.steps[seq] = Step(query)
            case {"event": "draw", "seq": int(seq), "draw": str(draw)} if seq in self.steps:
                self.steps[seq].draws.append(draw)
            case {"event": "commit", "seq": int(seq), "sha256": str(sha256)} if seq in self.steps:
                self.steps[seq].sha256 = sha256
            case _:
                raise RunError("The journal of the run is damaged.", hint=_NEW_FOLDER)


def journal_steps(path: Path) -> dict[int, Step]:
    """The steps in the journal at ``path``, for reading only.

    Raises:
        RunError: it is damaged or is not there.
    """
    events = read_journal(path)
    if not events:
        raise RunError("The journal of this run is missing.", hint=JOURNAL_GONE)
    journal = WriteAheadLog(path, events[0])
    for event in events[1:]:
        journal._take(event)  # noqa: SLF001  # the same file
    return journal.steps
