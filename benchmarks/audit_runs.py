"""Real runs attacked: posts in which invented people tell about their life, real models, real noise.

    python benchmarks/audit_runs.py make FOLDER --posts llmprivacy_synthetic_reddit_525.jsonl
    python benchmarks/audit_runs.py attack FOLDER --out benchmarks/results/audit-runs.json

The file is of github.com/eth-sri/llmprivacy: 525 posts by 40 invented people. Eight of these people are the
public: their posts are what canaries begin like, and the reference of the attacks. The 420 or so posts of the
others are the private texts, each as a person of its own. Half are held out by each run's own secret draw.
``make`` writes the two files and makes the runs that are not there yet; ``attack`` audits all.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

#: People of the file whose posts are public here.
PUBLIC = 8
POSTS = ("posts.jsonl", "--domain", "self-disclosure", "--audit-holdout", "0.5")
CANARIES = ("--audit-canaries", "100", "--canary-texts", "public.jsonl")
WRITER = ("--writer", "smollm2-135m")
#: One summary of the first 40 words of each record, and one attempt at each text: two cores have to do.
QUICK = {
    "RPSG_PAPER__SEED_WORDS": "40",
    "RPSG_PAPER__MAX_TOKENS": "60",
    "RPSG_PAPER__CANDIDATES": "1",
    "RPSG_PAPER__SENTIMENT_ATTEMPTS": "1",
}
#: The runs, in the order in which they are made: what is given to ``rpsg``, and settings without an option.
RUNS: dict[str, tuple[tuple[str, ...], dict[str, str]]] = {
    "paper": (("run", *POSTS, *WRITER, "--method", "paper", "--size", "60"), QUICK),
    "split": (
        ("run", *POSTS, *WRITER, "--method", "split", "--size", "25", "--oversample", "1", *CANARIES),
        {"RPSG_SPLIT__DONORS": "0.4", **QUICK},
    ),
    "paper, canaries": (
        ("audit-run", *POSTS, *WRITER, "--method", "paper", "--size", "30", *CANARIES),
        QUICK,
    ),
}


def prepare(folder: Path, posts: Path) -> None:
    """Write the private and the public posts, by the person who wrote them."""
    rows = [json.loads(line) for line in posts.read_text("utf-8").splitlines()]
    people = [json.dumps(row["personality"], sort_keys=True) for row in rows]
    names = sorted(set(people))
    public = {names[i] for i in np.random.default_rng(0).permutation(len(names))[:PUBLIC]}
    for file, is_public in (("posts.jsonl", False), ("public.jsonl", True)):
        own = [row["response"] for row, who in zip(rows, people, strict=True) if (who in public) == is_public]
        lines = (json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in dict.fromkeys(own))
        folder.joinpath(file).write_text("".join(lines), "utf-8")


def make(folder: Path, posts: Path) -> None:
    """Make the runs that are not there yet."""
    folder.mkdir(parents=True, exist_ok=True)
    prepare(folder, posts)
    for name, (words, settings) in RUNS.items():
        done = folder / f"{name}.json"
        if done.is_file():
            continue
        began = time.monotonic()
        command = (sys.executable, "-m", "rpsg", *words, "-o", name, "--account", name, "--quiet", "--json")
        ended = subprocess.run(  # our own command line
            command, cwd=folder, env={**os.environ, **settings}, capture_output=True, text=True, check=False
        )
        told = {
            "command": " ".join(["rpsg", *words, "-o", name]),
            "settings": settings,
            "exit code": ended.returncode,
            "seconds": round(time.monotonic() - began),
        }
        done.write_text(json.dumps(told, indent=1) + "\n", "utf-8")
        folder.joinpath(f"{name}.log").write_text(ended.stdout + ended.stderr, "utf-8")
        print(name, told["exit code"], told["seconds"], flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=("make",))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--posts", type=Path)
    given = parser.parse_args()
    make(given.folder, given.posts)
