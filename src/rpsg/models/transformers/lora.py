"""Low-rank adapters (Hu et al., 2022): next to each attention matrix, the product of two small matrices is
trained.

The first matrix is random and the second zero, so nothing changes before the first step. Afterwards the
products are added to the weights, and the model has its old form.
"""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, Any

from rpsg.errors import ModelError
from rpsg.models.transformers.weights import import_torch

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Names of the matrices that get an adapter: those of queries and values, or the one matrix of both.
ADAPTED = frozenset({"q_proj", "v_proj", "qkv_proj", "Wqkv", "c_attn", "query_key_value", "query", "value"})
#: What the product is multiplied by: alpha divided by rank.
SCALE = 2.0


@cache
def _adapter_class() -> Any:
    torch = import_torch()

    class Adapted(torch.nn.Module):  # type: ignore[misc, name-defined]  # mypy does not read torch
        """A matrix with an adapter. ``down`` and ``up`` are layers, so that Opacus can hook each of them."""

        def __init__(self, base: Any, rank: int, generator: Any) -> None:
            super().__init__()
            inner, outer = base.weight.shape if is_transposed(base) else reversed(base.weight.shape)
            kind = {"bias": False, "device": base.weight.device, "dtype": base.weight.dtype}
            self.base = base
            self.down = torch.nn.Linear(inner, rank, **kind)
            self.up = torch.nn.Linear(rank, outer, **kind)
            with torch.no_grad():
                drawn = torch.randn(rank, inner, generator=generator) / math.sqrt(inner)
                self.down.weight.copy_(drawn)
                self.up.weight.zero_()

        def forward(self, x: Any) -> Any:
            return self.base(x) + SCALE * self.up(self.down(x))

        def merged(self) -> Any:
            """The matrix with its adapter added to it."""
            with torch.no_grad():
                product = SCALE * self.up.weight @ self.down.weight
                self.base.weight += product.T if is_transposed(self.base) else product
            return self.base

    return Adapted


def is_transposed(layer: Any) -> bool:
    """Whether a layer keeps its matrix as (inputs, outputs), as GPT-2 does."""
    return type(layer).__name__ == "Conv1D"


def add_adapters(model: Any, rank: int, seed: int) -> None:
    """Add an adapter to each attention matrix; nothing else of the model can be trained afterwards.

    Raises:
        ModelError: none of the model's matrices has a name that is known here.
    """
    generator = import_torch().Generator().manual_seed(seed)
    model.requires_grad_(False)  # noqa: FBT003  # torch's own signature
    found = [(name, layer) for name, layer in model.named_modules() if name.rpartition(".")[2] in ADAPTED]
    for name, layer in found:
        _put(model, name, _adapter_class()(layer, rank, generator))
    if not found:
        raise ModelError(
            "No attention matrix of this model has a name that RPSG knows.",
            hint='Train all of its weights: [dpsgd] tuning = "full".',
        )


def adapters(model: Any) -> dict[str, Any]:
    """The adapters of a model by their names."""
    return {name: layer for name, layer in model.named_modules() if isinstance(layer, _adapter_class())}


def state_of(model: Any) -> dict[str, Any]:
    """The numbers of all adapters, by name."""
    return {
        f"{name}.{part}": getattr(layer, part).weight.detach().clone()
        for name, layer in adapters(model).items()
        for part in ("down", "up")
    }


def set_state(model: Any, state: Mapping[str, Any]) -> None:
    """Give the adapters the numbers that ``state_of`` gave."""
    torch = import_torch()
    with torch.no_grad():
        for name, layer in adapters(model).items():
            for part in ("down", "up"):
                getattr(layer, part).weight.copy_(state[f"{name}.{part}"])


def merge(model: Any) -> None:
    """Add each adapter to its matrix, then remove the adapter."""
    for name, layer in adapters(model).items():
        _put(model, name, layer.merged())


def _put(model: Any, name: str, layer: Any) -> None:
    parent, _, own = name.rpartition(".")
    setattr(model.get_submodule(parent), own, layer)
