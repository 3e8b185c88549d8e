"""All texts of a release, drawn one token after the other.

Texts that are drawn token by token take hours, so a run may stop in one. Their charge pays for
a number of tokens of each text. Each token is counted in the account book before it is drawn, and is in the
private folder before the next one depends on it. So a resumed run goes on after the last token; one that a
crash lost, or that a copy of the folder draws again, is counted too, and charged on top where the count
exceeds what was paid.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rpsg.privacy.mechanisms import drawn_token, token_steps
from rpsg.privacy.token_sampling import is_whole

if TYPE_CHECKING:
    from collections.abc import Callable

    from rpsg.privacy.evidence import Texts
    from rpsg.privacy.histogram import Query
    from rpsg.privacy.private import Private
    from rpsg.privacy.released import NextTokens
    from rpsg.privacy.token_log import TokenLog
    from rpsg.privacy.token_sampling import References


def draw_texts(
    query: Query,
    log: TokenLog,
    choices: NextTokens,
    references: Private[References],
    before: Callable[[int], None],
) -> Texts:
    """The texts, of which ``log`` holds those tokens that were drawn before, and gets each as it is drawn.

    ``before`` is called with the number of a text before a token of it is drawn.
    """
    for text, written in enumerate(log.texts):
        while not is_whole(written, query.k):
            steps = token_steps(query, text, written, choices(text, written), references)
            before(text)
            log.append(text, drawn_token(*steps))
    return tuple(map(tuple, log.texts))
