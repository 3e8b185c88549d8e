"""Step 2, schema: topics proposed by the LLM from one public line, for the user to read and edit.

The writer sees only that line, so this costs no privacy. The result is a domain pack in a folder of the user:
the shipped pack for the most similar texts, with the topics replaced.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from rpsg.disk.files import file_errors, nearest
from rpsg.domains import read_pack
from rpsg.errors import ModelError, UsageError
from rpsg.plan import toml_value
from rpsg.protocols import Message, Request
from rpsg.stages.rng import stream, text_seed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import numpy.typing as npt

    from rpsg.domains import Pack
    from rpsg.protocols import Embedder, Reply, Writer

    Rows = npt.NDArray[np.float32]

ASKS = 24
SAME_TOPIC = 0.75
#: A shipped pack is similar if the cosine between its line and the new one reaches this. Of 23 lines that we
#: tried with the embedder ``minilm``, 9 reached it with an English pack, each with one that a person might
#: choose too. The next one had .33: recipes are not food reviews.
SAME_KIND = 0.34
FEWEST = 8
MOST_TOKENS = 120
#: How many topics share a heading, on average. ``docs/domain-packs.md`` recommends 8 to 14 headings.
TOPICS_A_HEADING = 7
BULLET = re.compile(r"^\s*(?:[-*\u2022]|\(?\d{1,3}[.):])\s*")
#: The first line of a table of TOML, such as ``[[attributes]]``; a line of a list has quotes or a comma.
TABLE = re.compile(r"^[ \t]*\[\[?[ \t]*[\w.-]+[ \t]*\]\]?[ \t]*(?:#.*)?$", re.MULTILINE)
#: A string of TOML, in quotes of either kind.
STRING = r"""(?:"{3}(?:[^\\]|\\[\s\S])*?"{3}|'{3}[\s\S]*?'{3}|"(?:[^"\\\n]|\\.)*"|'[^'\n]*')"""
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


def check_replaceable(pack: Pack) -> None:
    """UsageError if the topics of the pack cannot be replaced."""
    if not any(a.name == "topic" and a.file == "topics.txt" for a in pack.attributes):
        raise UsageError(
            f"The pack {pack.name} has no attribute topic with the file topics.txt.",
            hint="Start from another pack with --like: rpsg list domains",
        )
    if by_topic := [a.name for a in pack.attributes if a.by == "topic"]:
        raise UsageError(
            f"The attribute {by_topic[0]!r} of the pack {pack.name} has values for each of its topics, so "
            "the topics cannot simply be replaced.",
            hint="Copy the folder of that pack and edit it, or start from another one with --like.",
        )


def similar_pack(about: str, packs: Sequence[Pack], embedder: Embedder) -> Pack | None:
    """The pack whose texts are most similar to those that are ``about``, or None if none is similar."""
    cosines = embedder.embed([pack.about for pack in packs]) @ embedder.embed([about])[0]
    best = int(cosines.argmax())
    return packs[best] if cosines[best] >= SAME_KIND else None


def propose_topics(
    about: str, like: Pack, writer: Writer, embedder: Embedder, *, size: int, seed: int = 0
) -> dict[str, str]:
    """At most ``size`` topics for texts that are ``about``, the most fitting first.

    They are those that the writer proposes, and those of the pack ``like`` that fit better than half of them,
    with their descriptions. No two are nearly the same.

    Raises:
        ModelError: the writer's replies contain too few topics.
    """
    topic = like.attribute("topic")
    proposed = _listed(writer.write(proposal_requests(about, like, seed)), about)
    if len(proposed) < FEWEST:
        raise ModelError(
            f"The writer proposed {len(proposed)} usable topics, which is too few.",
            hint="Try a larger --writer, or start from a domain pack: rpsg list domains",
        )
    described = dict(zip(topic.values, topic.descriptions, strict=True))
    described = dict.fromkeys(proposed, "") | described
    names, rows = list(described), embedder.embed(list(described))
    fit = rows @ embedder.embed([about])[0]
    typical = float(np.median([fit[names.index(value)] for value in proposed]))
    usable = [i for i in np.argsort(-fit, kind="stable") if fit[i] >= typical or names[i] in set(proposed)]
    return {names[i]: described[names[i]] for i in _different(rows, usable)[:size]}


def proposal_requests(about: str, like: Pack, seed: int) -> list[Request]:
    """Several requests for a list of topics, each with three examples and the public line.

    The last example is the pack ``like`` with some of its topics.
    """
    requests = []
    for number in range(ASKS):
        rng = stream(seed, "lists", number)
        some = rng.permutation(like.attribute("topic").values)[:TOPICS_A_HEADING]
        shown = [SHOWN[i] for i in rng.permutation(len(SHOWN))[:2]] + [(like.about, "; ".join(some))]
        turns = [
            Message("system", "You list the topics of a kind of text, separated by semicolons, nothing else.")
        ]
        for line, topics in shown:
            turns += [Message("user", _header(line)), Message("assistant", topics)]
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


def _listed(replies: Sequence[Reply], about: str) -> list[str]:
    """The distinct topics in the replies, the most frequent first.

    Those that only repeat words of ``about`` are left out.
    """
    unwanted = {"more", "etc", *(topic for _, topics in SHOWN for topic in topics.split("; "))}
    known = set(about.lower().split())
    found: Counter[str] = Counter()
    for reply in replies:
        lines = reply.text.splitlines()
        marked = [line for line in lines if BULLET.match(line)]  # if some have bullets, others are no topics
        parts = [BULLET.sub("", part) for line in marked or lines for part in line.split(";")]
        topics = {part.strip(" .*\"'").lower().removeprefix("and ") for part in parts}
        found.update(
            topic
            for topic in topics - unwanted
            if TOPIC.fullmatch(topic) and len(topic.split()) <= 6 and not known.issuperset(topic.split())
        )
    return sorted(found, key=lambda topic: (-found[topic], topic))


def _different(rows: Rows, order: Sequence[int]) -> list[int]:
    """The indices in this order, without those that are near-duplicates of earlier ones."""
    kept: list[int] = []
    for i in order:
        if not kept or float((rows[kept] @ rows[i]).max()) < SAME_TOPIC:
            kept.append(i)
    return kept


def headings(topics: Iterable[str], embedder: Embedder) -> dict[str, list[str]]:
    """The topics under headings, similar ones together; a heading is named after its two most central topics.

    With few people only headings are counted, so a list without them would be of no use there.
    """
    names = list(topics)
    rows = embedder.embed(names)
    groups = _groups(rows, max(1, round(len(names) / TOPICS_A_HEADING)))
    found = {}
    for members in groups:
        central = members[np.argsort(-(rows[members] @ rows[members].sum(axis=0)), kind="stable")[:2]]
        found[", ".join(names[i] for i in central)] = [names[i] for i in members]
    return found


def _groups(rows: Rows, count: int) -> list[npt.NDArray[np.int64]]:
    """The indices of the rows in at most ``count`` groups: k-means by cosine.

    It begins with the rows that represent all others best, each chosen given those before it (facility
    location).
    """
    cosines = rows @ rows.T
    first, best = list[int](), np.full(len(rows), -1.0, dtype=np.float32)
    for _ in range(count):
        first.append(int(np.maximum(cosines, best).sum(axis=1).argmax()))
        best = np.maximum(best, cosines[first[-1]])
    centers = rows[first]
    for _ in range(20):
        group = (rows @ centers.T).argmax(axis=1)
        sums = np.stack([rows[group == k].sum(axis=0) for k in range(len(centers))])
        centers = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-9)
    return [members for k in range(len(centers)) if (members := np.flatnonzero(group == k)).size]


def write_pack(
    like: Path, target: Path, about: str, topics: Mapping[str, str], grouped: Mapping[str, Sequence[str]]
) -> Pack:
    """The pack of the folder ``like`` with other topics, in the new folder ``target``, which names it.

    If it fails, nothing is left.

    Raises:
        UsageError: with these topics it is no pack.
        RunError: a file cannot be read, or the new folder cannot be written.
    """
    where = target.absolute()
    with (
        file_errors(f"copy the pack {like} to {target}"),
        TemporaryDirectory(prefix=".rpsg-", dir=nearest(where.parent)) as scratch,
    ):
        made = Path(scratch) / where.name
        made.mkdir()
        for file in (p for p in like.iterdir() if p.suffix in (".toml", ".txt") and p.is_file()):
            (made / file.name).write_bytes(file.read_bytes())
        old = (like / "pack.toml").read_text(encoding="utf-8-sig")
        (made / "pack.toml").write_text(_named(old, where.name, about), encoding="utf-8")
        sections = (
            f"# {heading}\n" + "".join(_line(topic, topics[topic]) for topic in members)
            for heading, members in grouped.items()
        )
        (made / "topics.txt").write_text("\n".join(sections), encoding="utf-8")
        pack = _checked(made, like)
        where.parent.mkdir(parents=True, exist_ok=True)
        made.rename(where)
    return pack


def _checked(made: Path, like: Path) -> Pack:
    try:
        return read_pack(made)
    except UsageError as error:
        reason = error.message.replace(str(made), str(like))
        raise UsageError(
            f"The pack {like.name} cannot have other topics. {reason}",
            hint="Copy the folder of that pack and edit it, or start from another one with --like.",
        ) from None


def _line(topic: str, description: str) -> str:
    return f"{topic} | {description}\n" if description else f"{topic}\n"


def _named(pack: str, name: str, about: str) -> str:
    """The text of a ``pack.toml`` with these values of three keys, above its first table."""
    table = TABLE.search(pack)
    end = table.start() if table else len(pack)
    top = pack[:end]
    for key, value in (("about", about), ("title", about), ("name", name)):
        line = f"{key} = {toml_value(value)}"
        found = re.search(rf"^[ \t]*{key}[ \t]*=[ \t]*{STRING}", top, flags=re.MULTILINE)
        top = top[: found.start()] + line + top[found.end() :] if found else f"{line}\n{top}"
    return top + pack[end:]
