"""The facts of the report page as JSON values."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rpsg.report.histograms import bins_of
from rpsg.textstats.words import word_count

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rpsg.measures import Line, Report
    from rpsg.release.coverage import Coverage
    from rpsg.release.reader import Release


def facts_of(release: Release, scores: Report | None) -> dict[str, Any]:
    """JSON-ready facts, without a text of the corpus; figures of a budget only if there is a guarantee."""
    words = [word_count(text.text) for text in release.texts]
    return {
        "texts": len(release.texts),
        "method": release.plan.method.name,
        "writer": release.writer,
        "embedder": release.embedder,
        "claim": dict(release.claim),
        "answers": [_answer(line, release) for line in release.mechanisms],
        "people": None if release.people is None else asdict(release.people),
        "coverage": [_covered(covered) for covered in release.coverage],
        "words": _lengths(words),
        "quality": asdict(release.quality),
        "writing": None if release.calls is None else asdict(release.calls),
        "drops": [
            {"stage": stage, "reason": reason, "texts": count}
            for (stage, reason), count in sorted(release.pool.drops().items())
        ]
        if release.is_whole
        else None,
        "hosts": [asdict(line) for line in release.egress],
        "metrics": None if scores is None else [_score(line) for line in scores.lines],
    }


def _lengths(words: Sequence[int]) -> dict[str, Any]:
    bins = bins_of(words) if words else []
    return {
        "least": min(words, default=0),
        "most": max(words, default=0),
        "all": sum(words),
        "histogram": [{"first": first, "last": last, "texts": texts} for first, last, texts in bins],
    }


def _answer(line: Mapping[str, Any], release: Release) -> dict[str, Any]:
    told = {"stage": line["stage"], "query": line["query"], "sigma": line["sigma"]}
    return {**told, "mu2": line["sensitivity2"] / line["sigma"] ** 2} if release.is_private else told


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


def _score(line: Line) -> dict[str, Any]:
    told = asdict(line)
    for measure in (told["corpus"], told["floor"], told["ceiling"]):
        if measure is not None:
            del measure["name"]  # it is the name of the line
    return {**told, "informative": line.informative, "normalised": line.score}
