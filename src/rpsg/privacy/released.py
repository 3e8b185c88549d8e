"""``rpsg verify``, level 2: the files beside a ledger. Those it names are unchanged, and say what it claims.

A seal needs no key, so whoever changes a file can name its new hash in a new ledger. What the words and the
rows say is therefore held against the claim as well.
"""

from __future__ import annotations

import hashlib
import html
import json
import re
from typing import TYPE_CHECKING, Any

from rpsg.domains import read_pack
from rpsg.domains.pack import SEED_PROMPTS
from rpsg.errors import RpsgError
from rpsg.privacy.checks import row_claim, speaks_of_a_budget
from rpsg.results import Check

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

CORPUS, PACK, REPORT = "corpus.jsonl", "evidence/pack", "report.html"
WORDS = ("summary.md", "README.md")
_BY_OTHER_CHECKS = re.compile(r"ledger\.json|evidence/release-\d+\.json|evidence/pack/[^/]+\.(toml|txt)")


def check_files(folder: Path, ledger: Mapping[str, Any], *, seeded: bool) -> Iterator[Check]:
    """Each file that the ledger names, then the words, and for ``seeded`` releases rows and pack too.

    Other releases are replayed, which shows more than a look at their rows and their pack.
    """
    yield from _unchanged(folder, ledger)
    yield _check("words of the claim", lambda: _words(folder, ledger))
    if seeded:
        yield _check("claim of every row", lambda: _rows(folder, ledger))
        yield _check("domain pack and prompts", lambda: _pack(folder, ledger))


def unnamed(folder: Path, ledger: Mapping[str, Any]) -> list[str]:
    """Files of a release that no check looks at, because the ledger does not name them."""
    named = {output["name"] for output in ledger["outputs"]}
    files = (path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*")) if not path.is_dir())
    return [
        name.encode("utf-8", "backslashreplace").decode()
        for name in files
        if name not in named and not _BY_OTHER_CHECKS.fullmatch(name)
    ]


def _check(name: str, reasons: Callable[[], Iterator[str]]) -> Check:
    try:
        found = list(reasons())
    except (OSError, ValueError, LookupError, TypeError, RpsgError) as error:
        found = [f"it cannot be read ({type(error).__name__})"]
    return Check(name, ok=not found, detail="; ".join(found) if found else "as the ledger has it")


def _unchanged(folder: Path, ledger: Mapping[str, Any]) -> Iterator[Check]:
    for output in ledger["outputs"]:
        path = folder / output["name"]
        same = path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == output["sha256"]
        yield Check(
            output["name"], ok=same, detail="as the ledger names it" if same else "missing or changed"
        )


def _words(folder: Path, ledger: Mapping[str, Any]) -> Iterator[str]:
    claim = ledger["claim"]
    for name in WORDS:
        told = (folder / name).read_text(encoding="utf-8")
        if claim["text"] not in told:
            yield f"{name} does not hold the claim of the ledger"
        if claim["type"] == "no_formal_guarantee" and speaks_of_a_budget(told):
            yield f"{name} names a privacy budget, and the ledger claims none"
    page = folder / REPORT
    if page.is_file() and claim["text"] not in html.unescape(page.read_text(encoding="utf-8")):
        yield f"{REPORT} does not hold the claim of the ledger"


def _rows(folder: Path, ledger: Mapping[str, Any]) -> Iterator[str]:
    testing = ledger["status"] == "not_private_testing"
    sentence = row_claim(ledger["claim"]["type"], testing=testing)
    with (folder / CORPUS).open(encoding="utf-8") as lines:
        if any(json.loads(line)["claim"] != sentence for line in lines):
            yield f"a row of {CORPUS} does not hold the claim of the ledger"


def _pack(folder: Path, ledger: Mapping[str, Any]) -> Iterator[str]:
    """Prompts that a pack does not have come from the program, and a later one may have others."""
    pack = read_pack(folder / PACK)
    named = {line["name"]: line.get("sha256") for line in ledger["public_inputs"]}
    if pack.sha256 not in named.values():
        yield "the domain pack of the evidence is not the one that the ledger names"
    has_all = all((folder / PACK / name).is_file() for name in SEED_PROMPTS)
    if has_all and named.get("prompts") != pack.prompts_sha256:
        yield "the prompts of the evidence are not those that the ledger names"
