"""Train the sentiment probe that ships with RPSG, from public human ratings, and say how good it is.

    python benchmarks/train_sentiment.py [--data DIR] [--write]

Needs scikit-learn; with vaderSentiment installed it prints the lexicon's figures next to the probe's. The
ratings (-4 to 4) come from the package vaderSentiment (MIT); the test is on 1,000 food reviews with a
five-stars-or-not label, which the probe never saw. ``--data`` takes a folder with snippets.jsonl and
test.jsonl instead of pulling both.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rpsg.models.download import pull
from rpsg.models.onnx.embedder import OnnxEmbedder
from rpsg.models.sentiment import VALUES

# A mean rating within one point of zero is no clear lean either way. News sentences are left out: their
# ratings are about events, not about something the writer likes or dislikes.
CLEAR = 1.0
SOURCES = ("amazonReviewSnippets", "movieReviewSnippets", "tweets")
PROBE = Path(__file__).parents[1] / "src" / "rpsg" / "models" / "data" / "sentiment-minilm.json"

Rows = npt.NDArray[np.float32]


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def class_of(score: float) -> int:
    return 0 if score > CLEAR else 2 if score < -CLEAR else 1


def embed(embedder: OnnxEmbedder, rows: list[dict[str, Any]]) -> Rows:
    return embedder.embed([row["text"] for row in rows])


def train(features: Rows, classes: list[int]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Weights (3, dim) and bias (3,), rounded as they will be shipped."""
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - only needed for training

    model = LogisticRegression(C=1.0, max_iter=2000, class_weight="balanced").fit(features, classes)
    return np.round(model.coef_, 5), np.round(model.intercept_, 5)


def evaluate(scores: npt.NDArray[np.float64], lean: npt.NDArray[np.float64], great: Any) -> dict[str, float]:
    from sklearn.metrics import balanced_accuracy_score, roc_auc_score  # noqa: PLC0415 - as above

    return {
        "auc": round(float(roc_auc_score(great, lean)), 3),
        "balanced_accuracy": round(float(balanced_accuracy_score(great, lean > 0)), 3),
        "share_positive": round(float((scores == 0).mean()), 3),
        "share_mixed": round(float((scores == 1).mean()), 3),
        "share_negative": round(float((scores == 2).mean()), 3),
    }


def evaluate_lexicon(texts: list[str], great: Any) -> dict[str, float] | None:
    try:
        from vaderSentiment.vaderSentiment import (  # noqa: PLC0415 - a comparison, if it is there
            SentimentIntensityAnalyzer,
        )
    except ImportError:
        return None
    analyser = SentimentIntensityAnalyzer()
    lean = np.array([analyser.polarity_scores(text)["compound"] for text in texts])
    return evaluate(np.where(lean >= 0.05, 0, np.where(lean <= -0.05, 2, 1)), lean, great)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--data", type=Path)
    options.add_argument("--write", action="store_true", help="replace the probe that ships with RPSG")
    chosen = options.parse_args()
    snippets = chosen.data / "snippets.jsonl" if chosen.data else pull("vader-snippets")
    reviews = (chosen.data or pull("amazon-reviews")) / "test.jsonl"

    embedder = OnnxEmbedder(pull("minilm-onnx"))
    rated = [row for row in read(snippets) if row["source"] in SOURCES]
    weights, bias = train(embed(embedder, rated), [class_of(row["score"]) for row in rated])

    tests = read(reviews)
    great = np.array([row["label"] == "great" for row in tests])
    scores = embed(embedder, tests).astype(np.float64) @ weights.T + bias
    probe = evaluate(scores.argmax(axis=1), scores[:, 0] - scores[:, 2], great)
    lexicon = evaluate_lexicon([row["text"] for row in tests], great)
    facts = {
        "trained_on": "vaderSentiment 3.3.2 human ratings (MIT): " + ", ".join(SOURCES),
        "rows": len(rated),
        "mixed_means": f"mean rating within {CLEAR} of 0, on a scale from -4 to 4",
        "model": "multinomial logistic regression, C=1, balanced classes",
        "tested_on": "1,000 fine-food reviews, five stars against fewer",
        "probe": probe,
        "lexicon": lexicon,
    }
    print(json.dumps(facts, indent=2))
    if chosen.write:
        found = {"embedder": embedder.name, "values": VALUES, "facts": facts}
        body = {**found, "bias": bias.tolist(), "weights": weights.tolist()}
        PROBE.write_text(json.dumps(body, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
