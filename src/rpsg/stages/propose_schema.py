"""Step 2, schema: topics proposed by the LLM from one public line, for the user to read and edit.

The writer sees only that line, so this costs no privacy. The result is a domain pack in a folder of the user:
the generic pack with the proposed topics.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from rpsg.errors import ModelError
from rpsg.plan import toml_value
from rpsg.protocols import Message, Request
from rpsg.stages.rng import stream, text_seed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rpsg.protocols import Embedder, Reply, Writer

ASKS = 24
SAME_TOPIC = 0.75
FEWEST = 8
MOST_TOKENS = 120
BULLET = re.compile(r"^\s*(?:[-*\u2022]|\(?\d{1,3}[.):])\s*")
TOPIC = re.compile(r"[A-Za-z][\w ,'&/-]{2,49}")
#: Example lines with their topics; each request has three, in a different order.
SHOWN = (
    (
        "messages that guests send to a hotel",
        "late check-in; noise from the street; lost luggage; parking; breakfast; a wrong bill; no hot water",
    ),
    (
        "posts in a forum of car owners",
        "oil leaks; winter tires; selling a used car; strange noises; insurance; fuel economy; rust",
    ),
    (
        "letters from parents to a school",
        "bullying; a sick child; the lunch menu; homework load; school bus delays; a lost jacket; exams",
    ),
    (
        "reports of engineers about wind turbines",
        "blade cracks; gearbox temperature; lightning damage; grid outages; oil changes; icing; sensors",
    ),
    (
        "comments of customers about a bank's app",
        "login problems; transfer limits; hidden fees; face recognition; updates; lost cards; currency",
    ),
)


def proposal_requests(about: str, seed: int) -> list[Request]:
    """Several requests for a list of topics, each with three invented examples and the public line."""
    requests = []
    for number in range(ASKS):
        order = stream(seed, "lists", number).permutation(len(SHOWN))[:3]
        turns = [
            Message("system", "You list the topics of a kind of text, separated by semicolons, nothing else.")
        ]
        for i in order:
            turns += [Message("user", _header(SHOWN[i][0])), Message("assistant", SHOWN[i][1])]
        turns.append(Message("user", _header(about)))
        requests.append(
            Request(
                tuple(turns),
                max_tokens=MOST_TOKENS,
                seed=text_seed(seed, "schema", number),
                temperature=0.8,
                stop=("\n\n",),
            )
        )
    return requests


def _header(about: str) -> str:
    return f"Texts: {about}\nTopics:"


def propose_topics(about: str, writer: Writer, embedder: Embedder, *, size: int, seed: int = 0) -> list[str]:
    """At most ``size`` topics for texts that are ``about``, no two of them nearly the same.

    Raises:
        ModelError: the writer's replies contain too few topics.
    """
    replies = writer.write(proposal_requests(about, seed))
    topics = _different(_fitting(_listed(replies), about, embedder), embedder)[:size]
    if len(topics) < FEWEST:
        raise ModelError(
            f"The writer proposed {len(topics)} usable topics, which is too few.",
            hint="Try a larger --writer, or start from a domain pack: rpsg list domains",
        )
    return topics


def _listed(replies: Sequence[Reply]) -> list[str]:
    """The distinct topics in the replies, the most frequent first."""
    shown = {topic for _, topics in SHOWN for topic in topics.split("; ")}
    found: Counter[str] = Counter()
    for reply in replies:
        lines = reply.text.splitlines()
        marked = [line for line in lines if BULLET.match(line)]  # if some have bullets, others are no topics
        parts = [BULLET.sub("", part) for line in marked or lines for part in line.split(";")]
        topics = {part.strip(" .*\"'").lower() for part in parts}
        found.update(t for t in topics - shown if TOPIC.fullmatch(t) and len(t.split()) <= 6)
    return sorted(found, key=lambda topic: (-found[topic], topic))


def _fitting(topics: Sequence[str], about: str, embedder: Embedder) -> list[str]:
    """The topics, nearest to the public line first, by the embedder's cosines."""
    if not topics:
        return []
    near = embedder.embed(topics) @ embedder.embed([about])[0]
    return [topics[i] for i in np.argsort(-near, kind="stable")]


def _different(topics: Sequence[str], embedder: Embedder) -> list[str]:
    """The topics that are not near-duplicates of earlier ones."""
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
        line = f"{key} = {toml_value(value)}".replace("\\", r"\\")  # ``re.sub`` interprets backslashes
        pack = re.sub(rf'^{key} = ".*"$', line, pack, count=1, flags=re.MULTILINE)
    return pack
