"""What the audit sees of leaks that were planted, how often it cries wolf, and how long it takes.

    python benchmarks/audit.py power --out benchmarks/results/audit.json
    python benchmarks/audit.py null --out benchmarks/results/audit.json
    python benchmarks/audit.py speed --out benchmarks/results/audit.json

Public reviews play all parts: the corpus that learnt nothing, members, people held out. A leak puts the texts
of some members into the corpus, in the place of as many of its own: word for word, with every fifth word
gone, or two sentences of each put behind one another. Of 200 canaries as large a share of those planted leaks
as of the members; nothing is claimed, so that any lower bound above nought is an alarm.
"""

from __future__ import annotations

import argparse
import json
import re
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rpsg.audit.control import blind_baseline, with_words_dropped
from rpsg.audit.run import audit, find_attacks
from rpsg.audit.subject import NotRunError, subject_of
from rpsg.models.download import locate
from rpsg.privacy.published_audit import LEVEL
from rpsg.stages.canaries import make_canaries

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rpsg.audit.finding import Finding
    from rpsg.audit.subject import Subject
    from rpsg.stages.canaries import Canaries

SHARES = (0.01, 0.05, 0.2)
CANARIES = 200


def reviews(seed: int) -> list[str]:
    """All different public reviews, in an order of their own for each seed."""
    files = sorted(locate("amazon-reviews").glob("*.jsonl"))
    rows = [json.loads(line)["text"] for file in files for line in file.read_text("utf-8").splitlines()]
    rows = list(dict.fromkeys(rows))
    return [rows[i] for i in np.random.default_rng(seed).permutation(len(rows))]


def verbatim(text: str, _: np.random.Generator) -> str:
    """Word for word."""
    return text


def two_sentences(text: str, draw: np.random.Generator) -> str:
    """Two sentences in a row of the text, or all of a shorter one."""
    sentences = re.split(r"(?<=[.!?])\s+", text)
    start = int(draw.integers(max(1, len(sentences) - 1)))
    return " ".join(sentences[start : start + 2])


KINDS: Mapping[str, Callable[[str, np.random.Generator], str]] = {
    "verbatim": verbatim,
    "every fifth word gone": with_words_dropped,
    "two sentences": two_sentences,
}


def subject(
    seed: int, people: int, size: int, leak: tuple[float, str] | None, canaries: int = CANARIES
) -> Subject:
    """A corpus of ``size`` reviews and as many ``people`` on each side, of whom some have leaked."""
    draw, rows = np.random.default_rng([seed, 1]), reviews(seed)
    members, others = rows[:people], rows[people : 2 * people]
    corpus = rows[2 * people : 2 * people + size]
    own: Canaries | None = make_canaries(canaries, rows[2 * people + size :]) if canaries else None
    if leak is not None:
        share, kind = leak
        planted = own.planted if own else ()
        chosen = [*members[: round(share * people)], *planted[: round(share * len(planted))]]
        if kind == "two sentences":  # one after the other, until a text is as long as others
            halves = [two_sentences(text, draw) for text in chosen]
            leaked = [" ".join(halves[i : i + 2]) for i in range(0, len(halves), 2)]
        else:
            leaked = [KINDS[kind](text, draw) for text in chosen]
        corpus = [*corpus[len(leaked) :], *leaked]
    made = subject_of(corpus, members, others, canaries=own, seed=seed)
    return replace(made, level=LEVEL / len(find_attacks()))


def found(case: Subject) -> dict[str, Finding]:
    """What each attack says."""
    findings = {}
    for name, attack in find_attacks().items():
        try:
            findings[name] = attack(case)
        except NotRunError:
            continue
    return findings


def power(
    kinds: Sequence[str], shares: Sequence[float], people: int, size: int, seeds: int, canaries: int
) -> list[dict[str, Any]]:
    """For each leak and attack: how many of the corpora were refuted, and the mean lower bound."""
    rows = []
    for kind in kinds:
        for share in shares:
            all_of = [found(subject(seed, people, size, (share, kind), canaries)) for seed in range(seeds)]
            row: dict[str, Any] = {
                "people": people,
                "corpus": size,
                "seeds": seeds,
                "leak": kind,
                "share": share,
            }
            row["any"] = sum(any(f.verdict == "refuted" for f in one.values()) for one in all_of)
            for name in find_attacks():
                own = [one[name] for one in all_of if name in one]
                if own:
                    row[name] = {
                        "seen": sum(f.verdict == "refuted" for f in own),
                        "epsilon": round(float(np.mean([f.epsilon_lower or 0.0 for f in own])), 2),
                        "auc": round(float(np.mean([f.auc for f in own])), 3) if own[0].auc else None,
                    }
            print(json.dumps(row), flush=True)
            rows.append(row)
    return rows


def null(people: int, size: int, seeds: int) -> dict[str, Any]:
    """How many corpora that learnt nothing raise an alarm, and the largest lower bound among them."""
    alarms, void, worst = 0, 0, 0.0
    for seed in range(seeds):
        case = subject(1000 + seed, people, size, None)
        bounds = [f.epsilon_lower or 0.0 for f in found(case).values()]
        alarms += max(bounds) > 0
        worst = max(worst, *bounds)
        void += blind_baseline(case).is_void
    return {
        "people": people,
        "corpus": size,
        "seeds": seeds,
        "alarms": alarms,
        "void": void,
        "largest": worst,
    }


def speed() -> dict[str, Any]:
    """The whole audit, controls too, of 2,000 synthetic and 7,500 private texts.

    There are not so many reviews: texts as long as these are put together from pieces of five words.
    """
    draw, rows = np.random.default_rng(0), [text.split() for text in reviews(0)]
    pieces = [row[i : i + 5] for row in rows for i in range(0, len(row), 5)]
    lengths = [len(rows[i]) // 5 + 1 for i in draw.integers(len(rows), size=9500)]
    many = [
        " ".join(word for i in draw.integers(len(pieces), size=length) for word in pieces[i])
        for length in lengths
    ]
    began, cpu = time.monotonic(), time.process_time()
    made = audit(many[:2000], many[2000:7000], many[7000:9500])
    return {
        "synthetic": 2000,
        "private": 7500,
        "seconds": round(time.monotonic() - began, 1),
        "seconds of one core": round(time.process_time() - cpu, 1),
        "verdict": made.verdict,
        "reason": made.reason,
    }


def main() -> None:
    """Measure one thing and add it to the file."""
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=("power", "null", "speed"))
    parser.add_argument("--kinds", nargs="*", choices=tuple(KINDS))
    parser.add_argument("--shares", nargs="*", type=float, default=SHARES)
    parser.add_argument("--people", type=int, default=1000)
    parser.add_argument("--size", type=int, default=500)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--canaries", type=int, default=CANARIES)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    if given.what == "power":
        made: Any = power(
            given.kinds or list(KINDS), given.shares, given.people, given.size, given.seeds, given.canaries
        )
    elif given.what == "null":
        made = null(given.people, given.size, given.seeds)
    else:
        made = speed()
    kept = json.loads(given.out.read_text("utf-8")) if given.out.is_file() else {}
    name = given.what if given.what == "speed" else f"{given.what}, {given.people} people of each side"
    kept[name] = made
    given.out.write_text(json.dumps(kept, indent=1) + "\n", "utf-8")
    print(json.dumps(made, indent=1) if given.what != "power" else given.out)


if __name__ == "__main__":
    main()
