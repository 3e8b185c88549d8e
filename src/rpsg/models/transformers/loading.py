"""Weights become models in memory: quietly, from this disk, without running anything that came with them."""

from __future__ import annotations

from contextlib import contextmanager
from inspect import signature
from typing import TYPE_CHECKING, Any, Literal

from rpsg.errors import MissingExtraError, ModelError
from rpsg.telemetry import stay_offline

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rpsg.models.transformers.weights import Weights

Task = Literal["causal", "classification"]
Precision = Literal["float32", "bfloat16", "float16"]
BYTES: dict[Precision, int] = {"float32": 4, "bfloat16": 2, "float16": 2}


def import_torch() -> Any:
    """The package torch; MissingExtraError without it."""
    try:
        import torch  # noqa: PLC0415 - optional package
    except ImportError:
        raise MissingExtraError("hf", "torch") from None
    return torch


def state_name(model: Any) -> str:
    """What transformers calls the state that a model goes on from: ``cache``, once ``past_key_values``."""
    return "cache" if "cache" in signature(model.forward).parameters else "past_key_values"


def import_transformers() -> Any:
    """The package transformers; MissingExtraError without it or without torch."""
    import_torch()
    stay_offline()
    try:
        import transformers  # noqa: PLC0415 - optional package
    except ImportError:
        raise MissingExtraError("hf", "transformers") from None
    return transformers


def best_device() -> str:
    """The accelerator of this machine, or its processor."""
    return "cuda" if import_torch().cuda.is_available() else "cpu"


def load_tokenizer(weights: Weights) -> Any:
    """The tokenizer beside the weights. Raises ModelError when it cannot be read."""
    transformers = import_transformers()
    with quietly(transformers), as_model_errors(weights):
        return transformers.AutoTokenizer.from_pretrained(weights.folder, **_safely(weights))


def load_model(weights: Weights, task: Task, precision: Precision, device: str) -> Any:
    """The model, ready to be asked, on ``device``. Raises ModelError when the weights do not make one."""
    torch, transformers = import_torch(), import_transformers()
    face = "AutoModelForCausalLM" if task == "causal" else "AutoModelForSequenceClassification"
    auto = getattr(transformers, face)
    kind = getattr(torch, precision)
    with quietly(transformers), as_model_errors(weights):
        if weights.gguf:
            model = _unpacked(weights, auto, transformers)
        else:
            model = auto.from_pretrained(weights.folder, dtype=kind, use_safetensors=True, **_safely(weights))
        return model.to(device=device, dtype=kind).eval()


def _unpacked(weights: Weights, auto: Any, transformers: Any) -> Any:
    """A model with the numbers of a GGUF file, each turned back from its packed form.

    Not by ``from_pretrained``: it wants one package more and leaves the model marked as quantised.
    """
    try:
        import gguf  # noqa: F401, PLC0415 - optional package, used by the next one
    except ImportError:
        raise MissingExtraError("hf", "gguf") from None
    from transformers.modeling_gguf_pytorch_utils import load_gguf_checkpoint  # noqa: PLC0415 - optional

    config = transformers.AutoConfig.from_pretrained(weights.folder, **_safely(weights))
    model = auto.from_config(config, trust_remote_code=False)
    found = load_gguf_checkpoint(
        str(weights.folder / str(weights.gguf)), return_tensors=True, model_to_load=model
    )
    missing = set(model.load_state_dict(found["tensors"], strict=False).missing_keys)
    model.tie_weights()
    if missing - set(getattr(model, "all_tied_weights_keys", None) or ()):
        raise ValueError("tensors are missing")
    return model


def _safely(weights: Weights) -> dict[str, Any]:
    given: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    return given | ({"gguf_file": weights.gguf} if weights.gguf else {})


@contextmanager
def as_model_errors(weights: Weights) -> Iterator[None]:
    try:
        yield
    except (ModelError, MissingExtraError):
        raise
    except Exception as error:  # what these packages raise for bad files has no common base class
        raise ModelError(
            f"transformers could not load {weights.label} ({type(error).__name__}).",
            hint="It must be of a kind that transformers knows by itself: code beside weights is not run.",
        ) from error


@contextmanager
def quietly(transformers: Any) -> Iterator[None]:
    """Without bars and remarks on the screen; as it was before, afterwards."""
    logging = transformers.utils.logging
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()
