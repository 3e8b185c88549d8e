"""The metrics by name; each file holds one family.

A metric is a function ``metric(inputs: Inputs) -> Measure`` (``rpsg.evaluation.inputs``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The file of this folder; the name of its function, which is the name to type; whether higher values are
#: better, None if a value should only be close to that of real texts; and a line about it.
_TABLE: tuple[tuple[str, str, bool | None, str], ...] = (
    ("frechet", "fid", False, "Frechet distance of embeddings"),
    ("divergence", "mauve", True, "MAUVE on embeddings, 0 to 1"),
    ("knn", "knn_precision", True, "share of texts that lie among real texts"),
    ("knn", "knn_recall", True, "share of real texts that lie among texts of the corpus"),
    ("knn", "knn_f1", True, "harmonic mean of precision and recall"),
    ("knn", "density", True, "how many real texts a text lies among"),
    ("knn", "coverage", True, "share of real texts with a text nearby"),
    ("divergence", "kl", False, "KL divergence over shared buckets"),
    ("divergence", "tv", False, "total variation over shared buckets"),
    ("divergence", "wasserstein", False, "distance between the sorted heights of the buckets, as published"),
    ("optimal_transport", "sliced_wasserstein", False, "distance of embeddings over random directions"),
    ("optimal_transport", "sinkhorn", False, "Sinkhorn divergence of embeddings"),
    ("divergence", "word_distance", False, "total variation of words; no embedder"),
    (
        "language_model",
        "next_word_accuracy",
        True,
        "accuracy on real texts of a language model trained on the corpus",
    ),
    ("language_model", "perplexity", False, "the same model's perplexity on real texts"),
    (
        "downstream",
        "downstream_accuracy",
        True,
        "accuracy on real texts of a classifier trained on the corpus",
    ),
    ("downstream", "downstream_f1", True, "the same classifier's mean F1 over labels"),
    ("attributes", "sentiment_distance", False, "total variation of sentiments"),
    ("attributes", "sentiment_agreement", True, "share of texts with the sentiment that was asked for"),
    ("columns", "column_distance", False, "total variation of pairs of columns (runs with --columns)"),
    ("attributes", "length_distance", False, "total variation of lengths"),
    ("attributes", "length_mean", None, "mean number of words"),
    ("diversity", "self_bleu", False, "how well a text can be predicted from the others"),
    ("frechet", "self_similarity", None, "mean cosine of two texts of the corpus"),
    ("diversity", "distinct_1", None, "different words divided by all words"),
    ("diversity", "distinct_2", None, "different word pairs divided by all pairs"),
    ("diversity", "distinct_3", None, "different runs of three words divided by all runs"),
    ("diversity", "vocabulary", None, "number of different words"),
    ("diversity", "type_token_ratio", None, "different words divided by all words of a text"),
    ("diversity", "readability", None, "Flesch reading ease, for English"),
    ("echoes", "echo_rate", False, "share of texts with words of their prompt"),
    ("echoes", "repetition_rate", False, "share of texts that repeat themselves or another"),
    ("two_sample", "two_sample_auc", False, "how well a classifier of n-grams tells texts from real ones"),
    ("coherence", "coherence", True, "how much the beginning of a text says about its end"),
    ("coherence", "word_order", True, "how much more likely the words are in their order than shuffled"),
    (
        "attributes",
        "attribute_coverage",
        True,
        "share of the counted people whose values occur in the texts (runs)",
    ),
    (
        "attributes",
        "attribute_distance",
        False,
        "distance between the values of the texts and the noisy counts (runs)",
    ),
)
_WAY = {True: "; higher is better", False: "; lower is better", None: ""}
#: name -> ("module:function", a line about it). Metrics of other packages come from the entry points
#: ``rpsg.metrics``.
METRICS: Mapping[str, tuple[str, str]] = {
    name: (f"{__name__}.{file}:{name}", f"{about}{_WAY[better]}") for file, name, better, about in _TABLE
}
#: name -> whether higher values are better. A metric of another package says it with each value.
BETTER: Mapping[str, bool | None] = {name: better for _, name, better, _ in _TABLE}
