"""The transformers writer beyond its laws: what it refuses, how it stops, how it goes on from a beginning."""

from __future__ import annotations

import string
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

pytest.importorskip("transformers", reason="needs the extra hf")

from tests.models.local.tiny import causal_folder, character_tokenizer

from rpsg import registry
from rpsg.errors import ModelError, UsageError
from rpsg.models.transformers import prompts
from rpsg.models.transformers import writer as module
from rpsg.models.transformers.generation import draw, write_tile
from rpsg.models.transformers.prompts import prompt_of, tiles_of
from rpsg.models.transformers.weights import find_weights
from rpsg.models.transformers.writer import TransformersWriter
from rpsg.protocols import Message, Reply, Request

if TYPE_CHECKING:
    from pathlib import Path

ASK = Request((Message("user", "Tell me a story."),), max_tokens=30, seed=4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return causal_folder(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def writer(folder: Path) -> TransformersWriter:
    return TransformersWriter(folder, threads=2)


def test_neither_slots_nor_cores_change_a_text(writer: TransformersWriter, folder: Path) -> None:
    narrow = TransformersWriter(folder, slots=1, threads=1)
    assert (narrow.slots, writer.slots) == (16, 32)
    asks = [replace(ASK, seed=seed, max_tokens=10 + seed) for seed in range(40)]
    assert narrow.write(asks) == writer.write(asks)
    assert narrow.name == writer.name


def shown(last: str, seed: int = 4, examples: int = 3) -> Request:
    """A request with examples, which are the same for each."""
    pairs = [(f"Product: tea {k}\nReview:", "We drink it each day. " * (k + 1)) for k in range(examples)]
    turns = [m for ask, text in pairs for m in (Message("user", ask), Message("assistant", text))]
    return Request((*turns, Message("user", f"Product: {last}\nReview:")), max_tokens=20, seed=seed)


@pytest.mark.parametrize("chat", [True, False])
def test_requests_with_the_same_examples_share_their_tokens_and_a_batch(*, chat: bool) -> None:
    tokenizer = character_tokenizer(chat=chat)
    asks = [shown("figs"), shown("oats", examples=4), shown("dates, two boxes of them"), shown("nuts")]
    made = [prompt_of(k, ask, tokenizer) for k, ask in enumerate(asks)]
    assert made[0].beginning == made[3].beginning
    assert tokenizer.decode(made[0].beginning).count("We drink it each day.") == 6
    assert tokenizer.decode(made[0].ids[made[0].shared :]).lstrip().startswith("Product: figs")
    assert {frozenset(p.index for p in tile) for tile in tiles_of(made, rows=8)} >= {frozenset({1})}
    assert any({0, 3} <= {p.index for p in tile} for tile in tiles_of(made, rows=8))


def test_fewer_cores_write_if_memory_does_not_suffice_for_all(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_weights: Any, _bytes: int, extra: int) -> None:
        reserved.append(extra)
        if extra > reserved[0] / 2:
            raise ModelError("too large")

    reserved: list[int] = []
    monkeypatch.setattr(module, "refuse_too_large", full)
    assert TransformersWriter(folder, threads=4).slots == 32
    reserved.clear()
    monkeypatch.setattr(module, "refuse_too_large", lambda *_: full(None, 0, 1))
    with pytest.raises(ModelError, match="too large"):
        TransformersWriter(folder, threads=4)


def test_a_batch_always_has_some_padding() -> None:
    """Without any, torch computes a batch in another way, and a text would not be the same in it."""
    tokenizer = character_tokenizer()
    made = [
        prompt_of(0, ask, tokenizer)
        for k in range(70)
        for ask in (shown("x" * k), shown("x" * k, examples=0))
    ]
    assert {prompt.shared > 0 for prompt in made} == {True, False}
    assert all(prompt.width > len(prompt.ids) - 1 - prompt.shared for prompt in made)


def test_a_prompt_that_could_reach_beyond_the_window_of_a_model_is_computed_in_one_piece() -> None:
    prompt = prompt_of(0, shown("figs"), character_tokenizer())
    length = len(prompt.ids) + prompt.width + prompt.request.max_tokens
    assert prompt.shared > 0
    assert module.undivided(prompt, length) == module.undivided(prompt, None) == prompt
    assert module.undivided(prompt, length - 1).shared == 0


def test_an_empty_prompt_fails_alone(writer: TransformersWriter, monkeypatch: pytest.MonkeyPatch) -> None:
    def first_is_empty(index: int, request: Request, tokenizer: Any, *, documents: bool) -> prompts.Prompt:
        made = prompt_of(index, request, tokenizer, documents=documents)
        return made if index else replace(made, ids=[])

    monkeypatch.setattr(module, "prompt_of", first_is_empty)
    empty, full = writer.write([ASK, ASK])
    assert (empty.finish, empty.error) == ("error", "transformers: the prompt is empty")
    assert full.finish != "error"


def test_examples_computed_once_give_each_text_that_they_give_alone(writer: TransformersWriter) -> None:
    asks = [shown("figs" + "s" * k, seed=k) for k in range(11)]
    together = writer.write([*asks, ASK])
    assert together == [writer.write([ask])[0] for ask in [*asks, ASK]]
    assert len({reply.text for reply in together}) > 6


def test_examples_computed_apart_say_the_same_as_a_whole_prompt(
    writer: TransformersWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Positions and masks are right: the likeliest tokens do not depend on where a prompt is divided."""
    asks = [replace(shown("figs" + "s" * k), temperature=0.0) for k in range(5)]
    divided = writer.write(asks)
    monkeypatch.setattr(prompts, "WORTH_SHARING", 10**9)
    assert prompt_of(0, asks[0], character_tokenizer()).shared == 0
    assert writer.write(asks) == divided


def test_a_text_ends_before_its_stop(writer: TransformersWriter) -> None:
    whole = writer.write([ASK])[0].text
    stop = whole[5:7]
    cut = writer.write([replace(ASK, stop=("\0never", stop))])[0]
    assert (cut.text, cut.finish) == (whole[: whole.index(stop)], "stop")
    assert cut.completion_tokens < 30


def test_a_text_cut_by_its_length_says_so(writer: TransformersWriter) -> None:
    short = writer.write([replace(ASK, max_tokens=3)])[0]
    assert (short.finish, short.completion_tokens) == ("length", 3)
    assert writer.write([ASK])[0].text.startswith(short.text)


def test_without_temperature_the_likeliest_token_is_taken(writer: TransformersWriter) -> None:
    texts = {r.text for r in writer.write([replace(ASK, temperature=0.0, seed=s) for s in range(3)])}
    assert len(texts) == 1


def test_what_goes_on_from_a_beginning_is_what_stands_after_it(writer: TransformersWriter) -> None:
    """The prompt of a begun answer is the prompt, and the beginning."""
    tokenizer = character_tokenizer()
    plain, begun = (prompt_of(0, ask, tokenizer).ids for ask in (ASK, replace(ASK, begins="Once upon")))
    assert begun[: len(plain)] == plain
    assert tokenizer.decode(begun[len(plain) :]) == "Once upon"
    said = [{"role": m.role, "content": m.content} for m in ASK.messages]
    said.append({"role": "assistant", "content": "Once upon"})
    theirs = tokenizer.apply_chat_template(said, tokenize=False, continue_final_message=True)
    assert tokenizer.decode(begun) == theirs


def test_a_model_without_a_chat_template_goes_on_with_a_text() -> None:
    prompt = prompt_of(0, replace(ASK, begins="Once"), character_tokenizer(chat=False))
    assert character_tokenizer().decode(prompt.ids) == "<s>Tell me a story.\n\nOnce"


def test_a_template_that_knows_no_system_message_gets_it_from_the_user() -> None:
    tokenizer = character_tokenizer()
    tokenizer.chat_template = (
        "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system') }}{% endif %}"
        + tokenizer.chat_template
    )
    ask = replace(ASK, messages=(Message("system", "Be brief."), *ASK.messages))
    text = tokenizer.decode(prompt_of(0, ask, tokenizer).ids)
    assert text == "<s>user: Be brief.\n\nTell me a story.</s>\n<s>assistant: "


def test_a_request_too_long_for_the_context_fails_alone(folder: Path) -> None:
    narrow = TransformersWriter(folder, context=128)
    first, failed, last = narrow.write([ASK, replace(ASK, messages=(Message("user", "x" * 200),)), ASK])
    assert first == last
    assert first.finish != "error"
    assert (failed.finish, failed.text) == ("error", "")
    assert "context of 128" in failed.error


def test_a_prompt_near_the_end_of_the_context_gets_what_room_is_left(folder: Path) -> None:
    narrow = TransformersWriter(folder, context=64)
    reply = narrow.write([replace(ASK, max_tokens=500)])[0]
    assert reply.finish == "length"
    assert reply.prompt_tokens + reply.completion_tokens == 64


def test_when_memory_runs_out_the_texts_are_written_in_halves(
    writer: TransformersWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    asks = [replace(ASK, seed=seed) for seed in range(16)]
    usual = writer.write(asks)
    widths: list[int] = []
    real = write_tile

    def greedy(model: Any, texts: Any, rows: int, *rest: Any) -> None:
        widths.append(rows)
        if rows > 2:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")
        real(model, texts, rows, *rest)

    monkeypatch.setattr(module, "write_tile", greedy)
    assert [r.finish for r in writer.write(asks)] == [r.finish for r in usual]
    assert sorted(widths) == [2] * 8 + [4] * 4 + [8, 8, 16]


def test_when_memory_does_not_suffice_for_one_text_it_fails(
    writer: TransformersWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise MemoryError

    monkeypatch.setattr(module, "write_tile", refuse)
    assert [r.error for r in writer.write([ASK, ASK])] == ["transformers: memory ran out"] * 2


def test_another_error_is_not_taken_for_lack_of_memory(
    writer: TransformersWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(module, "write_tile", broken)
    with pytest.raises(RuntimeError, match="a bug"):
        writer.write([ASK])


def test_leaving_early_stops_all_texts_at_their_next_token(folder: Path) -> None:
    patient = TransformersWriter(folder, threads=1, context=1000)
    long = [replace(ASK, max_tokens=1 if seed == 0 else 900, seed=seed) for seed in range(8)]
    before = threading.active_count()

    def leave(index: int, reply: Reply) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        patient.write(long, leave)
    assert threading.active_count() == before


def test_prompts_of_one_width_stand_together_longest_answers_first() -> None:
    tokenizer = character_tokenizer()
    lengths = [(20, 5), (100, 5), (22, 9), (101, 7), (21, 7)]
    asks = [Request((Message("user", "x" * n),), max_tokens=m, seed=0) for n, m in lengths]
    tiles = tiles_of([prompt_of(k, ask, tokenizer) for k, ask in enumerate(asks)], rows=2)
    assert [[prompt.index for prompt in tile] for tile in tiles] == [[3, 1], [2, 4], [0]]
    assert all(len({prompt.width for prompt in tile}) == 1 for tile in tiles)


def test_tokens_are_drawn_as_often_as_the_model_says() -> None:
    """Chi-squared with 3 degrees of freedom: below 16.3 with probability 0.999; the seed is fixed."""
    shares = np.array([0.5, 0.25, 0.15, 0.1])
    random = np.random.Generator(np.random.PCG64(7))
    ask = replace(ASK, temperature=1.0, top_p=1.0)
    counts = np.bincount([draw(np.log(shares).astype(np.float32), ask, random) for _ in range(4000)])
    assert ((counts - 4000 * shares) ** 2 / (4000 * shares)).sum() < 16.3


@pytest.mark.parametrize(("top_p", "kept"), [(0.4, {0}), (0.5, {0}), (0.6, {0, 1}), (0.8, {0, 1, 2})])
def test_the_nucleus_is_the_smallest_set_that_reaches_its_share(top_p: float, kept: set[int]) -> None:
    values = np.log(np.array([0.5, 0.25, 0.15, 0.1])).astype(np.float32)
    random = np.random.Generator(np.random.PCG64(7))
    ask = replace(ASK, temperature=1.0, top_p=top_p)
    assert {draw(values, ask, random) for _ in range(300)} == kept


def test_a_pickle_is_refused_without_being_opened(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "pytorch_model.bin").write_bytes(b"cos\nsystem\n")
    with pytest.raises(ModelError, match="pickle") as caught:
        TransformersWriter(tmp_path)
    assert "safetensors" in caught.value.hint


def test_code_beside_the_weights_is_not_run(folder: Path, tmp_path: Path) -> None:
    import json
    import shutil

    own = tmp_path / "own-code"
    shutil.copytree(folder, own)
    facts = json.loads((own / "config.json").read_text())
    facts |= {"model_type": "theirs", "auto_map": {"AutoConfig": "m.C", "AutoModelForCausalLM": "m.M"}}
    (own / "config.json").write_text(json.dumps(facts))
    (own / "m.py").write_text("raise SystemExit('run!')")
    with pytest.raises(ModelError, match="could not load") as caught:
        TransformersWriter(own).write([ASK])
    assert "code" in caught.value.hint


@pytest.mark.parametrize("missing", ["config.json", "model.safetensors"])
def test_a_folder_without_a_file_it_needs_is_told(folder: Path, tmp_path: Path, missing: str) -> None:
    for file in folder.iterdir():
        if file.name != missing:
            (tmp_path / file.name).write_bytes(file.read_bytes())
    with pytest.raises(ModelError, match=r"There (is|are) no"):
        TransformersWriter(tmp_path)


def test_damaged_weights_are_told(folder: Path, tmp_path: Path) -> None:
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes()[: 100 if "safetensors" in file.name else None])
    with pytest.raises(ModelError, match="damaged"):
        TransformersWriter(tmp_path)


def test_a_model_too_large_for_this_machine_is_refused_before_it_is_loaded(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rpsg.models.transformers.weights.available_memory", lambda: 100 << 20)
    with pytest.raises(ModelError, match=r"needs about [\d,]+ MB of memory, but only 100 MB are free"):
        TransformersWriter(folder)


def test_the_number_of_parameters_and_the_cache_are_foretold(folder: Path) -> None:
    weights = find_weights(str(folder))
    tokens = len(string.printable) + 4
    layer = 32 * 32 + 2 * 16 * 32 + 32 * 32 + 3 * 32 * 64 + 2 * 32
    assert weights.parameters() == 2 * tokens * 32 + 2 * layer + 32
    assert weights.cache_bytes_per_token(4) == 2 * 2 * 2 * 8 * 4


def test_the_name_changes_with_the_weights_and_the_precision(folder: Path, tmp_path: Path) -> None:
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    names = {TransformersWriter(folder).name, TransformersWriter(tmp_path).name}
    assert len(names | {TransformersWriter(folder, precision="bfloat16").name}) == 3


def test_a_name_that_is_nothing_here_is_told_what_could_be() -> None:
    with pytest.raises(UsageError, match="neither a folder"):
        TransformersWriter("no-such-thing")
    with pytest.raises(ModelError, match="not on this machine") as caught:
        TransformersWriter("nobody/has-this-model")
    assert "hf download nobody/has-this-model" in caught.value.hint


def test_it_is_had_by_name(folder: Path) -> None:
    assert registry.writer(f"transformers:{folder}", threads=1).name == TransformersWriter(folder).name
