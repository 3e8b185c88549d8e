"""The tokens of texts that are being drawn: each is on the disk before anything is made from it.

One private file for each release of tokens. The first line names the draw that pays for them and the secret
division of the rows among the texts; every other line is a token.

Texts that are drawn token by token take hours, so a run may stop within a text. Their charge pays for
a number of tokens of each text. Each token is counted in the account book before it is drawn, and is in the
private folder before the next one depends on it. So a resumed run continues after the last token. A token
that a crash lost, or that a copy of the folder draws again, is counted too, and charged in addition if the
count exceeds what was paid.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rpsg.disk.journals import append_line, drop_torn_line, read_journal
from rpsg.disk.json_text import canonical_json
from rpsg.errors import RunError
from rpsg.privacy.evidence import Token, parse_token
from rpsg.privacy.mechanisms import drawn_token, token_steps
from rpsg.privacy.token_counts import DIVIDED_ANEW
from rpsg.privacy.token_sampling import is_whole
from rpsg.privacy.write_ahead_log import JOURNAL_GONE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from rpsg.privacy.evidence import Texts
    from rpsg.privacy.histogram import Query
    from rpsg.privacy.private import Private
    from rpsg.privacy.released import NextTokens
    from rpsg.privacy.token_sampling import References


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


def draw_texts(
    query: Query,
    log: TokenLog,
    choices: NextTokens,
    references: Private[References],
    before: Callable[[int], None],
) -> Texts:
    """The finished texts. ``log`` has the tokens that were drawn before, and gets every further one as it is
    drawn.

    ``before`` is called with the number of a text before a token of it is drawn.
    """
    for text, written in enumerate(log.texts):
        while not is_whole(written, query.k):
            steps = token_steps(query, text, written, choices(text, written), references)
            before(text)
            log.append(text, drawn_token(*steps))
    return tuple(map(tuple, log.texts))
