"""Step 2, schema: topics proposed by the LLM from one public line, for the user to read and edit.

The writer sees the line and nothing else, so this costs no privacy, whatever it proposes. What comes out
is a domain pack in a folder of the user's: the generic pack with the proposed topics in place of its own.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rpsg.errors import ModelError
from rpsg.protocols import Message, Request
from rpsg.stages.streams import text_seed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rpsg.protocols import Embedder, Reply, Writer

ASKS = 12
LISTED = 15
SAME_TOPIC = 0.8
FEWEST = 8
BULLET = re.compile(r"^\s*(?:[-*\u2022]|\(?\d{1,3}[.):])\s*")
TOPIC = re.compile(r"[A-Za-z][\w ,'&/-]{2,59}")


def proposal_requests(about: str, seed: int) -> list[Request]:
    """Several requests for a list of topics: each sees one example of such a list, and the public line."""
    shared = (
        Message(
            "system", "You make lists of topics. One topic on each line, two to six words, nothing else."
        ),
        Message("user", "List 5 different topics of: messages that guests send to a hotel"),
        Message(
            "assistant",
            "1. late check-in\n2. noise from the street\n3. lost luggage\n4. parking\n5. breakfast",
        ),
        Message("user", f"List {LISTED} different topics of: {about}"),
    )
    return [
        Request(shared, max_tokens=LISTED * 12, seed=text_seed(seed, "schema", i), temperature=0.9)
        for i in range(ASKS)
    ]


def propose_topics(about: str, writer: Writer, embedder: Embedder, *, size: int, seed: int = 0) -> list[str]:
    """At most ``size`` topics for texts that are ``about``, no two of them nearly the same.

    Raises:
        ModelError: the writer's replies hold too few topics to be of use.
    """
    replies = writer.write(proposal_requests(about, seed))
    topics = _different(_listed(replies), embedder)[:size]
    if len(topics) < FEWEST:
        raise ModelError(
            f"The writer proposed {len(topics)} usable topics, which is too few.",
            hint="Try a larger --writer, or start from a domain pack: rpsg list domains",
        )
    return topics


def _listed(replies: Sequence[Reply]) -> list[str]:
    """The topics on the lines of the replies, each once, in the order in which they come."""
    found: dict[str, str] = {}
    for reply in replies:
        lines = reply.text.splitlines()
        marked = [line for line in lines if BULLET.match(line)]  # where some are marked, others are talk
        for line in marked or lines:
            topic = BULLET.sub("", line).strip(" .*\"'").strip()
            if TOPIC.fullmatch(topic) and len(topic.split()) <= 7:
                found.setdefault(topic.lower(), topic.lower())
    return list(found.values())


def _different(topics: Sequence[str], embedder: Embedder) -> list[str]:
    """Those that say something else than the ones before them."""
    rows = embedder.embed(topics)
    kept: list[int] = []
    for i in range(len(topics)):
        if not kept or float((rows[kept] @ rows[i]).max()) < SAME_TOPIC:
            kept.append(i)
    return [topics[i] for i in kept]


def write_pack(generic: Path, target: Path, name: str, about: str, topics: Sequence[str]) -> None:
    """The generic pack with other topics, in the new folder ``target``."""
    target.mkdir(parents=True)
    for file in sorted(p for p in generic.iterdir() if p.suffix in (".toml", ".txt")):
        body = file.read_text(encoding="utf-8")
        if file.name == "pack.toml":
            body = _named(body, name, about)
        elif file.name == "topics.txt":
            body = "".join(f"{topic}\n" for topic in topics)
        (target / file.name).write_text(body, encoding="utf-8")


def _named(pack: str, name: str, about: str) -> str:
    for key, value in (("name", name), ("about", about), ("title", about)):
        quoted = value.replace("\\", "\\\\").replace('"', '\\"')
        line = f'{key} = "{quoted}"'.replace("\\", r"\\")  # a replacement reads its backslashes too
        pack = re.sub(rf'^{key} = ".*"$', line, pack, count=1, flags=re.MULTILINE)
    return pack
