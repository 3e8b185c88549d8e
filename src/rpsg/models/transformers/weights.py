"""Finds weights on this disk, identifies them by digest, estimates their memory, and loads them.

A name is a folder in the layout of a hub, a GGUF file, a name of the catalogue, or ``OWNER/REPO`` of a hub in
the local cache: nothing is downloaded here. Weights are safetensors or GGUF; a pickle is never opened,
because it can run code, and no code that came with weights is run.
"""

from __future__ import annotations

import json
import math
import re
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from rpsg.errors import MissingExtraError, ModelError, UsageError, needed
from rpsg.hardening import stay_offline
from rpsg.models.catalog import CATALOGUE
from rpsg.models.download import file_digest, locate
from rpsg.models.gguf import parsed_once, read_header
from rpsg.models.hardware import available_memory

if TYPE_CHECKING:
    from collections.abc import Iterator

_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+(?:@[\w.-]+)?")
_IDENTITY = {".safetensors", ".json", ".txt", ".model", ".jinja"}
_PICKLES = {".bin", ".pt", ".pth", ".ckpt"}
_WORKING_MEMORY = 300 << 20
_MOST_HEADER = 100 << 20
# Bits of one weight by ggml's number of the format: F32, F16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, K formats, BF16.
_BITS = {0: 32.0, 1: 16.0, 2: 4.5, 3: 5.0, 6: 5.5, 7: 6.0, 8: 8.5}
_BITS |= {10: 2.6, 11: 3.4, 12: 4.5, 13: 5.5, 14: 6.6, 30: 16.0}
#: What the weights are used as. A "decoder" is a causal model too, which may be made from the weights of an
#: encoder.
Task = Literal["causal", "decoder", "classification", "seq2seq"]
_FACES: dict[Task, str] = {
    "causal": "AutoModelForCausalLM",
    "decoder": "AutoModelForCausalLM",
    "classification": "AutoModelForSequenceClassification",
    "seq2seq": "AutoModelForSeq2SeqLM",
}
Precision = Literal["float32", "bfloat16", "float16"]
BYTES: dict[Precision, int] = {"float32": 4, "bfloat16": 2, "float16": 2}


@dataclass(frozen=True, slots=True)
class Weights:
    """A folder of weights, or the file ``gguf`` in it. ``digest`` is that of their content."""

    folder: Path
    label: str
    digest: str
    gguf: str | None = None

    @property
    def identity(self) -> str:
        return f"{self.label}@{self.digest[:12]}"

    def parameters(self) -> int:
        """The approximate number of parameters."""
        if self.gguf is None:
            return sum(_numbers_in(file) for file in self.folder.glob("*.safetensors"))
        file = self.folder / self.gguf
        bits = min((_BITS.get(kind, 4.0) for kind in read_header(file).block_types), default=32.0)
        return int(file.stat().st_size * 8 / bits)

    def cache_bytes_per_token(self, bytes_per_number: int) -> int:
        """The size of one token's keys and values over all layers; 0 if the settings lack it."""
        if self.gguf:
            return read_header(self.folder / self.gguf).cache_bytes_per_token(bytes_per_number)
        facts = _settings(self.folder)
        heads = _number(facts, "num_attention_heads") or 1
        width = _number(facts, "head_dim") or _number(facts, "hidden_size") // heads
        kept = _number(facts, "num_key_value_heads") or heads
        return 2 * _number(facts, "num_hidden_layers") * kept * width * bytes_per_number


def find_weights(name: str) -> Weights:
    """The weights ``name``.

    Raises UsageError for an unknown name, ModelError when weights are missing, damaged, or in a form that
    could run code.
    """
    if name in CATALOGUE or name.endswith(".gguf"):
        path = locate(name)
        if not path.is_file():
            return _folder(path, name)
        read_header(path)
        return Weights(path.parent, path.stem, file_digest(path), path.name)
    path = Path(name.removeprefix("hf:")).expanduser()
    if path.is_dir():
        return _folder(path.resolve(), path.resolve().name)
    if _HUB_NAME.fullmatch(name.removeprefix("hf:")):
        return _from_hub(name.removeprefix("hf:"))
    raise UsageError(
        f"{name!r} is neither a folder of weights nor a GGUF file.",
        hint="Give the path of one, or OWNER/REPO after you have downloaded it with: hf download OWNER/REPO",
    )


def refuse_too_large(weights: Weights, bytes_per_number: int, extra: int = 0) -> None:
    """Raise ModelError if the weights and ``extra`` bytes do not fit into this machine's memory.

    A GGUF file is in memory twice while it is loaded: unpacked, and in the model.
    """
    copies = 2 if weights.gguf else 1
    needed = weights.parameters() * bytes_per_number * copies + extra + _WORKING_MEMORY
    memory = available_memory()
    if memory is not None and needed > memory:
        raise ModelError(
            f"{weights.label} needs about {needed >> 20:,} MB of memory, and {memory >> 20:,} MB are free.",
            hint="Use a smaller model, or run a GGUF file of it with llama.cpp.",
        )


def _folder(folder: Path, label: str, digest: str = "") -> Weights:
    if not (folder / "config.json").is_file():
        raise ModelError(
            f"There is no config.json in the folder of {label}.",
            hint="A folder of weights holds config.json, tokenizer.json and *.safetensors.",
        )
    if not any(folder.glob("*.safetensors")):
        raise _without_safetensors(folder, label)
    return Weights(folder, label, digest or _digest(folder))


def _without_safetensors(folder: Path, label: str) -> ModelError:
    if any(file.suffix in _PICKLES for file in folder.iterdir()):
        return ModelError(
            f"The weights of {label} are a pickle, which can run code when it is opened.",
            hint="Use safetensors: many repositories have both, often on the branch refs/pr/1.",
        )
    return ModelError(
        f"There are no weights in the folder of {label}.",
        hint="A folder of weights holds config.json, tokenizer.json and *.safetensors.",
    )


def _digest(folder: Path) -> str:
    """SHA-256 over names and digests of all files that affect the output."""
    files = sorted(
        file.relative_to(folder).as_posix()
        for file in folder.rglob("*")
        if file.is_file() and file.suffix in _IDENTITY
    )
    return sha256("\n".join(f"{name} {file_digest(folder / name)}" for name in files).encode()).hexdigest()


def _from_hub(name: str) -> Weights:
    """The snapshot of ``OWNER/REPO`` or ``OWNER/REPO@REVISION`` in the local hub cache."""
    stay_offline()
    with needed("hf", "huggingface_hub"):
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError
    repository, _, revision = name.partition("@")
    try:
        found = snapshot_download(repository, revision=revision or None, local_files_only=True)
    except (LocalEntryNotFoundError, HFValidationError, OSError):
        wanted = f"{repository} --revision {revision}" if revision else repository
        raise ModelError(
            f"{name} is not on this machine yet.", hint=f"Download it with: hf download {wanted}"
        ) from None
    return _folder(Path(found), repository, digest=Path(found).name)


def _settings(folder: Path) -> dict[str, Any]:
    try:
        facts = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        found: dict[str, Any] = facts.get("text_config", facts)
    except (OSError, ValueError, AttributeError):
        raise ModelError("A config.json is damaged.", hint="Delete it and download it again.") from None
    return found


def _number(facts: dict[str, Any], key: str) -> int:
    value = facts.get(key)
    return value if isinstance(value, int) else 0


def _numbers_in(file: Path) -> int:
    """The number of parameters of a safetensors file, which is a header length, a JSON header, and data."""
    try:
        with file.open("rb") as source:
            length = int.from_bytes(source.read(8), "little")
            header: dict[str, Any] = json.loads(source.read(min(length, _MOST_HEADER)))
        return sum(math.prod(facts["shape"]) for name, facts in header.items() if name != "__metadata__")
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ModelError(
            f"The file {file.name} is damaged or was cut off.", hint="Delete it and download it again."
        ) from None


def import_torch() -> Any:
    """The package torch; MissingExtraError without it."""
    with needed("hf", "torch"):
        import torch
    return torch


def state_name(model: Any) -> str:
    """What the model calls its cache of states: ``cache``, or ``past_key_values`` in older models."""
    return "cache" if "cache" in signature(model.forward).parameters else "past_key_values"


def import_transformers() -> Any:
    """The package transformers; MissingExtraError without it or without torch."""
    import_torch()
    stay_offline()
    with needed("hf", "transformers"):
        import transformers
    return transformers


def best_device() -> str:
    """The accelerator of this machine, or its processor."""
    return "cuda" if import_torch().cuda.is_available() else "cpu"


def load_tokenizer(weights: Weights) -> Any:
    """The tokenizer of the weights. Raises ModelError when it cannot be read."""
    transformers = import_transformers()
    with quietly(transformers), as_model_errors(weights):
        return transformers.AutoTokenizer.from_pretrained(weights.folder, **_safely(weights))


def load_model(weights: Weights, task: Task, precision: Precision, device: str) -> Any:
    """The model on ``device``, in evaluation mode. Raises ModelError if it cannot be loaded."""
    torch, transformers = import_torch(), import_transformers()
    auto, kind = getattr(transformers, _FACES[task]), getattr(torch, precision)
    with quietly(transformers), as_model_errors(weights):
        if weights.gguf:
            model = _unpacked(weights, auto, transformers)
        else:
            settings = _safely(weights)
            if task == "decoder":  # without it the attention of an encoder sees the words that follow
                config = transformers.AutoConfig.from_pretrained(weights.folder, **settings)
                config.is_decoder = True
                settings["config"] = config
            model = auto.from_pretrained(weights.folder, dtype=kind, use_safetensors=True, **settings)
        return model.to(device=device, dtype=kind).eval()


def _unpacked(weights: Weights, auto: Any, transformers: Any) -> Any:
    """A model with the dequantised weights of a GGUF file.

    The model is not loaded by ``from_pretrained``, which needs another package and leaves it marked as
    quantised.
    """
    with parsed_once():
        from transformers.modeling_gguf_pytorch_utils import load_gguf_checkpoint

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
    """Within this context transformers shows no progress bars and messages."""
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
