"""How fast are the metrics, and self-BLEU against NLTK's?

    python benchmarks/evaluation.py
    python benchmarks/evaluation.py --synthetic FILE --real FILE --text COLUMN     texts of your own

Self-BLEU is timed on all texts; NLTK, which compares every text with every other, is timed on a few of them,
from which the time for all follows. Both must give the same values. Then ``rpsg.evaluate`` itself computes
all metrics that train no neural model, embeddings included, for the corpus and the ceiling (with ``--floor``
also for the floor), each compared with all the real texts.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import tempfile
import time
from functools import cache
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import rpsg
from rpsg import registry
from rpsg.evaluation.corpora import read_rows
from rpsg.models.download import locate
from rpsg.storage.readers.columns import Columns
from rpsg.textstats.self_bleu import self_bleu_scores

if TYPE_CHECKING:
    from collections.abc import Sequence

#: For these metrics a language model reads the texts.
JUDGED = {"coherence", "word_order"}
AIM_RATIO = 50
AIM_SECONDS = 60
AIM_GIB = 2


@cache
def vocabulary() -> list[str]:
    """Every word of the public reviews, as often as it occurs there, so that words are as frequent as in real
    texts.
    """
    lines = (locate("amazon-reviews") / "train.jsonl").read_text(encoding="utf-8").splitlines()
    return [word for line in lines for word in json.loads(line)["text"].split()]


def invented(count: int, words: int, seed: int) -> list[str]:
    """Texts of ``words`` words, each drawn from those of public reviews."""
    rng = random.Random(seed)
    return [" ".join(rng.choices(vocabulary(), k=words)) for _ in range(count)]


def nltk_score(tokens: Sequence[list[str]], place: int) -> float:
    """NLTK's self-BLEU of one text against all the others."""
    from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu  # noqa: PLC0415  # only here

    others = [*tokens[:place], *tokens[place + 1 :]]
    smoothed = SmoothingFunction().method1
    return float(sentence_bleu(others, tokens[place], smoothing_function=smoothed))


def self_bleu(texts: list[str], sample: int, repeats: int) -> dict[str, Any]:
    """Seconds of both for all texts, and the largest difference of the texts that NLTK scored."""
    ours = []
    for _ in range(repeats):
        since = time.perf_counter()
        scores = self_bleu_scores(texts)
        ours.append(time.perf_counter() - since)
    tokens = [text.split() for text in texts]
    places = random.Random(0).sample(range(len(texts)), min(sample, len(texts)))
    nltk_score([["a", "text"]] * 2, 0)  # the first call also imports and compiles, which is not measured
    since = time.perf_counter()
    theirs = [nltk_score(tokens, place) for place in places]
    nltk = (time.perf_counter() - since) / len(places) * len(texts)
    return {
        "texts": len(texts),
        "ours_seconds": median(ours),
        "nltk_seconds": nltk,
        "nltk_to_ours": nltk / median(ours),
        "largest_difference": max(abs(a - scores[i]) for a, i in zip(theirs, places, strict=True)),
    }


def everything(args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Seconds of a whole evaluation: each metric, and together."""
    columns = Columns(args.text)
    synthetic = list(read_rows(args.synthetic, columns).texts) if args.synthetic else []
    real = list(read_rows(args.real, columns).texts) if args.real else []
    synthetic = (synthetic or invented(args.texts, args.words, 1))[: args.texts]
    real = (real or invented(args.real_texts, args.words, 2))[: args.real_texts]
    floor, ceiling = invented(args.texts, args.words, 3), invented(args.texts, args.words, 4)
    files = {"synthetic": synthetic, "real": real, "floor": floor, "ceiling": ceiling}
    for name, texts in files.items():
        lines = "".join(json.dumps({"text": text}) + "\n" for text in texts)
        (folder / f"{name}.jsonl").write_text(lines, encoding="utf-8")
    since, busy = time.perf_counter(), time.process_time()
    report = rpsg.evaluate(
        folder / "synthetic.jsonl",
        folder / "real.jsonl",
        train_real=folder / "ceiling.jsonl",
        floor=folder / "floor.jsonl" if args.floor else None,
        embedder=args.embedder,
        metrics=[name for name in registry.names("metrics") if name not in JUDGED],
    )
    total = time.perf_counter() - since
    embedding = report.seconds.get("fid", 0.0)
    return {
        "texts": len(synthetic),
        "real_texts": report.n_real,
        "rows": dict(report.sizes),
        "seconds": total,
        "processor_seconds": time.process_time() - busy,
        "seconds_without_embedding": total - embedding,
        "by_metric": {name: round(value, 3) for name, value in report.seconds.items()},
        "peak_gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
    }


def parsed(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--synthetic", type=Path, help="default: words of public reviews")
    parser.add_argument("--real", type=Path)
    parser.add_argument("--text", default="text", help="the column with the text")
    parser.add_argument("--texts", type=int, default=2000)
    parser.add_argument("--real-texts", type=int, default=5000)
    parser.add_argument("--words", type=int, default=100, help="words of an invented text")
    parser.add_argument("--floor", action="store_true", help="a floor row too: as many texts more to embed")
    parser.add_argument("--embedder", default="minilm")
    parser.add_argument("--nltk-texts", type=int, default=5, help="texts that NLTK scores")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    args = parsed(arguments)
    bleu = self_bleu(invented(args.texts, args.words, 0), args.nltk_texts, args.repeats)
    with tempfile.TemporaryDirectory() as folder:
        whole = everything(args, Path(folder))
    if args.json:
        settings = {k: str(v) if isinstance(v, Path) else v for k, v in vars(args).items()}
        figures = {"self_bleu": bleu, "evaluation": whole}
        print(json.dumps({"aim": AIM_RATIO, "settings": settings, "figures": figures}, indent=1))
        return
    print(
        f"self-BLEU of {bleu['texts']} texts: {bleu['ours_seconds']:.2f} s, "
        f"NLTK {bleu['nltk_seconds']:.0f} s, {bleu['nltk_to_ours']:.0f} times; "
        f"largest difference {bleu['largest_difference']:.1e}"
    )
    print(f"aim: {AIM_RATIO} times, difference below 1e-9")
    print(
        f"all metrics, {whole['texts']} x {whole['real_texts']} texts, {sum(whole['rows'].values())} in all: "
        f"{whole['seconds']:.1f} s "
        f"({whole['processor_seconds']:.1f} s of processor time), "
        f"{whole['seconds_without_embedding']:.1f} s without embedding, {whole['peak_gib']:.2f} GiB at most"
    )
    print(f"aim: {AIM_SECONDS} s, {AIM_GIB} GiB")
    slowest = sorted(whole["by_metric"].items(), key=lambda item: -item[1])[:6]
    print("slowest: " + ", ".join(f"{name} {seconds:.1f} s" for name, seconds in slowest))


if __name__ == "__main__":
    main()
