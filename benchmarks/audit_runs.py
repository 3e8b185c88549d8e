"""Attacks on real runs: with real models and real noise. No account of private data is charged.

    python benchmarks/audit_runs.py strict --written POOL/release --out benchmarks/results/audit-runs.json
    python benchmarks/audit_runs.py strict --shadows --people 240 --size 60 --written POOL/release --out ...
    python benchmarks/audit_runs.py compared COMPARISON --out benchmarks/results/audit-runs.json
    python benchmarks/audit_runs.py make FOLDER --posts llmprivacy_synthetic_reddit_525.jsonl
    python benchmarks/audit_runs.py attack FOLDER --out benchmarks/results/audit-runs.json

``strict`` is an audit run of strict mode at epsilon 2: public reviews stand in for private texts, half of
them held out, 200 canaries are drawn. The drafts are those of POOL, a run of the method floor (``rpsg run
--method floor --domain food-reviews --size 1500``), which a model wrote from the same pack without any
private text; cards, counts, sketch, embedder and choice are the run's own. With ``--shadows`` the plan is run
16 more times on halves of the people, with the same drafts, for ``lira-shadow``.

``compared`` attacks the runs of a comparison (``rpsg compare benchmarks/compare_quick.toml -o COMPARISON``)
with the people whom it used and the texts that it held out.

``make`` makes runs from posts in which invented people tell about their life (github.com/eth-sri/llmprivacy,
525 posts by 40 people). Posts of eight of these people are public: canaries begin like them. The posts of the
others are the private texts, and each post counts as a person. Other runs have public reviews, cut to 40
words, as private texts. ``attack`` audits them; a paper run is audited as it was released, and with the texts
that its filters dropped. Runs of 160 texts are attacked by only three attacks.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import rpsg
from audit import reviews
from audit_posts import published, told
from audit_run_plans import (
    FEW,
    FEW_ATTACKS,
    FEW_REVIEWS,
    FEWER_WORDS,
    LONG,
    MANY_PUBLIC,
    OF_160,
    PUBLIC,
    PUBLIC_REVIEWS,
    REVIEW_WORDS,
    REVIEWS,
    RUNS,
    SHORT_WORDS,
    WORDS,
)
from rpsg.audit import audit, audit_run, canary_run
from rpsg.audit.of_run import sides_of
from rpsg.methods.paper_steps import pool_of
from rpsg.pipeline.models_of_run import load_tools
from rpsg.plan import read_toml, resolve
from rpsg.protocols import Reply
from rpsg.storage.layout import PLAN, STAGES
from rpsg.storage.readers import read_by_rule
from rpsg.storage.run_folder import RunFolder

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rpsg.protocols import Endpoint, OnReply, Request

#: The attacks of a run with shadows: two of the same people, and two of its canaries.
WITH_SHADOWS = ("lira-shadow", "lira", "extraction", "noisy-answers")
#: Stages of a paper run whose texts are attacked too.
INSIDE = {"first-rewrite": "after its first rewrite", "scrub": "before its filters"}


class Written:
    """A writer that returns texts written beforehand, one after the other; it ignores the requests."""

    endpoint: Endpoint = "local_model"

    def __init__(self, name: str, texts: Sequence[str]) -> None:
        self.name, self._texts, self._next = name, texts, count()

    def write(self, requests: Sequence[Request], on_reply: OnReply | None = None) -> list[Reply]:
        made = [Reply(self._texts[next(self._next) % len(self._texts)], "stop") for _ in requests]
        for place, reply in enumerate(made):
            if on_reply is not None:
                on_reply(place, reply)
        return made


def strict(written: Sequence[Path], people: int, size: int, *, shadows: bool) -> dict[str, Any]:
    """An audit run of strict mode with drafts that a model wrote beforehand."""
    texts_before = [text for folder in written for text in rpsg.read_run(folder).texts]
    texts_before = list(dict.fromkeys(texts_before))
    rows = reviews(0)
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        private, public = rows[:people], rows[people : people + 600]
        for name, texts in (("private", private), ("public", public)):
            lines = (json.dumps({"text": text}) + "\n" for text in texts)
            folder.joinpath(f"{name}.jsonl").write_text("".join(lines), "utf-8")
        plan = resolve(
            {
                "data": {
                    "path": str(folder / "private.jsonl"),
                    "account": "audited reviews",
                    "canary_texts": str(folder / "public.jsonl"),
                },
                "corpus": {"domain": "food-reviews", "size": size},
                "privacy": {"epsilon": 2.0},
                "method": {"oversample": 2.0},
                "models": {"form": "chat"},
            }
        )
        drafts = Written(f"{plan.models.writer}, from the pack alone, written before", texts_before)
        began = time.process_time()
        report = canary_run(
            plan,
            folder / "run",
            tools=load_tools(plan, drafts),
            attacks=WITH_SHADOWS if shadows else (),
            shadows=shadows,
        )
    spent = {"seconds of one core": round(time.process_time() - began)} if shadows else {}
    return {"drafts": len(texts_before), "epsilon": plan.privacy.epsilon, **spent, **told(report)}


def compared(comparison: Path) -> dict[str, Any]:
    """The runs of a comparison that claim an epsilon, by method and seed."""
    found: dict[str, Any] = {}
    for ledger in sorted(comparison.glob("cells/*/run/release/ledger.json")):
        run = ledger.parents[1]
        plan = resolve(read_toml(run / PLAN))
        claim = json.loads(ledger.read_text("utf-8"))["claim"]
        if "epsilon" not in claim or not plan.data.path:
            continue
        people = Path(plan.data.path)
        report = audit(
            rpsg.read_run(run).texts,
            people,
            people.with_name("held-out.jsonl"),
            epsilon=claim["epsilon"],
            delta=claim["delta"],
        )
        found[run.parent.name.rpartition("-")[0]] = {"epsilon": claim["epsilon"], **told(report)}
        print(run.parent.name, report.verdict, flush=True)
    return found


def prepare(folder: Path, posts: Path) -> None:
    """Write the private and the public posts, by the person who wrote them."""
    rows = [json.loads(line) for line in posts.read_text("utf-8").splitlines()]
    people = [json.dumps(row["personality"], sort_keys=True) for row in rows]
    names = sorted(set(people))
    public = {names[i] for i in np.random.default_rng(0).permutation(len(names))[:PUBLIC]}
    written: dict[bool, list[str]] = {True: [], False: []}
    for row, who in zip(rows, people, strict=True):
        written[who in public].append(row["response"])
    private = list(dict.fromkeys(written[False]))
    few = [private[i] for i in np.random.default_rng(1).permutation(len(private))[:FEW]]
    files = {"posts": private, "few": few, "public": list(dict.fromkeys(written[True]))}
    for file, texts in files.items():
        _write(folder / f"{file}.jsonl", texts)


def _write(file: Path, texts: Iterable[str]) -> None:
    lines = (json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in texts)
    file.write_text("".join(lines), "utf-8")


def prepare_reviews(folder: Path) -> None:
    """Write short reviews, private and public, and the pack that short reviews are written from."""
    short = [" ".join(text.split()[:REVIEW_WORDS]) for text in reviews(0)]
    _write(folder / "reviews.jsonl", short[:REVIEWS])
    _write(folder / "public-reviews.jsonl", short[REVIEWS : REVIEWS + PUBLIC_REVIEWS])
    _write(folder / "few-reviews.jsonl", short[:FEW_REVIEWS])
    _write(folder / "more-public-reviews.jsonl", short[REVIEWS : REVIEWS + MANY_PUBLIC])
    pack = folder / "short-reviews"
    shutil.copytree(Path(rpsg.__path__[0]) / "domains" / "food-reviews", pack, dirs_exist_ok=True)
    about = pack.joinpath("pack.toml").read_text("utf-8")
    about = about.replace(LONG, SHORT_WORDS).replace(WORDS, FEWER_WORDS)
    pack.joinpath("pack.toml").write_text(about.replace('"food-reviews"', '"short-reviews"'), "utf-8")


def make(folder: Path, posts: Path, only: Sequence[str]) -> None:
    """Make the runs that do not exist yet, or those that are named; a run that was stopped is resumed."""
    folder.mkdir(parents=True, exist_ok=True)
    prepare(folder, posts)
    for name in only or RUNS:
        words, settings = RUNS[name]
        done = folder / f"{name}.json"
        if done.is_file():
            continue
        if words[1].endswith("reviews.jsonl"):
            prepare_reviews(folder)
        began = time.monotonic()
        command = (sys.executable, "-m", "rpsg", *words, "-o", name, "--account", name, "--quiet", "--json")
        ended = subprocess.run(
            command, cwd=folder, env={**os.environ, **settings}, capture_output=True, text=True, check=False
        )
        about = {
            "command": " ".join(("rpsg", *words, "-o", f'"{name}"')),
            "settings": settings,
            "exit code": ended.returncode,
            "seconds": round(time.monotonic() - began),
        }
        done.write_text(json.dumps(about, indent=1) + "\n", "utf-8")
        folder.joinpath(f"{name}.log").write_text(ended.stdout + ended.stderr, "utf-8")
        print(name, about["exit code"], about["seconds"], flush=True)


def attack(folder: Path, bert: Path | None, only: Sequence[str]) -> dict[str, Any]:
    """What the attacks find in each run that was made, or in those named.

    For a paper run it adds the figures of the published code, with trigrams and, if one is given, with a
    BERT.
    """
    found: dict[str, Any] = {}
    for name in only or RUNS:
        words, _ = RUNS[name]
        about, run, data = folder / f"{name}.json", folder / name, folder / words[1]
        if not about.is_file():
            continue
        originals = [json.loads(line)["text"] for line in data.read_text("utf-8").splitlines()]
        chosen = FEW_ATTACKS if name.endswith(OF_160) else ()
        row: dict[str, Any] = json.loads(about.read_text("utf-8"))
        if words[0] == "audit-run":
            kept = run / "private" / "audit.json"
            row |= of_file(kept) if kept.is_file() else {}
        elif (run / "release").is_dir():
            row |= told(audit_run(run, data=data, attacks=chosen))
            if "paper" in words:
                row |= as_published(originals, rpsg.read_run(run).texts, bert)
                for stage, told_as in INSIDE.items():
                    texts, sides = texts_after(stage, run, data)
                    found[f"{name}, {told_as}"] = {
                        **row,
                        **told(audit(texts, **sides, attacks=chosen)),
                        **as_published(originals, texts, bert),
                    }
            if "split" in words:
                found[f"{name}, donors"] = {
                    **row,
                    **told(audit_run(run, data=data, donors=True, attacks=chosen)),
                }
        found[name] = row
        print(name, row.get("verdict"), flush=True)
    return found


def as_published(originals: Sequence[str], texts: Sequence[str], bert: Path | None) -> dict[str, Any]:
    """The published figures of a corpus."""
    found = {"published": published(originals, texts)}
    if bert is not None:
        found["published, BERT"] = published(originals, texts, bert=bert)
    return found


def of_file(kept: Path) -> dict[str, Any]:
    """The outcome of an audit run, from the report that it leaves, as ``told`` gives it."""
    report = json.loads(kept.read_text("utf-8"))
    names = ("verdict", "auc", "guesses", "right")
    rows = {
        each["name"]: {"epsilon": each["epsilon_lower"], **{name: each[name] for name in names}}
        for each in report["findings"]
    }
    counts = {name: report["counts"][name] for name in ("members", "held out")}
    counts["synthetic"] = report["counts"]["synthetic texts"]
    return {"verdict": report["verdict"], "reason": report["reason"], **counts, "attacks": rows}


def texts_after(stage: str, run: Path, data: Path) -> tuple[list[str], dict[str, Any]]:
    """The texts of a paper run after one of its stages, and its members and people held out."""
    plan = resolve(read_toml(run / PLAN))
    plan = plan.model_copy(update={"data": plan.data.model_copy(update={"path": str(data)})})
    with RunFolder.finished(run) as folder:
        stages = (run / "private" / STAGES).glob(f"*-{stage}.json*")
        name = next(stages).name.removesuffix(".sealed")
        pool = pool_of(json.loads(folder.vault.read(f"{STAGES}/{name}"))["value"])
        corpus = read_by_rule(plan.data).map(lambda reading: reading.corpus)
        return [candidate.text for candidate in pool.alive()], sides_of(folder, plan, corpus)


def written_to(out: Path, part: str, found: Iterable[tuple[str, Any]]) -> None:
    """Add to one part of the file."""
    kept = json.loads(out.read_text("utf-8")) if out.is_file() else {}
    kept[part] = {**kept.get(part, {}), **dict(found)}
    out.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", "utf-8")
    print(out)


def main() -> None:
    """Make runs, or measure one thing and add it to the file."""
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=("strict", "compared", "make", "attack"))
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--posts", type=Path)
    parser.add_argument("--only", nargs="*", choices=RUNS, default=())
    parser.add_argument("--written", type=Path, nargs="+")
    parser.add_argument("--shadows", action="store_true")
    parser.add_argument("--bert", type=Path, help="a folder of weights, for the published figures")
    parser.add_argument("--people", type=int, default=1000)
    parser.add_argument("--size", type=int, default=400)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    if given.what == "make":
        make(given.folder, given.posts, given.only)
    elif given.what == "strict":
        name = f"strict, {given.people} people, {given.size} texts{', shadows' if given.shadows else ''}"
        row = strict(given.written, given.people, given.size, shadows=given.shadows)
        written_to(given.out, "strict", [(name, row)])
    elif given.what == "compared":
        written_to(given.out, given.what, compared(given.folder).items())
    else:
        found = attack(given.folder, given.bert, given.only)
        written_to(given.out, given.what, found.items())


if __name__ == "__main__":
    main()
