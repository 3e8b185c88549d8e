"""The metrics by name; each file holds one family.

A metric is a function ``metric(inputs: Inputs) -> Measure`` (``rpsg.evaluation.inputs``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The file of this folder and the name of its function, which is the name to type; a line about it.
_TABLE = (
    ("frechet", "fid", "Frechet distance of embeddings; lower is better"),
    ("divergence", "mauve", "MAUVE on embeddings, 0 to 1; higher is better"),
    ("knn", "knn_precision", "share of texts among real ones"),
    ("knn", "knn_recall", "share of real texts that are reached"),
    ("knn", "knn_f1", "harmonic mean of precision and recall"),
    ("knn", "density", "how many real texts a text lies among"),
    ("knn", "coverage", "share of real texts with a text nearby"),
    ("divergence", "kl", "KL divergence over shared buckets; lower is better"),
    ("divergence", "tv", "total variation over shared buckets; lower is better"),
    ("divergence", "wasserstein", "between sorted heights of the buckets, as published"),
    ("optimal_transport", "sliced_wasserstein", "distance of embeddings over random directions"),
    ("optimal_transport", "sinkhorn", "Sinkhorn divergence of embeddings; lower is better"),
    ("divergence", "word_distance", "total variation of words; no embedder"),
    ("language_model", "next_word_accuracy", "train a language model here, test it on real texts"),
    ("language_model", "perplexity", "the same model's perplexity on real texts"),
    ("downstream", "downstream_accuracy", "train a classifier here, test it on real texts"),
    ("downstream", "downstream_f1", "the same classifier's mean F1 over labels"),
    ("attributes", "sentiment_distance", "total variation of sentiments; lower is better"),
    ("attributes", "sentiment_agreement", "share of texts with the sentiment asked for"),
    ("columns", "column_distance", "total variation of pairs of columns (runs with --columns)"),
    ("attributes", "length_distance", "total variation of lengths; lower is better"),
    ("attributes", "length_mean", "mean number of words"),
    ("diversity", "self_bleu", "how well a text is foretold by the others"),
    ("frechet", "self_similarity", "mean cosine of two texts"),
    ("diversity", "distinct_1", "different words over all words"),
    ("diversity", "distinct_2", "different word pairs over all pairs"),
    ("diversity", "distinct_3", "different runs of three words over all runs"),
    ("diversity", "vocabulary", "number of different words"),
    ("diversity", "type_token_ratio", "different words divided by all words of a text"),
    ("diversity", "readability", "Flesch reading ease, for English"),
    ("echoes", "echo_rate", "share of texts with words of their prompt"),
    ("echoes", "repetition_rate", "share of texts that repeat themselves or another"),
    ("two_sample", "two_sample_auc", "how well a classifier of n-grams tells texts from real ones"),
    ("coherence", "coherence", "what the beginning of a text tells of its end"),
    ("coherence", "word_order", "how much likelier the words are in their order"),
    ("attributes", "attribute_coverage", "share of counted people whose values occur (runs)"),
    ("attributes", "attribute_distance", "values of texts against noisy counts (runs)"),
)
#: name -> ("module:function", a line about it). Metrics of other packages come from the entry points
#: ``rpsg.metrics``.
METRICS: Mapping[str, tuple[str, str]] = {
    name: (f"{__name__}.{file}:{name}", about) for file, name, about in _TABLE
}
