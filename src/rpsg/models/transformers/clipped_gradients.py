"""Sums of clipped gradients, one for each person: what a step of DP-SGD adds noise to.

Gradients of single examples come from Opacus. Those of a person's texts are added up before they are clipped,
so a person moves the sum by at most the clipping length, however many texts take part.
"""

from __future__ import annotations

import logging
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rpsg.errors import needed
from rpsg.models.transformers.weights import BYTES, import_torch

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    #: Some texts, each with the number of its person.
    Batch = list[tuple[int, "TokenSequence"]]

#: At most this many bytes for gradients of single examples, and this many examples at once.
GRADIENTS, MOST_ROWS = 512 << 20, 32
#: Marks a token whose successor is not learnt.
NOT_LEARNT = -100
#: At most this many tokens at once, with padding, by the kind of device. Larger batches have more padding and
#: need more memory: a number for each token and each word of the vocabulary.
MOST_TOKENS = {"cpu": 384, "cuda": 6144}


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
        self._most_tokens = MOST_TOKENS.get(model.device.type, MOST_TOKENS["cpu"])
        self._hooked = import_opacus().GradSampleModule(model, loss_reduction="sum")

    def close(self) -> None:
        """Remove the hooks from the model."""
        self._hooked.to_standard_module()
        for weight in self._weights:
            weight.grad = None

    def of(self, people: Sequence[Sequence[TokenSequence]]) -> list[Any]:
        """For each weight the sum over people of their clipped gradients; zeros without people."""
        sums = [self._torch.zeros_like(weight) for weight in self._weights]
        texts = [[(person, row) for row in rows] for person, rows in enumerate(people) if rows]
        for batch in self._joined(texts):
            self._add(batch, sums)
        return sums

    def _joined(self, groups: Iterable[Batch]) -> Iterator[Batch]:
        """Batches of whole groups, the shortest first, so that each batch has little padding."""
        batch: Batch = []
        for group in sorted(groups, key=_width):
            rows = len(batch) + len(group)
            if batch and (rows > self._most or rows * _width(group) > self._most_tokens):
                yield batch
                batch = []
            batch = [*batch, *group]
        if batch:
            yield batch

    def _add(self, batch: Batch, sums: Sequence[Any]) -> None:
        """Add the clipped gradients of some people, each with all of its rows, to ``sums``."""
        torch = self._torch
        places = {person: place for place, person in enumerate(dict.fromkeys(person for person, _ in batch))}
        each = [
            torch.zeros(len(places), *weight.shape, device=weight.device, dtype=weight.dtype)
            for weight in self._weights
        ]
        for part in self._joined([text] for text in batch):  # a person with many texts takes several parts
            owners = torch.tensor([places[person] for person, _ in part])
            self._backward([row for _, row in part])
            for weight, total in zip(self._weights, each, strict=True):
                total.index_add_(0, owners.to(total.device), weight.grad_sample)
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
        width, first = max(len(row.ids) for row in rows), max(0, min(row.start for row in rows) - 1)
        ids = torch.zeros(len(rows), width, dtype=torch.long)
        mask, following = torch.zeros_like(ids), torch.full_like(ids, NOT_LEARNT)
        for index, row in enumerate(rows):
            own = torch.tensor(row.ids)
            ids[index, : len(own)] = own
            mask[index, : len(own)] = 1
            learnt = max(row.start, 1)
            following[index, learnt - 1 : len(own) - 1] = own[learnt:]
        # One row of positions per text: if texts shared a row, its gradients would be those of all of them
        # together.
        positions = torch.arange(width).expand(len(rows), width)
        given = {"input_ids": ids, "attention_mask": mask, "position_ids": positions.contiguous()}
        out = self._hooked(
            **{name: value.to(device) for name, value in given.items()},
            use_cache=False,
            logits_to_keep=width - first,  # what comes before the first token that is learnt is not needed
        )
        following = following[:, first:].to(device)
        losses = torch.nn.functional.cross_entropy(
            out.logits.float().flatten(0, 1), following.flatten(), ignore_index=NOT_LEARNT, reduction="none"
        )
        wanted = (following != NOT_LEARNT).sum(dim=1)
        means = losses.view_as(following).sum(dim=1) / wanted.clamp(min=1)
        with warnings.catch_warnings():
            # torch warns about the first layers, whose inputs need no gradient. Their hooks work all the
            # same.
            warnings.filterwarnings("ignore", "Full backward hook is firing")
            means.sum().backward()


def _width(batch: Batch) -> int:
    """The length of the longest of these texts."""
    return max(len(row.ids) for _, row in batch)


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
