"""The tokens of texts that are being drawn: each is on the disk before anything is made from it.

One private file for each release of tokens. The first line names the draw that pays for them and the secret
division of the rows among the texts; every other line is a token. A run that stops in a text goes on after
its last token. What is drawn under a charge is counted by the account book and not here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rpsg.errors import RunError
from rpsg.journals import append_line, drop_torn_line, read_journal
from rpsg.json_text import canonical_json
from rpsg.privacy.evidence import Token, parse_token
from rpsg.privacy.token_counts import DIVIDED_ANEW
from rpsg.privacy.token_sampling import is_whole
from rpsg.privacy.write_ahead_log import JOURNAL_GONE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def token_file(folder: Path, seq: int) -> Path:
    """The log of the release at this position of the plan."""
    return folder / f"tokens-{seq:03d}.jsonl"


def drawn_under(path: Path, plan_sha256: str) -> str | None:
    """The draw of the log at ``path``; None if there is no log of this plan."""
    lines = read_journal(path)
    if not lines or lines[0].get("plan_sha256") != plan_sha256:
        return None
    return str(lines[0].get("draw"))


@dataclass(slots=True)
class TokenLog:
    """The log at ``path`` of ``count`` texts with at most ``most`` tokens each."""

    path: Path
    count: int
    most: int
    texts: list[list[Token]] = field(default_factory=list)

    def open(self, heading: Mapping[str, str]) -> TokenLog:
        """Read the log, or begin one.

        Raises:
            RunError: it is damaged, or of another draw, plan or division of the rows.
        """
        drop_torn_line(self.path)
        self.texts = [[] for _ in range(self.count)]
        lines = read_journal(self.path)
        if not lines:
            append_line(self.path, canonical_json(dict(heading)))
        elif lines[0] != heading:
            raise RunError(DIVIDED_ANEW, hint=JOURNAL_GONE)
        for line in lines[1:]:
            self._take(line)
        return self

    def append(self, text: int, token: Token) -> None:
        """Add the next token of a text."""
        append_line(self.path, canonical_json({"text": text, "token": list(token)}))
        self.texts[text].append(token)

    def _take(self, line: Mapping[str, Any]) -> None:
        text, token = line.get("text"), line.get("token")
        known = type(text) is int and 0 <= text < self.count and not is_whole(self.texts[text], self.most)
        try:
            found = parse_token(token)
        except ValueError:
            known = False
        if not known or type(text) is not int:
            raise RunError(f"The file {self.path.name} of this run is damaged.", hint=JOURNAL_GONE)
        self.texts[text].append(found)
