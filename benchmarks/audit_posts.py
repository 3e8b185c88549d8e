"""Attacks on real corpora: another tool's rewrites and runs of RPSG, with the published measure next to ours.

    python benchmarks/audit_posts.py rewrites POSTS --more MORE --out benchmarks/results/audit-posts.json
    python benchmarks/audit_posts.py run RUN --posts FILE --name "paper, filters off" --out ...

POSTS is ``rupta_personalreddit_example.jsonl`` of the authors' repository of RUPTA (207 invented posts, each
with the text that RUPTA made of it), MORE is ``llmprivacy_synthetic_reddit_525.jsonl``, from which these
posts were taken. Half of the posts, drawn at random, are members. The corpus is what RUPTA made of them, or
these posts themselves, or the same number of posts of MORE that are not in POSTS. There are five draws.

``published`` is what the code published with the paper measures, as far as it is known (docs/audit.md): no
text is a member or not; originals are compared with copies of themselves that have one word exchanged, in an
order that mixes up the pairs; REFER compares r with -r, LiRA r with 1/r, and PPL takes the higher perplexity
as a sign of a member. That code uses BERT-small; this script uses the trigram model of the audit or, with
``--bert``, a fine-tuned BERT.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import rpsg
from rpsg.audit import audit, audit_run
from rpsg.audit.surrogate import Surrogate, numbered
from rpsg.evaluation.metrics.two_sample import wins
from rpsg.models.pii import PatternRecognizer
from rpsg.models.transformers.surrogate import FineTuned
from rpsg.textstats.words import word_marks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rpsg.audit.report import AuditReport

#: Copies of each original, and how often members are drawn.
COPIES, TOSSES = 50, 5


def surprises(corpus: Sequence[str], texts: Sequence[str], bert: Path | None, seed: int) -> Any:
    """The mean surprise of the words of each text, or of its tokens, under a model of the corpus."""
    if bert is not None:
        scores = FineTuned(bert).train(corpus, seed).score(texts)
        return np.array([-float(np.mean(row)) if row else 0.0 for row in scores])
    model = Surrogate.of(corpus)
    tokens = numbered([word_marks(text) for text in texts], model.numbers)
    sums = np.bincount(tokens.owner, weights=-model.log_chances(tokens), minlength=len(texts))
    return sums / np.maximum(tokens.lengths, 1)


def area(positive: Any, negative: Any) -> float:
    """The share of pairs in which the positive example has the larger score."""
    return round(float(wins(np.asarray(positive), np.asarray(negative))[0].mean()), 3)


def published(
    originals: Sequence[str], corpus: Sequence[str], seed: int = 0, bert: Path | None = None
) -> dict[str, float]:
    """The table that is usually shown: three AUCs, and the share of synthetic texts with an identifier."""
    draw = np.random.default_rng(seed)
    vocabulary = [word for text in corpus for word in text.split()]
    copies = []
    for text in originals:
        row = text.split()
        for _ in range(COPIES):
            changed = list(row)
            changed[int(draw.integers(len(row)))] = vocabulary[int(draw.integers(len(vocabulary)))]
            copies.append(" ".join(changed))
    found = surprises(corpus, [*originals, *copies[: len(originals)]], bert, seed)
    own, other = found[: len(originals)], found[len(originals) :]
    ratio = np.exp(other - own)
    with_identifier = sum(bool(spans) for spans in PatternRecognizer().find(corpus))
    return {
        "PPL": area(np.exp(own), np.exp(other)),
        "REFER": area(other - own, own - other),
        "LiRA": area(ratio, 1 / ratio),
        "extraction": round(with_identifier / len(corpus), 3),
    }


def told(report: AuditReport) -> dict[str, Any]:
    """The parts of a report that are not texts: the verdict, and for each attack AUC, TPR, bound and hits."""
    rows: dict[str, Any] = {}
    for found in report.findings:
        control = next(c for c in report.controls["fitted on members"] if c.name == found.name)
        rate = found.rates[0] if found.rates else None
        rows[found.name] = {
            "verdict": found.verdict,
            "auc": None if found.auc is None else round(found.auc, 3),
            "interval": None if found.auc_interval is None else [round(x, 3) for x in found.auc_interval],
            "tpr at fpr 1 %": None if rate is None or rate.value is None else round(rate.value, 3),
            "epsilon": None if found.epsilon_lower is None else round(found.epsilon_lower, 2),
            "guesses": found.guesses,
            "right": found.right,
            "control": control.outcome,
        }
    counts = {"members": report.counts["members"], "held out": report.counts["held out"]}
    counts["synthetic"] = report.counts["synthetic texts"]
    return {"verdict": report.verdict, "reason": report.reason, **counts, "attacks": rows}


def rewrites(posts: Path, more: Path | None) -> dict[str, Any]:
    """The audit of another tool's rewrites, of word-for-word copies, and of posts that are not in the
    data.
    """
    rows = [json.loads(line) for line in posts.read_text("utf-8").splitlines()]
    known = {row["response"] for row in rows}
    cases: dict[str, list[dict[str, Any]]] = {"RUPTA's rewrites": [], "the posts themselves": []}
    others: list[str] = []
    if more is not None:
        every = [json.loads(line)["response"] for line in more.read_text("utf-8").splitlines()]
        others = [text for text in every if text not in known]
        cases["other posts"] = []
    for toss in range(TOSSES):
        draw = np.random.default_rng(toss)
        order = draw.permutation(len(rows))
        members, held = ([rows[i] for i in part] for part in (order[::2], order[1::2]))
        own, out = ([row["response"] for row in side] for side in (members, held))
        corpora = {
            "RUPTA's rewrites": [row["anonymized_response"] for row in members],
            "the posts themselves": own,
            "other posts": [others[i] for i in draw.permutation(len(others))[: len(own)]],
        }
        for name, tosses in cases.items():
            made = told(audit(corpora[name], own, out, seed=toss))
            tosses.append({"published": published(own, corpora[name], toss), **made})
            print(name, toss, made["verdict"], flush=True)
    return dict(cases)


def main() -> None:
    """Measure one thing and add it to the file."""
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=("rewrites", "run"))
    parser.add_argument("path", type=Path)
    parser.add_argument("--more", type=Path)
    parser.add_argument("--posts", type=Path, help="the private file of the run")
    parser.add_argument("--name", help="what the run is called in the file")
    parser.add_argument("--donors", action="store_true")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    kept = json.loads(given.out.read_text("utf-8")) if given.out.is_file() else {}
    if given.what == "rewrites":
        kept |= rewrites(given.path, given.more)
    else:
        originals = [json.loads(line)["text"] for line in given.posts.read_text("utf-8").splitlines()]
        found = told(audit_run(given.path, data=given.posts, donors=given.donors))
        kept[given.name] = [{"published": published(originals, rpsg.read_run(given.path).texts), **found}]
    given.out.write_text(json.dumps(kept, indent=1) + "\n", "utf-8")
    print(given.out)


if __name__ == "__main__":
    main()
