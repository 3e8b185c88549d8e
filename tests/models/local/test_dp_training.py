"""DP-SGD on a tiny model with random weights: what each person adds, what moves, and what is learnt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.models.local.tiny import causal_folder

from rpsg.errors import ModelError, RunError
from rpsg.models.transformers.batching import one_thread_each
from rpsg.models.transformers.clipped_gradients import MOST_TOKENS, ClippedGradients, TokenSequence
from rpsg.models.transformers.dp_training import (
    Recipe,
    Trainer,
    TrainingExample,
    drawn,
    tokens_of,
    without_dropout,
)
from rpsg.models.transformers.lora import add_adapters
from rpsg.models.transformers.weights import find_weights, load_model, load_tokenizer
from rpsg.protocols import Message, Request

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytest.importorskip("transformers", reason="needs the extra hf")
pytest.importorskip("opacus", reason="needs the extra dpsgd")
import torch

CODES, TEXT = "topic: tea\n\n", "good tea again"
MANY = [TrainingExample(CODES, TEXT, person) for person in range(20)]
PEOPLE = [
    [TokenSequence([5, 30, 31, 32], 1)],
    [TokenSequence([7, 8, 9, 10, 11, 12], 2), TokenSequence([50, 51, 52], 1)],
    [TokenSequence([6, 40], 1)],
]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    with one_thread_each():
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return causal_folder(tmp_path_factory.mktemp("tiny") / "model", chat=False)


def trainer(folder: Path, **recipe: Any) -> Trainer:
    usual = {"tuning": "full", "steps": 30, "batch": 10, "learning_rate": 0.01, "tokens": 40}
    return Trainer(folder, Recipe(**{**usual, **recipe}), threads=1)


def model_of(folder: Path, kind: str) -> Any:
    """The tiny model, with adapters that do something, with all weights, or with its two tables in one."""
    model = load_model(find_weights(str(folder)), "causal", "float32", "cpu")
    model.requires_grad_(requires_grad=True)
    if kind == "lora":
        add_adapters(model, 2, seed=3)
        for name, weight in model.named_parameters():
            if name.endswith("up.weight"):
                torch.nn.init.normal_(weight)
    if kind == "tied":
        model.lm_head.weight = model.model.embed_tokens.weight
    return model


def loss_of(model: Any, row: TokenSequence) -> Any:
    ids = torch.tensor([row.ids])
    scores = torch.log_softmax(model(input_ids=ids).logits[0, :-1], dim=-1)
    own = scores.gather(1, ids[0, 1:, None])[:, 0]
    return -own[row.start - 1 :].mean()


def by_hand(model: Any, weights: list[Any], clip: float, people: Any = PEOPLE) -> list[Any]:
    """The sum of clipped gradients, person after person and text after text."""
    sums = [torch.zeros_like(weight) for weight in weights]
    for rows in people:
        found = torch.autograd.grad(sum(loss_of(model, row) for row in rows), weights)
        length = torch.sqrt(sum(part.square().sum() for part in found))
        for total, part in zip(sums, found, strict=True):
            total.add_(part * min(1.0, clip / float(length)))
    return sums


def length_of(parts: list[Any]) -> float:
    return float(torch.sqrt(sum(part.square().sum() for part in parts)))


@pytest.mark.parametrize("kind", ["lora", "full", "tied"])
@pytest.mark.parametrize("clip", [0.5, 1e6])
def test_each_person_is_clipped_alone_with_all_of_its_texts(folder: Path, kind: str, clip: float) -> None:
    model = model_of(folder, kind)
    weights = [p for p in model.parameters() if p.requires_grad]
    expected = by_hand(model, weights, clip)
    with without_dropout(model):
        gradients = ClippedGradients(model, weights, clip)
        found = gradients.of(PEOPLE)
        gradients.close()
    assert length_of(expected) > 0.1
    for one, other in zip(found, expected, strict=True):
        assert torch.allclose(one, other, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("kind", ["lora", "full"])
@pytest.mark.parametrize("tokens", [1, 30, 1024])
def test_batches_of_texts_of_similar_length_add_up_to_the_same(
    folder: Path, monkeypatch: pytest.MonkeyPatch, kind: str, tokens: int
) -> None:
    """However few tokens fit, also if the texts of one person take several batches."""
    monkeypatch.setitem(MOST_TOKENS, "cpu", tokens)
    lengths = [(3,), (17, 2, 9), (9,), (4, 30), (12,), (31,), (8,)]
    people = [
        [TokenSequence([(7 * person + 3 * i) % 90 + 5 for i in range(1 + n)], 1 + n % 2) for n in own]
        for person, own in enumerate(lengths)
    ]
    model = model_of(folder, kind)
    weights = [p for p in model.parameters() if p.requires_grad]
    expected = by_hand(model, weights, 0.5, people)
    with without_dropout(model):
        gradients = ClippedGradients(model, weights, 0.5)
        found = gradients.of(people)
        gradients.close()
    assert length_of(expected) > 0.1
    for one, other in zip(found, expected, strict=True):
        assert torch.allclose(one, other, rtol=1e-3, atol=1e-4)


def test_little_is_computed_for_padding(folder: Path) -> None:
    """Short and long texts take turns, and the model still sees hardly more tokens than there are."""
    people = [[TokenSequence([*range(5, 5 + (90 if n % 2 else 10))], 1)] for n in range(24)]
    shapes = list[tuple[int, ...]]()
    model = model_of(folder, "lora")
    model.register_forward_pre_hook(
        lambda _, given, named: shapes.append(tuple(named["input_ids"].shape)), with_kwargs=True
    )
    with without_dropout(model):
        gradients = ClippedGradients(model, [p for p in model.parameters() if p.requires_grad], 1.0)
        gradients.of(people)
        gradients.close()
    real = sum(len(row.ids) for (row,) in people)
    assert real <= sum(rows * width for rows, width in shapes) < 1.2 * real
    assert max(rows * width for rows, width in shapes) <= MOST_TOKENS["cpu"]


def test_one_person_never_moves_the_sum_by_more_than_the_clipping_length(folder: Path) -> None:
    model = model_of(folder, "full")
    with without_dropout(model):
        gradients = ClippedGradients(model, list(model.parameters()), clip=0.25)
        everybody = gradients.of(PEOPLE)
        for left_out in range(len(PEOPLE)):
            others = gradients.of([rows for i, rows in enumerate(PEOPLE) if i != left_out])
            moved = length_of([a - b for a, b in zip(everybody, others, strict=True)])
            assert 0.2 < moved <= 0.25 + 1e-4


def test_a_text_whose_gradient_is_no_number_adds_nothing(folder: Path) -> None:
    model = model_of(folder, "full")
    with torch.no_grad():
        model.model.embed_tokens.weight[99] = float("nan")
    with without_dropout(model):
        gradients = ClippedGradients(model, list(model.parameters()), clip=1.0)
        broken, nobody = gradients.of([[TokenSequence([99, 5, 6], 1)]]), gradients.of([])
        found = gradients.of([*PEOPLE, [TokenSequence([99, 5, 6], 1)]])
    assert length_of(broken) == length_of(nobody) == 0.0
    assert 0.0 < length_of(found) < 4.0


def test_the_people_of_a_step_are_drawn_one_by_one_so_their_number_varies() -> None:
    steps = [drawn(400, 0.1) for _ in range(50)]
    sizes = [len(step) for step in steps]
    assert len(set(sizes)) > 5
    assert 30 < np.mean(sizes) < 50  # six standard deviations are 5.1
    assert len({person for step in steps for person in step}) > 350
    assert drawn(7, 1.0) == list(range(7))
    assert drawn(7, 0.0) == drawn(0, 0.5) == []


def test_adapters_change_queries_and_values_and_nothing_else(folder: Path) -> None:
    before = model_of(folder, "full").state_dict()
    after = trainer(folder, tuning="lora", steps=2).train(MANY, 0.5, 1.0).model.state_dict()
    assert before.keys() == after.keys()
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert moved == {name for name in before if "q_proj" in name or "v_proj" in name}


def test_full_training_changes_every_weight(folder: Path) -> None:
    before = model_of(folder, "full").state_dict()
    after = trainer(folder, steps=2).train(MANY, 0.5, 1.0).model.state_dict()
    assert not [name for name in before if torch.equal(before[name], after[name])]


def test_a_step_without_anybody_is_noise_alone(folder: Path) -> None:
    still = trainer(folder, tuning="lora", steps=1).train(MANY, 0.0, 0.0)
    moved = trainer(folder, tuning="lora", steps=1).train(MANY, 0.0, 1.0)
    before = model_of(folder, "full").state_dict()["model.layers.0.self_attn.q_proj.weight"]
    name = "layers.0.self_attn.q_proj"
    assert torch.equal(still.model.model.get_submodule(name).weight, before)
    assert not torch.equal(moved.model.model.get_submodule(name).weight, before)


def test_the_loss_falls_and_less_of_it_the_more_noise_there_is(folder: Path) -> None:
    row = tokens_of(load_tokenizer(find_weights(str(folder))), MANY[0], 40)
    start = float(loss_of(model_of(folder, "full"), row).detach())
    losses = [
        float(loss_of(trainer(folder).train(MANY, 0.5, noise).model, row).detach())
        for noise in (0.0, 0.3, 30.0)
    ]
    assert losses[0] < 0.2 * start
    assert losses[0] < losses[1] < losses[2]


def test_what_was_learnt_is_written_behind_its_codes_and_ends(folder: Path) -> None:
    learnt = trainer(folder).train(MANY, 0.5, 0.0)
    request = Request((Message("user", CODES),), max_tokens=60, seed=1, temperature=0.2)
    (reply,) = learnt.write([request])
    assert (reply.text, reply.finish) == (TEXT, "stop")


def test_adapters_that_were_kept_make_the_same_model(folder: Path) -> None:
    own = trainer(folder, tuning="lora", steps=3)
    first = own.train(MANY, 0.5, 1.0)
    again = own.restored(first.kept())
    for one, other in zip(first.model.parameters(), again.model.parameters(), strict=True):
        assert torch.allclose(one, other)
    asked = [Request((Message("user", CODES),), max_tokens=9, seed=i) for i in range(3)]
    landed: list[int] = []
    assert first.write(asked) == again.write(asked, lambda place, _: landed.append(place))
    assert sorted(landed) == [0, 1, 2]


def test_a_cut_text_has_no_end_and_codes_are_not_learnt(folder: Path) -> None:
    tokenizer = load_tokenizer(find_weights(str(folder)))
    whole, cut = tokens_of(tokenizer, MANY[0], 40), tokens_of(tokenizer, MANY[0], 16)
    assert whole.ids[-1] == tokenizer.eos_token_id
    assert tokenizer.decode(whole.ids[whole.start : -1]) == TEXT
    assert cut.ids == whole.ids[:16]


def test_nothing_is_written_before_the_training(folder: Path) -> None:
    with pytest.raises(RunError, match="has not been"):
        trainer(folder).write([])


def test_a_model_without_known_attention_is_not_given_adapters() -> None:
    with pytest.raises(ModelError, match="attention"):
        add_adapters(torch.nn.Sequential(torch.nn.Linear(2, 2)), 2, seed=0)
