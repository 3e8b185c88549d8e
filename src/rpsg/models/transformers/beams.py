"""Several different outputs for one text: by diverse beam search (Vijayakumar et al., 2016) or by sampling.

In diverse beam search the beams are divided into groups that take turns at each step, and a group's score for
a token is reduced by ``diversity`` for each earlier group's beam that has just chosen it. transformers no
longer has this search.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from rpsg.models.transformers.weights import (
    import_torch,
    state_name,
)

NEVER = float("-inf")


@dataclass(frozen=True, slots=True)
class Search:
    """The settings of the search. The defaults are the paper's."""

    beams: int = 8
    groups: int = 4
    diversity: float = 0.3
    top_p: float = 0.92
    top_k: int = 50
    temperature: float = 1.05
    length_penalty: float = 1.0
    no_repeat: int = 0

    def beams_for(self, count: int) -> int:
        """The number of beams for ``count`` outputs, with the same number in each group."""
        wanted = max(self.beams, count)
        return -(-wanted // self.groups) * self.groups


class Decoder:
    """The next token's log-probabilities for ``rows`` prefixes of outputs for one source."""

    def __init__(
        self, model: Any, source: list[int], rows: int, *, least: int, most: int, no_repeat: int
    ) -> None:
        torch = import_torch()
        self.model, self.rows, self.least, self.most, self.no_repeat = model, rows, least, most, no_repeat
        self.end = int(_first(model.generation_config.eos_token_id, model.config.eos_token_id))
        self.start = int(_first(model.generation_config.decoder_start_token_id, self.end))
        self.forced = model.generation_config.forced_bos_token_id
        ids = torch.tensor([source], device=model.device)
        states = model.get_encoder()(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state
        self._states = states.expand(rows, -1, -1).contiguous()
        self._mask = torch.ones(rows, len(source), dtype=torch.long, device=model.device)
        self._past: Any = None
        self._name = state_name(model)

    def step(self, prefixes: list[list[int]]) -> Any:
        """Log-probabilities, (rows, vocabulary), after each prefix; prefixes grow by one token per step."""
        torch = import_torch()
        last = torch.tensor([[prefix[-1] if prefix else self.start] for prefix in prefixes])
        answer = self.model(
            encoder_outputs=(self._states,),
            attention_mask=self._mask,
            decoder_input_ids=last.to(self.model.device),
            use_cache=True,
            **{self._name: self._past},
        )
        self._past = answer[self._name]
        scores = torch.log_softmax(answer.logits[:, -1].float(), dim=-1)
        return self._allowed(scores, prefixes)

    def reorder(self, rows: list[int]) -> None:
        """Replace the rows of the cache by these."""
        torch = import_torch()
        self._past.reorder_cache(torch.tensor(rows, device=self._states.device))

    def _allowed(self, scores: Any, prefixes: list[list[int]]) -> Any:
        length = len(prefixes[0])
        if length == 0 and self.forced is not None:
            return _only(scores, int(self.forced))
        if length + 1 >= self.most:
            return _only(scores, self.end)
        if length < self.least:
            scores[:, self.end] = NEVER
        for row, prefix in enumerate(prefixes):
            for token in repeated(prefix, self.no_repeat):
                scores[row, token] = NEVER
        return scores


def _first(*values: Any) -> Any:
    return next(v[0] if isinstance(v, list) else v for v in values if v is not None)


def _only(scores: Any, token: int) -> Any:
    torch = import_torch()
    forced = torch.full_like(scores, NEVER)
    forced[:, token] = 0.0
    return forced


def repeated(prefix: list[int], size: int) -> set[int]:
    """The tokens that would repeat a run of ``size`` tokens of the prefix."""
    if size < 1 or len(prefix) + 1 < size:
        return set()
    tail = prefix[len(prefix) - size + 1 :]
    indices = range(len(prefix) - size + 1)
    return {prefix[i + size - 1] for i in indices if prefix[i : i + size - 1] == tail}


@dataclass
class _Group:
    """One group of beams: the indices of its rows, scores, and finished outputs."""

    first: int
    scores: list[float]
    done: list[tuple[float, list[int]]] = field(default_factory=list)
    closed: bool = False


def diverse_beams(decoder: Decoder, search: Search, count: int) -> list[list[int]]:
    """The ``count`` best different outputs, best first, as token ids without start and end."""
    size = decoder.rows // search.groups
    groups = [_Group(g * size, [0.0] + [NEVER] * (size - 1)) for g in range(search.groups)]
    prefixes: list[list[int]] = [[] for _ in range(decoder.rows)]
    for _ in range(decoder.most):
        scores = decoder.step(prefixes)
        rows, tokens = list(range(decoder.rows)), [decoder.end] * decoder.rows
        used: dict[int, int] = {}
        for group in (g for g in groups if not g.closed):
            taken = _advance(group, scores, prefixes, used, decoder, search)
            for index, (row, token, score) in enumerate(taken):
                rows[group.first + index], tokens[group.first + index] = row, token
                group.scores[index] = score
                used[token] = used.get(token, 0) + 1
        prefixes = [[*prefixes[row], token] for row, token in zip(rows, tokens, strict=True)]
        if all(group.closed for group in groups):
            break
        decoder.reorder(rows)
    return _best(groups, prefixes, search, count)


def _advance(
    group: _Group,
    scores: Any,
    prefixes: list[list[int]],
    used: dict[int, int],
    decoder: Decoder,
    search: Search,
) -> list[tuple[int, int, float]]:
    """The next (row, token, score) of each beam of a group; finished beams are set aside."""
    torch, size = import_torch(), len(group.scores)
    mine = scores[group.first : group.first + size].clone()
    for token, times in used.items():
        mine[:, token] -= search.diversity * times
    mine += torch.tensor(group.scores)[:, None]
    vocabulary = mine.shape[1]
    best = torch.topk(mine.flatten(), min(2 * size, mine.numel()))
    taken: list[tuple[int, int, float]] = []
    for rank, (score, index) in enumerate(zip(best.values.tolist(), best.indices.tolist(), strict=True)):
        row, token = group.first + index // vocabulary, index % vocabulary
        if score == NEVER:
            continue
        if token != decoder.end:
            taken.append((row, token, score))
        elif rank < size:
            group.done.append((_normal(score, len(prefixes[row]) + 1, search), prefixes[row]))
        if len(taken) == size:
            break
    group.closed = len(group.done) >= size or not taken
    filler = taken[-1] if taken else (group.first, decoder.end, NEVER)
    return [*taken, *([(filler[0], filler[1], NEVER)] * (size - len(taken)))]


def _normal(score: float, length: int, search: Search) -> float:
    return score / float(length**search.length_penalty)


def _best(groups: list[_Group], prefixes: list[list[int]], search: Search, count: int) -> list[list[int]]:
    found = [hypothesis for group in groups for hypothesis in group.done]
    for group in (g for g in groups if not g.closed):
        for index, score in enumerate(group.scores):
            prefix = prefixes[group.first + index]
            found.append((_normal(score, len(prefix), search), prefix))
    different: dict[tuple[int, ...], float] = {}
    for score, prefix in sorted(found, key=lambda hypothesis: -hypothesis[0]):
        different.setdefault(tuple(prefix), score)
    return [list(prefix) for prefix in list(different)[:count]]


def samples(decoder: Decoder, search: Search, generator: Any) -> list[list[int]]:
    """One sampled output for each row of the decoder (temperature, top-k, then top-p)."""
    prefixes: list[list[int]] = [[] for _ in range(decoder.rows)]
    for _ in range(decoder.most):
        drawn = _drawn(decoder.step(prefixes) / search.temperature, search, generator)
        prefixes = [[*prefix, token] for prefix, token in zip(prefixes, drawn, strict=True)]
        if all(decoder.end in prefix for prefix in prefixes):
            break
    return [prefix[: prefix.index(decoder.end)] if decoder.end in prefix else prefix for prefix in prefixes]


def _drawn(scores: Any, search: Search, generator: Any) -> list[int]:
    torch = import_torch()
    values, tokens = torch.topk(scores, min(search.top_k, scores.shape[1]), dim=-1)
    chances = torch.softmax(values, dim=-1)
    before = torch.cumsum(chances, dim=-1) - chances
    chances = torch.where(before < search.top_p, chances, torch.zeros_like(chances))
    indices = torch.multinomial(chances, 1, generator=generator)
    drawn: list[int] = tokens.gather(1, indices)[:, 0].tolist()
    return drawn
