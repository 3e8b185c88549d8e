"""The metrics by name; each file holds one family.

A metric is a function ``metric(inputs: Inputs) -> Measure`` (``rpsg.evaluation.inputs``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

#: name -> ("module:function", a line about it). Metrics of other packages come from the entry points
#: ``rpsg.metrics``.
METRICS: Mapping[str, tuple[str, str]] = {
    "fid": ("rpsg.evaluation.metrics.frechet:fid", "Frechet distance of embeddings; lower is better"),
    "mauve": (
        "rpsg.evaluation.metrics.divergence:mauve",
        "MAUVE on embeddings, 0 to 1; higher is better",
    ),
    "knn_precision": ("rpsg.evaluation.metrics.knn:knn_precision", "share of texts among real ones"),
    "knn_recall": ("rpsg.evaluation.metrics.knn:knn_recall", "share of real texts that are reached"),
    "knn_f1": ("rpsg.evaluation.metrics.knn:knn_f1", "harmonic mean of precision and recall"),
    "density": ("rpsg.evaluation.metrics.knn:density", "how many real texts a text lies among"),
    "coverage": ("rpsg.evaluation.metrics.knn:coverage", "share of real texts with a text nearby"),
    "kl": ("rpsg.evaluation.metrics.divergence:kl", "KL divergence over shared buckets; lower is better"),
    "tv": (
        "rpsg.evaluation.metrics.divergence:tv",
        "total variation over shared buckets; lower is better",
    ),
    "wasserstein": (
        "rpsg.evaluation.metrics.divergence:wasserstein",
        "between sorted heights of the buckets, as published",
    ),
    "sliced_wasserstein": (
        "rpsg.evaluation.metrics.optimal_transport:sliced_wasserstein",
        "distance of embeddings over random directions",
    ),
    "sinkhorn": (
        "rpsg.evaluation.metrics.optimal_transport:sinkhorn",
        "Sinkhorn divergence of embeddings; lower is better",
    ),
    "word_distance": (
        "rpsg.evaluation.metrics.divergence:word_distance",
        "total variation of words; no embedder",
    ),
    "next_word_accuracy": (
        "rpsg.evaluation.metrics.language_model:next_word_accuracy",
        "train a language model here, test it on real texts",
    ),
    "perplexity": (
        "rpsg.evaluation.metrics.language_model:perplexity",
        "the same model's perplexity on real texts",
    ),
    "downstream_accuracy": (
        "rpsg.evaluation.metrics.downstream:downstream_accuracy",
        "train a classifier here, test it on real texts",
    ),
    "downstream_f1": (
        "rpsg.evaluation.metrics.downstream:downstream_f1",
        "the same classifier's mean F1 over labels",
    ),
    "sentiment_distance": (
        "rpsg.evaluation.metrics.attributes:sentiment_distance",
        "total variation of sentiments; lower is better",
    ),
    "sentiment_agreement": (
        "rpsg.evaluation.metrics.attributes:sentiment_agreement",
        "share of texts with the sentiment asked for",
    ),
    "length_distance": (
        "rpsg.evaluation.metrics.attributes:length_distance",
        "total variation of lengths; lower is better",
    ),
    "length_mean": ("rpsg.evaluation.metrics.attributes:length_mean", "mean number of words"),
    "self_bleu": (
        "rpsg.evaluation.metrics.diversity:self_bleu",
        "how well a text is foretold by the others",
    ),
    "self_similarity": ("rpsg.evaluation.metrics.frechet:self_similarity", "mean cosine of two texts"),
    "distinct_1": ("rpsg.evaluation.metrics.diversity:distinct_1", "different words over all words"),
    "distinct_2": ("rpsg.evaluation.metrics.diversity:distinct_2", "different word pairs over all pairs"),
    "distinct_3": (
        "rpsg.evaluation.metrics.diversity:distinct_3",
        "different runs of three words over all runs",
    ),
    "vocabulary": ("rpsg.evaluation.metrics.diversity:vocabulary", "number of different words"),
    "type_token_ratio": (
        "rpsg.evaluation.metrics.diversity:type_token_ratio",
        "different words over words, within a text",
    ),
    "readability": ("rpsg.evaluation.metrics.diversity:readability", "Flesch reading ease, for English"),
    "echo_rate": (
        "rpsg.evaluation.metrics.echoes:echo_rate",
        "share of texts with words of their prompt",
    ),
    "repetition_rate": (
        "rpsg.evaluation.metrics.echoes:repetition_rate",
        "share of texts that repeat themselves or another",
    ),
    "two_sample_auc": (
        "rpsg.evaluation.metrics.two_sample:two_sample_auc",
        "how well a classifier of n-grams tells texts from real ones",
    ),
    "coherence": (
        "rpsg.evaluation.metrics.coherence:coherence",
        "what the beginning of a text tells of its end",
    ),
    "word_order": (
        "rpsg.evaluation.metrics.coherence:word_order",
        "how much likelier the words are in their order",
    ),
    "attribute_coverage": (
        "rpsg.evaluation.metrics.attributes:attribute_coverage",
        "share of counted people whose values occur (runs)",
    ),
    "attribute_distance": (
        "rpsg.evaluation.metrics.attributes:attribute_distance",
        "values of texts against noisy counts (runs)",
    ),
}
