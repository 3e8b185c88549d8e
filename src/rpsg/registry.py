"""Names become things, late: nothing is imported before it is asked for.

Built-ins enter by the same door as strangers: a stranger's package declares an entry point in the group
``rpsg.<kind>`` (``rpsg.methods``, ``rpsg.writers``, ...) whose name is the name to type and whose value is
the function or class below in the tables.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, Literal

from rpsg.errors import UsageError
from rpsg.models.scorer_check import check_scorer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rpsg.evaluation.inputs import Metric
    from rpsg.models.documents import Form
    from rpsg.plan import Server
    from rpsg.protocols import Classifier, Embedder, Scorer, Writer

Kind = Literal["methods", "writers", "embedders", "classifiers", "scorers", "metrics"]

#: name -> "module:attribute", and a line about it. A method is a ``protocols.Method``; the others are
#: functions that build a model, told in ``rpsg.models.build``. A metric is ``metric(inputs) -> Measure``.
BUILT_IN: Mapping[Kind, Mapping[str, tuple[str, str]]] = {
    "methods": {
        "strict": ("rpsg.methods.strict:METHOD", "end-to-end differential privacy (the default)"),
        "floor": ("rpsg.methods.floor:METHOD", "no private data: the public pack alone, to compare with"),
        "split": ("rpsg.methods.split:METHOD", "donors give seeds, voters choose: voters are protected"),
        "paper": ("rpsg.methods.paper:METHOD", "the paper's method, from private seeds: no guarantee"),
    },
    "writers": {
        "gemma-3-270m": ("rpsg.models.build:llamacpp", "Gemma 3 270M (base), on this machine (the default)"),
        "qwen2.5-coder-0.5b": ("rpsg.models.build:llamacpp", "Qwen2.5-Coder-0.5B-Instruct, on this machine"),
        "qwen2.5-coder-1.5b": ("rpsg.models.build:llamacpp", "Qwen2.5-Coder-1.5B-Instruct, on this machine"),
        "smollm2-135m": ("rpsg.models.build:llamacpp", "SmolLM2-135M-Instruct, on this machine"),
        "openai:MODEL": ("rpsg.models.openai.build:writer", "a model of an OpenAI-compatible server"),
        "azure:DEPLOYMENT": ("rpsg.models.openai.build:writer", "a deployment on Azure OpenAI"),
        "transformers:NAME": (
            "rpsg.models.build:transformers_writer",
            "weights with PyTorch: a folder, GGUF or OWNER/REPO",
        ),
        "fake": ("rpsg.models.build:fake_writer", "plausible words without weights, for tests"),
    },
    "embedders": {
        "minilm": ("rpsg.models.build:minilm", "all-MiniLM-L6-v2, on this machine (the default)"),
        "int8": ("rpsg.models.build:int8", "all-MiniLM-L6-v2 in whole numbers, over twice as fast"),
        "openai:MODEL": ("rpsg.models.openai.build:embedder", "a model of an OpenAI-compatible server"),
        "azure:DEPLOYMENT": ("rpsg.models.openai.build:embedder", "a deployment on Azure OpenAI"),
        "static": ("rpsg.models.build:static", "word vectors made from minilm, for millions of texts"),
        "st:NAME": (
            "rpsg.models.build:sentence_transformers",
            "sentence-transformers: a folder or repository, e.g. st:sentence-t5-base",
        ),
        "gguf:FILE": ("rpsg.models.build:gguf_embedder", "an embedder's GGUF file, with llama.cpp"),
        "fake": ("rpsg.models.build:fake_embedder", "hashed words without weights, for tests"),
    },
    "classifiers": {
        "sentiment": ("rpsg.models.build:sentiment", "a linear probe on the embeddings (the default)"),
        "vader": ("rpsg.models.build:vader", "words of a lexicon, English, without weights"),
        "transformers:NAME": (
            "rpsg.models.build:transformers_sentiment",
            "a classifier's folder or repository, e.g. siebert/sentiment-roberta-large-english",
        ),
    },
    "scorers": {
        "smollm2-135m": (
            "rpsg.models.build:transformers_scorer",
            "SmolLM2-135M-Instruct, on this machine, with PyTorch",
        ),
        "transformers:NAME": (
            "rpsg.models.build:transformers_scorer",
            "weights with PyTorch: a folder, GGUF or OWNER/REPO",
        ),
        "fake": ("rpsg.models.build:fake_scorer", "word frequencies, for tests"),
    },
    "metrics": {
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
    },
}


def names(kind: Kind) -> dict[str, str]:
    """What can be named, with a line about each, strangers last."""
    known = {name: about for name, (_, about) in BUILT_IN[kind].items()}
    strangers = {entry.name: f"from {entry.value.partition(':')[0]}" for entry in _strangers(kind)}
    return {**known, **strangers}


def _strangers(kind: Kind) -> list[Any]:
    return sorted(entry_points(group=f"rpsg.{kind}"), key=lambda entry: entry.name)


def find(kind: Kind, name: str) -> Any:
    """The function or class behind a name; UsageError lists the names there are."""
    if name in BUILT_IN[kind]:
        module, _, attribute = BUILT_IN[kind][name][0].partition(":")
        return getattr(import_module(module), attribute)
    for entry in _strangers(kind):
        if entry.name == name:
            return entry.load()
    raise UsageError(
        f"There is no {kind.removesuffix('s')} {name!r}.", hint=f"Use one of: {', '.join(names(kind))}."
    )


def metric(name: str) -> Metric:
    """The metric called ``name``; UsageError when there is none, or a stranger's cannot be loaded."""
    theirs = {entry.name: entry.value for entry in _strangers("metrics")}
    try:
        found: Metric = find("metrics", name)
    except UsageError:
        raise
    except Exception as error:
        if name in BUILT_IN["metrics"] or name not in theirs:
            raise
        raise _unloadable(name, theirs[name], f"cannot be loaded: {type(error).__name__}") from error
    if not callable(found):
        raise _unloadable(name, theirs.get(name, ""), "is not a function")
    return found


def _unloadable(name: str, where: str, why: str) -> UsageError:
    return UsageError(
        f"The metric {name!r} ({where}) {why}.", hint="Repair or remove the package that brings it."
    )


def writer(
    name: str,
    *,
    slots: int | None = None,
    threads: int | None = None,
    context: int | None = None,
    form: Form = "auto",
    server: Server | None = None,
) -> Writer:
    """The writer called ``name``; a path or a hub id of a GGUF file is run with llama.cpp.

    ``openai:MODEL`` and ``azure:DEPLOYMENT`` are asked for on ``server``; there ``form`` chooses the API. A
    writer of another package is told the form only when it is not "auto".
    """
    if served := _served(name):
        if server is not None and form != "auto":
            server = server.model_copy(update={"api": "completions" if form == "text" else "chat"})
        on_server: Writer = find("writers", served)(name, server)
        return on_server
    build = find("writers", _formed("writers", name) or ("gemma-3-270m" if _is_file(name) else name))
    more = {} if form == "auto" else {"form": form}
    made: Writer = build(name, slots=slots, threads=threads, context=context, **more)
    return made


def _served(name: str) -> str | None:
    """The entry for a model of a server; None for all others."""
    return {"openai": "openai:MODEL", "azure": "azure:DEPLOYMENT"}.get(name.partition(":")[0])


def _formed(kind: Kind, name: str) -> str | None:
    """The entry such as ``transformers:NAME`` that ``name`` is a case of; None where it is none."""
    form, colon, what = name.partition(":")
    if not (colon and what):
        return None
    known = (entry for entry in BUILT_IN[kind] if entry == form or entry.startswith(f"{form}:"))
    return next(known, None)


def _is_file(name: str) -> bool:
    return name.startswith("hf:") or name.endswith(".gguf") or "/" in name


def embedder(name: str, *, threads: int | None = None, server: Server | None = None) -> Embedder:
    """The embedder called ``name``; the folder of an ONNX embedder is run with onnxruntime.

    ``openai:MODEL`` and ``azure:DEPLOYMENT`` are asked for on ``server``.
    """
    if served := _served(name):
        on_server: Embedder = find("embedders", served)(name, server)
        return on_server
    build = find("embedders", _formed("embedders", name) or ("minilm" if "/" in name else name))
    made: Embedder = build(name, threads=threads)
    return made


def sentiment(of: Embedder, name: str | None = None, *, threads: int | None = None) -> Classifier:
    """The sentiment classifier called ``name``; without a name the one that fits the embedder."""
    wanted = name or "sentiment"
    build = find("classifiers", _formed("classifiers", wanted) or wanted)
    made: Classifier = build(of, wanted, threads=threads)
    return made


def scorer(name: str, *, threads: int | None = None) -> Scorer:
    """The scorer called ``name``, after it was tried; ModelError when its numbers mean nothing."""
    made: Scorer = find("scorers", _formed("scorers", name) or name)(name, threads=threads)
    if name != "fake":  # it counts single words, and says so: their order is nothing to it
        check_scorer(made)
    return made
