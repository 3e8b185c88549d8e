"""``rpsg verify``, level 1: recomputes the arithmetic of a release from its public files."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rpsg.disk.json_text import strict_json
from rpsg.errors import RpsgError
from rpsg.privacy.checks import CHECKS, form
from rpsg.privacy.evidence import Evidence, evidence_file, evidence_names, parse_evidence
from rpsg.privacy.sources import TOKENS, noisy_answers
from rpsg.privacy.token_sampling import is_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

CANNOT_SHOW = (
    "that the operator ran this code on these data, and nothing else",
    "that the list of mechanisms is complete, if plan, ledger and evidence were all shortened together",
    "that the noise came from where the ledger says, and was not stored",
    "that nobody hid data in the last digits of the embeddings in the evidence",
    "that the user column is right, and that public inputs were fixed before the data were seen",
)

_LARGEST_LEDGER = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Check:
    """One check, whether it passed, and what was found."""

    name: str
    ok: bool
    detail: str = ""


def verify_release(ledger: Path, corpus: Path, evidence: Path) -> list[Check]:
    """Every check of a public ledger file, with its corpus and its evidence folder.

    A file that cannot be read or parsed is a failed check, not an error. What no verifier can show is in
    ``CANNOT_SHOW``.
    """
    try:
        parsed = _read(ledger)
    except (OSError, ValueError) as error:
        return [Check("file", ok=False, detail=f"the ledger cannot be read: {_reason(error)}")]
    checks = [
        Check("file", ok=True, detail="strict JSON, no key twice, no NaN"),
        *verify_ledger(parsed),
    ]
    if not checks[1].ok:
        return checks
    return [*checks, _run("corpus", _corpus(parsed, corpus)), _run("evidence", _evidence(parsed, evidence))]


def verify_ledger(ledger: Mapping[str, Any]) -> list[Check]:
    """The checks that need only the parsed ledger. If "form" fails, the others are skipped."""
    checks = [_check("form", form(ledger))]
    if checks[0].ok:
        checks += [_check(name, found(ledger)) for name, found in CHECKS]
    return checks


def _read(path: Path) -> Any:
    with path.open("rb") as file:
        content = file.read(_LARGEST_LEDGER + 1)
    if len(content) > _LARGEST_LEDGER:
        raise ValueError("it is too large")
    return strict_json(content)


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        return error.strerror or "no such file"
    return error.sentences if isinstance(error, RpsgError) else str(error)


def _check(name: str, reasons: Iterator[str]) -> Check:
    try:
        found = list(reasons)
    except (ArithmeticError, LookupError, TypeError, ValueError):  # absurd numbers or missing parts
        found = ["it cannot be computed from the content of the ledger"]
    return Check(name, ok=not found, detail="; ".join(found) if found else "holds")


def _run(name: str, reasons: Iterator[str]) -> Check:
    try:
        return _check(name, reasons)
    except (OSError, ValueError) as error:
        return Check(name, ok=False, detail=f"cannot be read: {_reason(error)}")


def _corpus(ledger: Mapping[str, Any], path: Path) -> Iterator[str]:
    digest, lines = hashlib.sha256(), 0
    with path.open("rb") as file:
        for line in file:
            digest.update(line)
            lines += 1
    named = [o for o in ledger["outputs"] if o["sha256"] == digest.hexdigest()]
    if not named:
        yield "the corpus is not the one that the ledger names"
    elif path.suffix == ".jsonl" and named[0]["records"] != lines:
        yield "the number of records is not the one that the ledger names"


def _evidence(ledger: Mapping[str, Any], folder: Path) -> Iterator[str]:
    lines = noisy_answers(ledger)
    thresholds = {
        m["stage"]: m["threshold"] for m in ledger["mechanisms"] if m["kind"] == "selection_threshold"
    }
    if evidence_names(folder) != {evidence_file(folder, seq).name for seq in range(len(lines))}:
        yield "the number of evidence files is not the number of mechanisms"
        return
    draws: set[str] = set()
    for seq, line in enumerate(lines):
        content = evidence_file(folder, seq).read_bytes()
        if hashlib.sha256(content).hexdigest() != line["output_sha256"]:
            yield f"{line['stage']}: the evidence was changed"
            continue
        evidence = parse_evidence(content)
        if evidence.draw in draws:
            yield f"{line['stage']}: its evidence has the draw of an earlier stage"
        draws.add(evidence.draw)
        if (evidence.plan_sha256, evidence.seq, evidence.stage) != (
            ledger["plan_sha256"],
            seq,
            line["stage"],
        ):
            yield f"{line['stage']}: the evidence belongs to another plan or step"
        yield from _content(line, evidence, thresholds.get(f"{line['stage']}.select"))


def _content(line: Mapping[str, Any], evidence: Evidence, threshold: int | None) -> Iterator[str]:
    if line["kind"] == TOKENS:
        texts = evidence.texts or ()
        if len(texts) != line["dim"] or not all(is_text(text, line["sens"]["k"]) for text in texts):
            yield f"{line['stage']}: the evidence does not have as many whole texts as the ledger names"
    elif threshold is None:
        if evidence.values is None or len(evidence.values) != line["dim"]:
            yield f"{line['stage']}: the evidence does not have the cells that the ledger names"
    elif evidence.items is None or any(count < threshold for _, count in evidence.items):
        yield f"{line['stage']}: a released string did not pass the threshold"
