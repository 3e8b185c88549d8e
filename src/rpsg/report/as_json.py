"""The facts of a report as plain values, for programs: the same that the page shows."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rpsg.report.histograms import bins_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rpsg.release.coverage import Coverage
    from rpsg.release.reader import Story
    from rpsg.report.scores import Scores


def facts_of(story: Story, scores: Scores | None) -> dict[str, Any]:
    """JSON-ready facts; no text of the corpus, and no figure of a budget where nothing is promised."""
    words = [len(text.text.split()) for text in story.texts]
    return {
        "texts": len(story.texts),
        "method": story.facts.plan.method.name,
        "writer": story.facts.writer,
        "embedder": story.facts.embedder,
        "claim": dict(story.claim),
        "answers": [_answer(line, story) for line in story.gaussians],
        "people": None if story.people is None else asdict(story.people),
        "coverage": [_covered(covered) for covered in story.coverage],
        "words": _lengths(words),
        "quality": asdict(story.facts.quality),
        "writing": None if story.calls is None else asdict(story.calls),
        "drops": [
            {"stage": stage, "reason": reason, "texts": count}
            for (stage, reason), count in sorted(story.facts.pool.drops().items())
        ]
        if story.is_whole
        else None,
        "hosts": [asdict(line) for line in story.facts.seen],
        "metrics": None if scores is None else [_score(score) for score in scores.scores],
    }


def _lengths(words: Sequence[int]) -> dict[str, Any]:
    bins = bins_of(words) if words else []
    return {
        "least": min(words, default=0),
        "most": max(words, default=0),
        "all": sum(words),
        "histogram": [{"first": first, "last": last, "texts": texts} for first, last, texts in bins],
    }


def _answer(line: Mapping[str, Any], story: Story) -> dict[str, Any]:
    told = {"stage": line["stage"], "query": line["query"], "sigma": line["sigma"]}
    return {**told, "mu2": line["sensitivity2"] / line["sigma"] ** 2} if story.is_private else told


def _covered(covered: Coverage) -> dict[str, Any]:
    return {
        "attribute": covered.attribute,
        "measured": covered.measured,
        "values": [
            {
                "value": value.name,
                "texts": value.texts,
                "noisy_count": None if value.noisy is None else value.noisy.count,
                "sigma": None if value.noisy is None else value.noisy.sigma,
            }
            for value in covered.values
        ],
    }


def _score(score: Any) -> dict[str, Any]:
    return {**asdict(score), "normalised": score.normalised}
