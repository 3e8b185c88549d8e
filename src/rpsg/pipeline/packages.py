"""Which optional packages a run of a plan imports, and which of them are not installed."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from rpsg.methods.named import method_of
from rpsg.models.catalog import CATALOGUE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rpsg.plan import Plan

_LLAMA = {"xllamacpp": "local"}
_ONNX = {"onnxruntime": "local", "tokenizers": "local"}
_TORCH = {"torch": "hf", "transformers": "hf"}
#: The modules that a model needs, each with its extra, by the part of the model's name before the colon.
_BY_FORM: Mapping[str, Mapping[str, str]] = {
    "openai": {"h11": "server", "truststore": "server"},
    "azure": {"h11": "server", "truststore": "server"},
    "transformers": _TORCH,
    "st": {**_TORCH, "sentence_transformers": "hf"},
    "gguf": _LLAMA,
    "minilm": _ONNX,
    "e5-small": {"tokenizers": "local"},
    "int8": {**_ONNX, "onnx": "int8", "safetensors": "int8"},
    "static": {"tokenizers": "static", "safetensors": "static"},
    "vader": {"vaderSentiment": "vader"},
}
_BY_SUFFIX = {
    ".parquet": {"pyarrow": "parquet"},
    ".xlsx": {"python_calamine": "excel"},
    ".xls": {"python_calamine": "excel"},
    ".ods": {"python_calamine": "excel"},
}


def missing(plan: Plan) -> Iterator[str]:
    """A sentence for each part of the plan whose packages are not installed. No package is imported."""
    for what, modules in _needed(plan):
        absent = {module: extra for module, extra in modules.items() if not _is_installed(module)}
        if absent:
            *first, last = [module.replace("_", "-") for module in absent]
            packages = f"{', '.join(first)} and {last}" if first else last
            extras = ",".join(dict.fromkeys(absent.values()))
            verb = "are" if len(absent) > 1 else "is"
            yield f"{what} needs {packages}, which {verb} not installed: pip install 'rpsg[{extras}]'"


def _needed(plan: Plan) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Each part of the plan that needs packages, with the modules it needs and the extra of each."""
    models, method = plan.models, method_of(plan)
    yield f"The method {method.name}", method.packages(plan)
    named = {"embedder": models.embedder, "sentiment": models.sentiment, "scorer": models.scorer}
    if "writer" not in method.models(plan):
        named["writer"] = models.writer
    for role, name in named.items():
        yield f"The {role} {name}", _of_model(role, name or "")
    if method.reads_private:
        yield "Reading this file", _BY_SUFFIX.get(Path(plan.data.path or "").suffix.lower(), {})
    if method.budget is not None and plan.privacy.noise == "opendp":
        yield "Noise from OpenDP", {"opendp": "opendp"}
    if plan.engine.kind == "ray":
        yield "Writing with Ray", {"ray": "ray"}
    if plan.vault.key == "keyring":
        yield "The key in the keyring", {"keyring": "keyring"}


def _of_model(role: str, name: str) -> Mapping[str, str]:
    form = name.partition(":")[0]
    if role == "writer" and (name in CATALOGUE or name.endswith(".gguf")):
        return _LLAMA
    if role == "scorer" and name in CATALOGUE:
        return _TORCH
    if role == "embedder" and "/" in form:
        return _ONNX
    return _BY_FORM.get(form, {})


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):  # its package is not there, or is broken
        return False
