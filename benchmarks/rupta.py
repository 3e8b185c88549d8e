"""What the method rupta does to posts whose writers' attributes are known, compared with the authors' own
rewrites.

    python benchmarks/rupta.py POSTS.jsonl --writer FILE.gguf [--posts 20] [--edits 5] [--out RUN] [--score]

POSTS is ``rupta_personalreddit_example.jsonl`` of the authors' repository (207 invented posts, the attribute
that each tells, its true value, and their own anonymised text). The first posts in the order of a keyed draw
are anonymised by ``rpsg run --method rupta`` in the folder RUN; the same command resumes a stopped run. With
``--score`` the same privacy evaluator then guesses the true attribute from the post, from the authors' text
and from ours.
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rpsg import api
from rpsg.domains import find_pack
from rpsg.methods.base import Job
from rpsg.methods.rupta_roles import evaluate
from rpsg.pipeline.models_of_run import load_tools
from rpsg.plan import resolve
from rpsg.protocols import Silent
from rpsg.stages.abstraction import Seed
from rpsg.storage.run_folder import open_vault

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

NAMES = {
    "city_country": "place of residence",
    "birth_city_country": "place of birth",
    "relationship_status": "relationship status",
    "income_level": "income",
}


def main() -> None:
    """Run the method, and print what it kept and how well a model guesses from each text."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--writer", required=True)
    parser.add_argument("--posts", type=int, default=20)
    parser.add_argument("--edits", type=int, default=5)
    parser.add_argument("--attempts", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("rupta-run"))
    parser.add_argument("--score", action="store_true")
    parser.add_argument("--json", type=Path)
    told = parser.parse_args()
    rows = [json.loads(line) for line in told.data.read_text(encoding="utf-8").splitlines()]
    posts = random.Random(0).sample(rows, told.posts)
    file = told.out.with_suffix(".jsonl")
    lines = [json.dumps({"text": row["response"], "label": row["label"]}) for row in posts]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    plan = resolve(
        {
            "data": {"path": str(file), "label": "label"},
            "corpus": {"domain": "self-disclosure", "size": told.posts},
            "method": {"name": "rupta"},
            "models": {"writer": told.writer},
            "rupta": {"edits": told.edits, "attempts": told.attempts},
        }
    )
    run = api.run(plan, told.out)
    stages = kept_stages(told.out)
    last = list(stages.values())[-1]["value"]
    found: dict[str, Any] = {
        "posts": told.posts,
        "writer": run.ledger["egress"][-1]["model"],
        "edits": told.edits,
        "attempts": told.attempts,
        "released": len(run.texts),
        "verifies": api.verify(run.release).ok,
        "stages": {name: stage["facts"] for name, stage in stages.items()},
        "rounds": json.loads((told.out / "private" / "edits.json").read_bytes())["rounds"],
    }
    if told.score:
        ours = {one["seed"]["text"]: one["text"] for one in last if not one["problem"]}
        found["guessed"] = guessed(plan, posts, ours)
    text = json.dumps(found, indent=1) + "\n"
    print(text)
    if told.json:
        told.json.write_text(text, encoding="utf-8")


def kept_stages(run: Path) -> dict[str, dict[str, Any]]:
    """The results that each stage of a run stored, by its name, in order."""
    vault = open_vault(run)
    names = sorted(file.name.removesuffix(".sealed") for file in (run / "private" / "stages").iterdir())
    return {name[3:].removesuffix(".json"): json.loads(vault.read(f"stages/{name}")) for name in names}


def guessed(plan: Any, posts: Sequence[dict[str, Any]], ours: dict[str, str]) -> dict[str, Any]:
    """How the evaluators score the posts, the authors' texts and ours, for the attribute that is known."""
    nobody: Any = None
    job = Job(plan, find_pack("self-disclosure"), None, nobody, nobody, load_tools(plan), Silent(), b"public")
    sides: dict[str, Callable[[dict[str, Any]], str]] = {
        "posts": lambda row: row["response"],
        "authors": lambda row: row["anonymized_response"],
        "ours": lambda row: ours.get(row["response"], ""),
    }
    found = {}
    for side, text_of in sides.items():
        asked = [
            (
                Seed(i, row["response"], "", 0, row["label"]),
                {NAMES.get(row["feature"], row["feature"]): str(row["personality"][row["feature"]])},
                text_of(row),
            )
            for i, row in enumerate(posts)
            if text_of(row)
        ]
        scores = [score for score in evaluate(job, asked, side) if score is not None]
        found[side] = {
            "texts": len(asked),
            "scored": len(scores),
            "telling": sum(bool(score.told) for score in scores),
            "privacy": round(sum(score.privacy for score in scores) / max(1, len(scores)), 3),
            "confidence": round(sum(score.confidence for score in scores) / max(1, len(scores)), 2),
        }
    return found


if __name__ == "__main__":
    main()
