"""The list of a folder: one line about each run, release and comparison."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from rpsg.compare.matrix import Matrix
from rpsg.compare.outcome import INTERNAL, read_comparison
from rpsg.errors import RpsgError, RunError
from rpsg.release.reader import Release
from rpsg.report.files import day_in_words
from rpsg.report.front import promise
from rpsg.storage.layout import COMPARISON, CORPUS, LEDGER, MATRIX, RUN
from rpsg.storage.run_folder import AUDIT_RUN, purpose_of
from rpsg.storage.run_state import is_at_work, method_of_run, state_of
from rpsg.viewer.folder import require_inside
from rpsg.viewer.guard import log_failure

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import Any

    from rpsg.compare.outcome import Comparison
    from rpsg.display import Child
    from rpsg.viewer.folder import FolderEntry

ShownState = Literal["running", "finished", "stopped", "released", "damaged"]
#: Larger files of these names are not read for the list.
LARGEST_FILE = 1 << 26
#: The errors that a damaged or hostile file can cause.
_BROKEN = (ArithmeticError, AttributeError, LookupError, OSError, RecursionError, TypeError, ValueError)
NOTHING_YET = "Nothing has been released yet."
AUDITED = "An audit run. Its corpus was attacked and is never released."


@dataclass(frozen=True, slots=True)
class ListLine:
    """One line of the list. ``texts`` is None if not known; ``day`` is the day of the last change."""

    found: FolderEntry
    state: ShownState
    method: str
    claim: Child
    texts: int | None
    day: str

    @property
    def has_release(self) -> bool:
        """Whether there is a release to read."""
        return self.state in {"finished", "released"} and self.found.kind != "comparison"


def line_of(root: Path, found: FolderEntry) -> ListLine:
    """The line of a run, a release or a comparison; of a damaged one it says what is wrong."""
    try:
        if found.kind == "comparison":
            return _line_of_comparison(root, found)
        if found.kind == "release" or state_of(found.path) == "finished":
            return _line_of_release(root, found)
        return _line_of_run(root, found)
    except RpsgError as error:
        return ListLine(found, "damaged", "", error.message, None, "")
    except _BROKEN as error:  # mostly because of a damaged file, but a mistake in this program looks the same
        log_failure("A line of the list could not be made", error)
        return ListLine(found, "damaged", "", "Its files are damaged.", None, "")


def _line_of_release(root: Path, found: FolderEntry) -> ListLine:
    file = plain_file(root, found.release / LEDGER)
    release = Release(found.release, in_place=True)  # nothing but the ledger is read
    outputs: list[Mapping[str, Any]] = release.ledger["outputs"]
    texts = next((int(line["records"]) for line in outputs if line["name"] == CORPUS), None)
    state: ShownState = "finished" if found.kind == "run" else "released"
    return ListLine(found, state, str(release.ledger["method"]), promise(release), texts, _day(file))


def _line_of_run(root: Path, found: FolderEntry) -> ListLine:
    file = plain_file(root, found.path / RUN)
    claim = AUDITED if purpose_of(found.path) == AUDIT_RUN else NOTHING_YET
    return ListLine(found, state_of(found.path), method_of_run(found.path), claim, None, _day(file))


def _line_of_comparison(root: Path, found: FolderEntry) -> ListLine:
    comparison = comparison_of(root, found)
    if comparison is None:
        file = plain_file(root, found.path / MATRIX)
        try:
            title = Matrix.model_validate_json(file.read_bytes()).title
        except ValueError:
            raise RunError("Its file is damaged or of another version.") from None
        return ListLine(
            found, comparison_state(found, None), "", f"{title}: no cell is done yet.", None, _day(file)
        )
    methods = dict.fromkeys(cell.family for cell in comparison.cells)
    done = sum(cell.is_done for cell in comparison.cells)
    said = f"{comparison.title}: {done:,} of {len(comparison.cells):,} cells are done."
    if comparison.internal:
        said = f"{said} {INTERNAL}"
    day = _day(found.path / COMPARISON)
    return ListLine(found, comparison_state(found, comparison), ", ".join(methods), said, None, day)


def comparison_of(root: Path, found: FolderEntry) -> Comparison | None:
    """What is known of a comparison; None if no cell of it was run. RunError if its file is damaged."""
    if not (found.path / COMPARISON).exists():
        return None
    return read_comparison(plain_file(root, found.path / COMPARISON))


def comparison_state(found: FolderEntry, comparison: Comparison | None) -> ShownState:
    """Running while a process works in its folder; finished if nothing is left to do."""
    if is_at_work(found.path):
        return "running"
    open_states = {"new", "stopped", "failed", "running"}
    is_open = comparison is None or any(cell.state in open_states for cell in comparison.cells)
    return "stopped" if is_open else "finished"


def plain_file(root: Path, path: Path) -> Path:
    """``path``, if it may be read: inside the folder, not a link, not too large. RunError otherwise."""
    file = require_inside(root, path)
    if not file.is_file() or file.stat().st_size > LARGEST_FILE:
        raise RunError(f"{file.name} is not a file, or is too large to be shown.")
    return file


def _day(file: Path) -> str:
    return day_in_words(datetime.fromtimestamp(file.stat().st_mtime, UTC).astimezone())
