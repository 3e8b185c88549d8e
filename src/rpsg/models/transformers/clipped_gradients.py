"""Sums of clipped gradients, one for each person: what a step of DP-SGD adds noise to.

Gradients of single examples come from Opacus. Those of a person's texts are added up before they are clipped,
so a person moves the sum by at most the clipping length, however many texts take part.
"""

from __future__ import annotations

import logging
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rpsg.errors import needed
from rpsg.models.transformers.weights import BYTES, import_torch

if TYPE_CHECKING:
    from collections.abc import Sequence

#: At most this many bytes for gradients of single examples, and this many examples at once.
GRADIENTS, MOST_ROWS = 512 << 20, 32


@dataclass(frozen=True, slots=True)
class TokenSequence:
    """The tokens of an example; those before ``start`` are given and not learnt."""

    ids: list[int]
    start: int


class ClippedGradients:
    """Sums of clipped gradients, one for each person, for ``weights`` of ``model``."""

    def __init__(self, model: Any, weights: Sequence[Any], clip: float) -> None:
        self._torch, self._model, self._weights, self._clip = import_torch(), model, weights, clip
        size = sum(w.numel() for w in weights) * BYTES["float32"]
        self._most = max(1, min(MOST_ROWS, GRADIENTS // size))
        self._hooked = import_opacus().GradSampleModule(model, loss_reduction="sum")

    def close(self) -> None:
        """Remove the hooks from the model."""
        self._hooked.to_standard_module()
        for weight in self._weights:
            weight.grad = None

    def of(self, people: Sequence[Sequence[TokenSequence]]) -> list[Any]:
        """For each weight the sum over people of their clipped gradients; zeros without people."""
        sums = [self._torch.zeros_like(weight) for weight in self._weights]
        waiting: list[tuple[int, TokenSequence]] = []
        for person, rows in enumerate(people):
            if waiting and len(waiting) + len(rows) > self._most:
                self._add(waiting, sums)
                waiting = []
            waiting += [(person, row) for row in rows]
        if waiting:
            self._add(waiting, sums)
        return sums

    def _add(self, rows: Sequence[tuple[int, TokenSequence]], sums: Sequence[Any]) -> None:
        """Add the clipped gradients of some people, each with all of its rows, to ``sums``."""
        torch = self._torch
        owners = torch.tensor(np.unique([person for person, _ in rows], return_inverse=True)[1])
        count = int(owners.max()) + 1
        each = [
            torch.zeros(count, *weight.shape, device=weight.device, dtype=weight.dtype)
            for weight in self._weights
        ]
        for start in range(0, len(rows), self._most):  # a person with more rows than fit takes several parts
            part = slice(start, start + self._most)
            self._backward([row for _, row in rows[part]])
            for weight, total in zip(self._weights, each, strict=True):
                total.index_add_(0, owners[part].to(total.device), weight.grad_sample)
                weight.grad_sample = weight.grad = None
        squares = sum(total.flatten(1).square().sum(dim=1) for total in each)
        lengths = squares.sqrt()
        factors = (self._clip / lengths.clamp(min=self._clip)).where(lengths.isfinite(), 0.0)
        for total, summed in zip(each, sums, strict=True):
            finite = total.nan_to_num(0.0, 0.0, 0.0)
            summed.add_(torch.tensordot(factors, finite, dims=1))

    def _backward(self, rows: Sequence[TokenSequence]) -> None:
        """Per-example gradients of the mean loss of each row's own text."""
        torch, device = self._torch, self._model.device
        width = max(len(row.ids) for row in rows)
        ids = torch.zeros(len(rows), width, dtype=torch.long)
        mask, learnt = torch.zeros_like(ids), torch.zeros_like(ids)
        for index, row in enumerate(rows):
            ids[index, : len(row.ids)] = torch.tensor(row.ids)
            mask[index, : len(row.ids)] = 1
            learnt[index, row.start : len(row.ids)] = 1
        # One row of positions per text: if texts shared a row, its gradients would be those of all of them
        # together.
        positions = torch.arange(width).expand(len(rows), width)
        given = {"input_ids": ids, "attention_mask": mask, "position_ids": positions.contiguous()}
        out = self._hooked(**{name: value.to(device) for name, value in given.items()}, use_cache=False)
        losses = torch.nn.functional.cross_entropy(
            out.logits[:, :-1].float().transpose(1, 2), ids[:, 1:].to(device), reduction="none"
        )
        wanted = learnt[:, 1:].to(device)
        means = (losses * wanted).sum(dim=1) / wanted.sum(dim=1).clamp(min=1)
        with warnings.catch_warnings():
            # torch warns about the first layers, whose inputs need no gradient. Their hooks work all the
            # same.
            warnings.filterwarnings("ignore", "Full backward hook is firing")
            means.sum().backward()


def import_opacus() -> Any:
    """The package opacus; MissingExtraError without it.

    It configures the root logger when it is imported, which would print each line of a run a second time.
    """
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    with needed("dpsgd", "opacus"):
        import opacus  # optional package
    root.handlers[:] = handlers
    root.setLevel(level)
    return opacus
