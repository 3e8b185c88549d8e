"""Which planted leaks the audit detects, and how often it raises a false alarm.

    python benchmarks/audit.py power --out benchmarks/results/audit.json
    python benchmarks/audit.py null --out benchmarks/results/audit.json
    python benchmarks/audit.py counts --canaries 0 --out benchmarks/results/audit.json

Public reviews stand in for everything: a corpus that learnt nothing, the texts of members, and those of
people held out. A leak replaces some texts of the corpus by texts of members: word for word; with every fifth
word removed; paraphrased by a program (a fifth of the words removed, a seventh replaced, the sentences in
another order); or only two sentences of each, joined to texts of the usual length. With ``--aided`` only the
attacks that need an embedder or the pipeline are measured. The embedder is ``static``; the pipeline leaks as
the corpus does, or paraphrases 5 % of its texts if the corpus learnt nothing. There are 200 canaries, and the
same share of the planted ones leaks as of the members. Nothing is claimed, so any lower bound above zero is
an alarm.
"""

from __future__ import annotations

import argparse
import json
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rpsg import registry
from rpsg.audit.aids import Aids
from rpsg.audit.attacks import ATTACKS, NEEDS
from rpsg.audit.blind import blind_baseline
from rpsg.audit.control import with_words_dropped
from rpsg.audit.run import audit_subject, find_attacks, level_of
from rpsg.audit.subject import NotRunError, subject_of
from rpsg.models.download import locate
from rpsg.stages.canaries import make_canaries

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rpsg.audit.finding import Finding
    from rpsg.audit.subject import Subject
    from rpsg.stages.canaries import Canaries

SHARES = (0.01, 0.05, 0.2)
CANARIES = 200


def reviews(seed: int) -> list[str]:
    """All distinct public reviews, in an order that depends on the seed."""
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


def paraphrased(text: str, draw: np.random.Generator) -> str:
    """A fifth of the words removed, every seventh other replaced, and the sentences in another order."""
    sentences = re.split(r"(?<=[.!?])\s+", text)
    row = with_words_dropped(" ".join(sentences[i] for i in draw.permutation(len(sentences))), draw).split()
    other = draw.permutation(np.array(OTHERS.split()))
    return " ".join(
        str(other[i % len(other)]) if is_other else word
        for i, (word, is_other) in enumerate(zip(row, draw.random(len(row)) < 1 / 7, strict=True))
    )


#: Frequent words, which replace other words in a paraphrase.
OTHERS = "good great very really nice much also just quite well think found tried taste buy one made like"
KINDS: Mapping[str, Callable[[str, np.random.Generator], str]] = {
    "verbatim": verbatim,
    "every fifth word gone": with_words_dropped,
    "paraphrased": paraphrased,
    "two sentences": two_sentences,
}


def leaked_of(chosen: Sequence[str], kind: str, draw: np.random.Generator) -> list[str]:
    """The form in which these texts are put into a corpus."""
    if kind != "two sentences":
        return [KINDS[kind](text, draw) for text in chosen]
    halves = [two_sentences(text, draw) for text in chosen]  # joined in pairs, to be as long as other texts
    return [" ".join(halves[i : i + 2]) for i in range(0, len(halves), 2)]


def subject(
    seed: int,
    people: int,
    size: int,
    leak: tuple[float, str] | None,
    canaries: int = CANARIES,
    *,
    aided: bool = False,
) -> Subject:
    """A corpus of ``size`` reviews, and ``people`` people on each side; the texts of some members have
    leaked.
    """
    draw, rows = np.random.default_rng([seed, 1]), reviews(seed)
    members, others = rows[:people], rows[people : 2 * people]
    corpus, public = rows[2 * people : 2 * people + size], rows[2 * people + size :]
    own: Canaries | None = make_canaries(canaries, public) if canaries else None
    if leak is not None:
        share, kind = leak
        planted = own.planted if own else ()
        chosen = [*members[: round(share * people)], *planted[: round(share * len(planted))]]
        leaked = leaked_of(chosen, kind, draw)
        corpus = [*corpus[len(leaked) :], *leaked]
    aids = Aids()
    if aided:

        def pipeline(texts: Sequence[str], _: object, number: int) -> list[str]:
            own_draw = np.random.default_rng([seed, 2, number])
            share, kind = leak or (0.05, "paraphrased")
            some = [texts[i] for i in own_draw.permutation(len(texts))[: round(share * len(texts))]]
            out = leaked_of(some, kind, own_draw)
            return [*(public[i] for i in own_draw.permutation(len(public))[: size - len(out)]), *out]

        aids = Aids(embedder=registry.embedder("static"), pipeline=pipeline)
    made = subject_of(corpus, members, others, canaries=own, aids=aids, seed=seed)
    return replace(made, level=level_of(ATTACKS, made.given | {"canaries"}))


def found(case: Subject) -> dict[str, Finding]:
    """The outcome of each attack; with aids, only of the attacks that need them."""
    needed = case.aids.given
    wanted = [name for name in ATTACKS if not needed or NEEDS.get(name) in needed]
    findings = {}
    for name, attack in find_attacks(wanted).items():
        try:
            findings[name] = attack(case)
        except NotRunError:
            continue
    return findings


def power(
    kinds: Sequence[str],
    shares: Sequence[float],
    people: int,
    size: int,
    seeds: int,
    canaries: int,
    *,
    aided: bool = False,
) -> list[dict[str, Any]]:
    """For each leak and attack: how many of the corpora were refuted, and the mean lower bound."""
    rows = []
    for kind in kinds:
        for share in shares:
            all_of = [
                found(subject(seed, people, size, (share, kind), canaries, aided=aided))
                for seed in range(seeds)
            ]
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


def null(people: int, size: int, seeds: int, *, aided: bool = False) -> dict[str, Any]:
    """How many corpora that learnt nothing raise an alarm, and the largest lower bound among them.

    ``void`` counts the audits whose sides seem to differ without the corpus, ``swapped`` those whose files
    seem to be exchanged.
    """
    alarms, void, swapped, worst = 0, 0, 0, 0.0
    for seed in range(seeds):
        case = subject(1000 + seed, people, size, None, 0 if aided else CANARIES, aided=aided)
        findings = found(case).values()
        bounds = [f.epsilon_lower or 0.0 for f in findings]
        swapped += any(f.epsilon_if_swapped for f in findings)
        alarms += max(bounds) > 0
        worst = max(worst, *bounds)
        void += blind_baseline(case).is_void
        print(seed, alarms, void, swapped, worst, flush=True)
    return {
        "people": people,
        "corpus": size,
        "seeds": seeds,
        "alarms": alarms,
        "void": void,
        "swapped": swapped,
        "largest": worst,
    }


def counts(people: int, size: int, seeds: int, canaries: int) -> dict[str, Any]:
    """How many audits of corpora that learnt nothing have a verdict: those that found the leak in their
    second test corpus, whose texts are drawn for each audit.
    """
    verdicts = Counter(
        audit_subject(subject(2000 + seed, people, size, None, canaries), find_attacks()).verdict
        for seed in range(seeds)
    )
    row = {"people": people, "corpus": size, "seeds": seeds, "canaries": canaries, "verdicts": dict(verdicts)}
    print(json.dumps(row), flush=True)
    return row


def main() -> None:
    """Measure one thing and add it to the file."""
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=("power", "null", "counts"))
    parser.add_argument("--kinds", nargs="*", choices=tuple(KINDS))
    parser.add_argument("--shares", nargs="*", type=float, default=SHARES)
    parser.add_argument("--people", type=int, default=1000)
    parser.add_argument("--size", type=int, default=500)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--canaries", type=int, default=CANARIES)
    parser.add_argument("--aided", action="store_true", help="the attacks that need an embedder or pipeline")
    parser.add_argument("--name", help="what the rows are called in the file")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    kept = json.loads(given.out.read_text("utf-8")) if given.out.is_file() else {}
    name = given.name or f"{given.what}{', aided' * given.aided}, {given.people} people of each side"
    aided = given.aided
    if given.what == "power":
        how = (given.people, given.size, given.seeds, 0 if aided else given.canaries)
        kinds = given.kinds or list(KINDS)
        rows = power(kinds, given.shares, *how, aided=aided)
        made = {(row["leak"], row["share"]): row for row in (*kept.get(name, ()), *rows)}
        kept[name] = list(made.values())
    elif given.what == "counts":
        own = f"{given.people} people of each side, {given.canaries} canaries"
        kept["counts"] = kept.get("counts", {}) | {
            own: counts(given.people, given.size, given.seeds, given.canaries)
        }
    else:
        kept[name] = null(given.people, given.size, given.seeds, aided=aided)
    given.out.write_text(json.dumps(kept, indent=1) + "\n", "utf-8")
    print(given.out)


if __name__ == "__main__":
    main()
