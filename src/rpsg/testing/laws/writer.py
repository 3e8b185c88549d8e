"""Laws for every writer. Subclass ``WriterLaws`` and give it a writer."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from rpsg.protocols import Message, Reply, Request, Writer

EXAMPLES = (
    Message(
        "system", "You write customer reviews as ordinary people type them. Answer with the review only."
    ),
    Message("user", "Product: dog treats. The customer is happy. About 30 words."),
    Message("assistant", "My two beagles go crazy for these. I only have to rattle the bag and they come."),
    Message("user", "Product: instant coffee. The customer is disappointed. About 30 words."),
    Message("assistant", "Tasted burnt and sour. I tried it with more milk, then less water, no use at all."),
)
PRODUCTS = ("green tea", "olive oil", "hot sauce", "crackers", "honey", "chips", "oatmeal", "candy", "soup")


def request(product: str, seed: int, *, examples: bool = True, tokens: int = 12) -> Request:
    ask = Message("user", f"Product: {product}. The customer is happy. About 30 words.")
    return Request((*EXAMPLES, ask) if examples else (ask,), max_tokens=tokens, seed=seed)


BATCH = [request(p, seed, examples=seed % 3 > 0) for seed, p in enumerate(PRODUCTS)]


class WriterLaws:
    @pytest.fixture
    def writer(self) -> Writer:
        raise NotImplementedError

    def test_it_is_a_writer_with_a_name_and_an_endpoint(self, writer: Writer) -> None:
        assert isinstance(writer, Writer)
        assert writer.name
        assert writer.endpoint in {"local_model", "remote_llm"}

    def test_no_request_gives_no_reply(self, writer: Writer) -> None:
        assert writer.write([]) == []

    def test_the_same_request_gives_the_same_text_alone_and_at_any_place_of_a_batch(
        self, writer: Writer
    ) -> None:
        together = writer.write(BATCH)
        shuffled = list(range(len(BATCH)))
        random.Random(5).shuffle(shuffled)
        mixed = writer.write([BATCH[index] for index in shuffled])
        assert [mixed[shuffled.index(index)].text for index in range(len(BATCH))] == [
            r.text for r in together
        ]
        for index in (0, 4, 8):
            assert writer.write([BATCH[index]])[0].text == together[index].text

    def test_the_same_request_twice_in_a_batch_gives_the_same_text_twice(self, writer: Writer) -> None:
        first, *_, last = writer.write([BATCH[1], BATCH[2], BATCH[3], BATCH[1]])
        assert first.text == last.text

    def test_another_seed_gives_another_text(self, writer: Writer) -> None:
        texts = [r.text for r in writer.write([request("honey", seed) for seed in range(4)])]
        assert len(set(texts)) > 1

    def test_every_reply_is_told_once_and_says_how_it_ended_and_what_it_cost(self, writer: Writer) -> None:
        told: list[tuple[int, Reply]] = []
        replies = writer.write(BATCH, lambda index, reply: told.append((index, reply)))
        assert sorted(index for index, _ in told) == list(range(len(BATCH)))
        assert all(replies[index] == reply for index, reply in told)
        for reply in replies:
            assert reply.finish in {"stop", "length"}
            assert reply.text
            assert reply.error == ""
            assert reply.prompt_tokens > 0
            assert reply.completion_tokens > 0

    def test_a_reply_begins_as_the_request_says(self, writer: Writer) -> None:
        ask = replace(BATCH[0], begins="To our surprise the green tea", max_tokens=8)
        reply = writer.write([ask])[0]
        assert reply.text.startswith(ask.begins)
        assert len(reply.text) > len(ask.begins)
        assert reply.text.count(ask.begins) == 1

    def test_any_unicode_may_be_asked(self, writer: Writer) -> None:
        odd = Request((Message("user", "Zoë\u0000 🙂 \u202e日本\n\t'\"\\"),), max_tokens=4, seed=2**63 - 1)
        assert writer.write([odd])[0].finish in {"stop", "length"}

    def test_a_listener_that_raises_stops_the_writing(self, writer: Writer) -> None:
        def refuse(_: int, __: Reply) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            writer.write(BATCH, refuse)
        assert writer.write(BATCH[:1])[0].text
