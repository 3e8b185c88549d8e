"""Canaries in a run: drawn before anything private is read, planted among its rows, and never released."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

from rpsg.disk.json_text import canonical_json
from rpsg.errors import RpsgError, RunError, UsageError
from rpsg.privacy.private import open_private
from rpsg.records import Document, PrivateCorpus
from rpsg.stages.canaries import Canaries, Canary, extracted, make_canaries
from rpsg.stages.sanitize import as_shown
from rpsg.storage.blocked import block, refuse_blocked
from rpsg.storage.layout import ANSWERS, CANARIES
from rpsg.storage.readers import read_corpus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rpsg.domains import Pack
    from rpsg.plan import Plan
    from rpsg.storage.run_folder import RunFolder
    from rpsg.storage.vault import Vault

FORMAT = "rpsg-canaries/1"
#: Files of a release that are not searched: embeddings have no words, and the table is a copy of the corpus.
NO_WORDS = {".bin", ".parquet"}
#: An escape in JSON; a character outside the first plane is two of them.
_ESCAPED = re.compile(r'\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}(?:\\u[0-9a-fA-F]{4})*)')


def draw_canaries(plan: Plan, folder: RunFolder, beginnings: Callable[[], Sequence[str]]) -> None:
    """Draw the plan's canaries and their coins once, and keep them in the vault; a resumed run keeps its own.

    Raises:
        RunError: noisy answers were drawn already, but the canaries that they include are gone.
        UsageError: there are too few public texts for the canaries to begin with.
    """
    if not plan.data.audit_canaries or folder.vault.exists(CANARIES):
        return
    if folder.private_path(ANSWERS).exists():
        raise RunError(
            "The canaries of this run are gone. Its noisy counts include them, so new canaries cannot "
            "replace them.",
            hint="Restore the private folder, or start a new run in another folder with -o.",
        )
    drawn = make_canaries(plan.data.audit_canaries, beginnings())
    rows = [
        {"beginning": c.beginning, "end": list(c.end), "code": c.code, "is_in": inside}
        for c, inside in zip(drawn.canaries, drawn.is_in, strict=True)
    ]
    folder.vault.write(CANARIES, canonical_json({"format": FORMAT, "canaries": rows}))


def kept_canaries(vault: Vault) -> Canaries:
    """The canaries of a run and their coins; RunError if its vault does not have them."""
    rows = json.loads(vault.read(CANARIES))["canaries"]
    made = tuple(Canary(row["beginning"], tuple(row["end"]), row["code"]) for row in rows)
    return Canaries(made, tuple(row["is_in"] for row in rows))


def planted_among(rows: PrivateCorpus, canaries: Canaries, plan: Plan, key: bytes) -> PrivateCorpus:
    """The rows, followed by one row for each planted canary; each canary is by a separate person.

    Its label, and its values in the columns beside the text, are chosen by a keyed hash from the declared
    ones. So nothing about a canary depends on a private text.
    """
    labels, first = plan.data.label_values, 1 + max((row.id for row in rows), default=-1)
    columns = plan.data.column_values
    more = []
    for index, text in enumerate(canaries.planted):
        tag = hmac.digest(key, b"rpsg-canary/1\0" + text.encode(), hashlib.sha256)
        label = labels[int.from_bytes(tag[:8], "big") % len(labels)] if labels else None
        user = f"canary {tag.hex()}" if plan.data.user else None
        beside = tuple((name, _drawn(values, tag + name.encode())) for name, values in columns)
        more.append(Document(first + index, text, label, user, beside))
    return PrivateCorpus((*rows.documents, *more))


def _drawn(values: Sequence[str], secret: bytes) -> str:
    """One of the values, by a hash."""
    return values[int.from_bytes(hashlib.sha256(secret).digest()[:8], "big") % len(values)]


def refuse_canaries(vault: Vault, plan: Plan, release: Path) -> None:
    """Refuse a release that has a canary in any of its files, and block the run for good.

    Whether it was planted does not matter, so that a refusal reveals nothing about the coins.

    Raises:
        PrivacyError: a canary is in the release. No second corpus may be made, since by chance it could be
            without canaries.
    """
    if not (plan.data.audit_canaries and vault.exists(CANARIES)):
        return
    if any(extracted(kept_canaries(vault), _words_of(release))):
        block(vault.folder.parent)
        refuse_blocked(vault.folder.parent)


def tested_plan(plan: Plan, pack: Pack) -> str:
    """A hash that is the same for a plan and for the audit run that tests it, whatever their accounts."""
    data = plan.data.model_copy(update={"audit_canaries": 0, "audit_holdout": 0.0})
    return plan.model_copy(update={"data": data}).fingerprint(pack=pack.sha256)


def public_texts(plan: Plan) -> list[str]:
    """The public texts that the plan names for the beginnings of canaries.

    Raises:
        UsageError: they are the private texts, so that two canaries and a person would share words.
        DataError: they cannot be read.
    """
    if Path(plan.data.canary_texts).resolve() == Path(plan.data.path).resolve():
        raise UsageError(
            "The public texts that canaries begin with are the private texts themselves.",
            hint="With --canary-texts, name a file of public texts, or leave this option out: then the "
            "writer makes some.",
        )
    data = plan.data
    try:
        corpus = read_corpus(data.canary_texts, text=data.text, encoding=data.canary_encoding)
    except RpsgError as error:
        error.hint = error.hint.replace("--encoding", "--canary-encoding")
        raise
    return [row.text for row in open_private(corpus)]


def _words_of(release: Path) -> Iterator[str]:
    """The lines of all files with words, ``as_shown``: an audit reads texts so, and finds a canary whose
    words have invisible characters. In JSON a text is on one line, since its line breaks are escaped.
    """
    for file in sorted(release.rglob("*")):
        if file.is_file() and file.suffix not in NO_WORDS:
            is_json = file.suffix in {".json", ".jsonl"}
            with file.open(encoding="utf-8", errors="replace") as lines:
                yield from (as_shown(_unescaped(line) if is_json else line) for line in lines)


def _unescaped(line: str) -> str:
    """A line of JSON with the characters for which its escapes stand."""
    return _ESCAPED.sub(lambda escape: str(json.loads(f'"{escape.group()}"')), line)
