"""How much of what private texts say is clipped, and how fast tokens are drawn.

    python benchmarks/clip_rates.py --writer smollm2-135m --out RESULT.json
    python benchmarks/clip_rates.py --texts 0 --sizes 32 --precision bfloat16 --out RESULT.json
    python benchmarks/clip_rates.py --show RESULT.json

The demo's public reviews stand in for private texts. For each text, the model continues a public prompt and
the prompts of ``--people`` reviews with the same tokens, drawn from the average without a clip. At each token
it measures the quantity that private prediction clips: the difference of a review's logit to the public one,
at the 100 tokens that the public prompt makes most likely, less the median over these tokens. Then it
measures the time of a token, for several numbers of reviews: by the clock, and as processor time, which other
work on the machine affects less. With ``--texts 0`` only the time is measured. Nothing here is private, and
nothing is spent.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rpsg.domains import find_pack
from rpsg.methods.private_prediction import prompt_parts
from rpsg.models.download import locate
from rpsg.models.transformers.logits import ROWS, TransformersLogits
from rpsg.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

CLIPS = (0.25, 0.5, 1.0, 2.0, 3.0, 4.0, 6.0)
CHOICES, REFERENCE = 100, 96
SETTINGS = ("texts", "tokens", "people", "threads", "precision")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--writer", default="smollm2-135m")
    parser.add_argument("--texts", type=int, default=3)
    parser.add_argument("--tokens", type=int, default=20)
    parser.add_argument("--people", type=int, default=32)
    parser.add_argument("--sizes", type=int, nargs="*", default=[32, 64, 128])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--show", type=Path)
    args = parser.parse_args()
    if args.show:
        print(table(json.loads(args.show.read_text(encoding="utf-8"))))
        return
    source = TransformersLogits(args.writer, threads=args.threads, precision=args.precision)
    lines = (locate("amazon-reviews") / "train.jsonl").read_text(encoding="utf-8").splitlines()
    reviews = [" ".join(json.loads(line)["text"].split()) for line in lines]
    found = {
        "writer": source.name,
        "settings": {name: getattr(args, name) for name in SETTINGS},
        "choices": CHOICES,
        "reference_tokens": REFERENCE,
        "clipped": clipped(source, reviews, args) if args.texts else {},
        "speed": [speed(source, reviews, size) for size in args.sizes],
        "version": VERSION,
        "python": platform.python_version(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}",
    }
    text = json.dumps(found, indent=1)
    if args.out:
        args.out.write_text(text + "\n", encoding="utf-8")
    print(table(found))


def clipped(source: TransformersLogits, reviews: Sequence[str], args: argparse.Namespace) -> dict[str, Any]:
    """Shares of differences beyond each clip, and quantiles, over all tokens of all texts."""
    raw, centred, written = [], [], []
    rng = np.random.default_rng(0)
    for number in range(args.texts):
        mine = reviews[number * args.people : (number + 1) * args.people]
        differences, text = follow(source, mine, number, args.tokens, rng)
        raw += [np.abs(d) for d in differences]
        centred += [np.abs(d - np.median(d, axis=1, keepdims=True)) for d in differences]
        written.append(text)
    return {
        name: {
            "median": float(np.median(values)),
            "quantile_95": float(np.quantile(values, 0.95)),
            "beyond": {str(clip): float((values > clip).mean()) for clip in CLIPS},
        }
        for name, values in (("raw", np.stack(raw)), ("centred", np.stack(centred)))
    } | {"texts": written}


def follow(
    source: TransformersLogits, texts: Sequence[str], number: int, tokens: int, rng: np.random.Generator
) -> tuple[list[npt.NDArray[np.float64]], str]:
    """The differences at each token of one text, shape (texts, choices) each, and the tokens that were
    drawn.
    """
    pack = find_pack("food-reviews")
    before, after = prompt_parts(pack)
    shown = " ".join(pack.examples[number % len(pack.examples)].text.split())
    public = source.begin(before, [shown], after, most=REFERENCE, room=tokens)
    private = source.begin(before, texts, after, most=REFERENCE, room=tokens, least=len(texts))
    found, written = [], ""
    for _ in range(tokens):
        logits = public.scores()[0].astype(np.float64)
        order = [int(i) for i in np.argsort(-logits) if source.pieces[i] and "\n" not in source.pieces[i]]
        chosen = order[:CHOICES]
        differences = private.scores(chosen).astype(np.float64) - logits[chosen]
        found.append(differences)
        mean = logits[chosen] + differences.mean(axis=0)
        chances = np.exp(mean - mean.max())
        token = chosen[int(rng.choice(len(chosen), p=chances / chances.sum()))]
        written += source.pieces[token] or ""
        public.append(token)
        private.append(token)
    return found, written.encode("latin-1").decode("utf-8", "replace").strip()


def speed(source: TransformersLogits, reviews: Sequence[str], size: int, tokens: int = 5) -> dict[str, float]:
    """Seconds for the prompts of a text, and for each of its tokens, without what is computed once for all
    texts.
    """
    before, after = prompt_parts(find_pack("food-reviews"))
    bounds = {"most": REFERENCE, "room": tokens}
    source.begin(before, [], after, **bounds, least=min(size, ROWS))
    start, worked = time.perf_counter(), time.process_time()
    contexts = source.begin(before, reviews[:size], after, **bounds, least=size)
    prompts, prompts_worked = time.perf_counter() - start, time.process_time() - worked
    start, worked = time.perf_counter(), time.process_time()
    for token in range(100, 100 + tokens):
        contexts.append(token)
        contexts.scores(list(range(CHOICES)))
    return {
        "people": size,
        "prompts": prompts,
        "token": (time.perf_counter() - start) / tokens,
        "prompts_processor": prompts_worked,
        "token_processor": (time.process_time() - worked) / tokens,
    }


def table(found: dict[str, Any]) -> str:
    """The result as tables of a page."""
    rates = found["clipped"]
    head = "| | median | 95 % | " + " | ".join(f"> {clip:g}" for clip in CLIPS) + " |"
    lines = [f"`{found['writer']}`", "", head, "|---" * (3 + len(CLIPS)) + "|"]
    for name in ("raw", "centred") if rates else ():
        each = rates[name]
        beyond = " | ".join(f"{100 * each['beyond'][str(clip)]:.1f} %" for clip in CLIPS)
        lines.append(f"| {name} | {each['median']:.2f} | {each['quantile_95']:.2f} | {beyond} |")
    lines += ["", "| people | prompts of a text | a token | of the processor | |", "|---|---|---|---|---|"]
    for s in found["speed"]:
        worked = [
            f"{s[name]:.2f} s" if name in s else "" for name in ("prompts_processor", "token_processor")
        ]
        lines.append(f"| {s['people']} | {s['prompts']:.1f} s | {s['token']:.2f} s | {' | '.join(worked)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
