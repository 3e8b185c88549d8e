"""Self-BLEU as a metric: the mean over texts of how well each is foretold by the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rpsg.evaluation.metrics.intervals import from_jackknife, groups, jackknife_error
from rpsg.textstats.self_bleu import scores_without

if TYPE_CHECKING:
    from rpsg.evaluation.inputs import Inputs
    from rpsg.results import Measure


def self_bleu(inputs: Inputs) -> Measure:
    """The mean over texts; lower is more diverse. Without a group, there are fewer references."""
    inputs.need(2, real=False)
    texts = inputs.corpus.texts
    group = groups(len(texts), inputs.seed, "self-BLEU")
    scores = scores_without(texts, group)
    value, interval = float(scores[0].mean()), None
    if len(texts) > 2:
        left = (scores[g + 1, group != g].mean() for g in range(len(scores) - 1))
        interval = from_jackknife(value, jackknife_error(left), low=0.0, high=1.0)
    return inputs.measured(
        "self_bleu", value, better=False, interval=interval, real=False, model="words between spaces, 4-gram"
    )
