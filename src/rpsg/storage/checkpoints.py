"""Results of stages on private text, kept in the vault so that a resumed run does not compute them again.

A stage is kept with its numbers of texts in and out, the reasons for dropped ones, and its duration. None of
it is ever released.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rpsg.disk.json_text import canonical_json
from rpsg.errors import RunError
from rpsg.storage.layout import STAGES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rpsg.storage.vault import Vault


@dataclass(frozen=True, slots=True)
class StageResult:
    """The result of a stage: ``value`` as JSON, and the counts of its line in the table."""

    value: Any = field(repr=False)
    taken: int = 0
    given: int = 0
    dropped: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StageLine:
    """One stage in the table: in, out, dropped by reason, seconds."""

    stage: str
    taken: int
    given: int
    dropped: Mapping[str, int]
    seconds: float


class StageCheckpoints:
    """The finished stages of a run, in its vault, in the order in which they ran."""

    def __init__(self, vault: Vault, clock: Callable[[], float] = time.monotonic) -> None:
        self._vault = vault
        self._clock = clock
        self.lines: list[StageLine] = []

    def stage(self, name: str, make: Callable[[], StageResult]) -> Any:
        """The value of the stage called ``name``: the stored one, or computed and stored now.

        Raises:
            RunError: the stored one cannot be read.
        """
        file = f"{STAGES}/{len(self.lines):02d}-{name.replace(' ', '-')}.json"
        if self._vault.exists(file):
            return self._taken(name, file)
        since = self._clock()
        made = make()
        line = StageLine(name, made.taken, made.given, dict(made.dropped), round(self._clock() - since, 2))
        facts = {"taken": line.taken, "given": line.given, "dropped": line.dropped, "seconds": line.seconds}
        content = canonical_json({"facts": facts, "value": made.value})
        self._vault.write(file, content)
        self.lines.append(line)
        # Read back, so that a resumed run gets exactly the same value.
        return json.loads(content)["value"]

    def _taken(self, name: str, file: str) -> Any:
        try:
            kept = json.loads(self._vault.read(file))
            facts = kept["facts"]
            self.lines.append(
                StageLine(name, facts["taken"], facts["given"], facts["dropped"], facts["seconds"])
            )
            return kept["value"]
        except (ValueError, KeyError, TypeError):
            raise RunError(
                f"The result of the stage {name} in the private folder is damaged.",
                hint="Start a new run in another folder with -o.",
            ) from None


def table(lines: list[StageLine]) -> str:
    """The stages as a Markdown table. For the operator: the counts depend on private texts."""
    rows = [
        f"| {line.stage} | {line.taken} | {line.given} | "
        + (", ".join(f"{count} {reason}" for reason, count in sorted(line.dropped.items())) or "-")
        + f" | {line.seconds:.1f} |"
        for line in lines
    ]
    return "\n".join(["| stage | in | out | dropped | seconds |", "|---|---|---|---|---|", *rows])
