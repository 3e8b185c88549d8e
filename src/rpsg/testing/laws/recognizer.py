"""Laws for every recognizer of personal data. Subclass ``RecognizerLaws`` and give it one."""

from __future__ import annotations

import pytest

from rpsg.protocols import Recognizer

TEXTS = [
    "Write to jane.doe@mail.example.org, or pay with 4111 1111 1111 1111 from 192.168.0.1.",
    "It tastes of fresh grass.",
    "",
    "Zoë 🙂 日本 \u202e\u0000\n\t: jane.doe@mail.example.org",
    "https://jane@example.org/4111111111111111?mail=jane.doe@mail.example.org " * 3,
]


class RecognizerLaws:
    @pytest.fixture
    def recognizer(self) -> Recognizer:
        raise NotImplementedError

    def test_it_is_a_recognizer_with_a_name_on_this_machine(self, recognizer: Recognizer) -> None:
        assert isinstance(recognizer, Recognizer)
        assert recognizer.name
        assert recognizer.endpoint in {"local_model", "remote_llm"}

    def test_every_text_gets_its_spans(self, recognizer: Recognizer) -> None:
        found = recognizer.find(TEXTS)
        assert len(found) == len(TEXTS)
        assert recognizer.find([]) == []

    def test_spans_are_places_of_their_text_in_order_and_apart(self, recognizer: Recognizer) -> None:
        for text, spans in zip(TEXTS, recognizer.find(TEXTS), strict=True):
            ends = [0, *(span.end for span in spans)]
            assert all(end <= span.start for end, span in zip(ends, spans, strict=False))
            assert all(span.start < span.end <= len(text) and span.kind for span in spans)

    def test_what_is_found_depends_on_its_own_text_only(self, recognizer: Recognizer) -> None:
        together = recognizer.find(TEXTS)
        assert [recognizer.find([text])[0] for text in TEXTS] == together
        assert recognizer.find(TEXTS[::-1])[::-1] == together

    def test_an_address_and_a_card_are_found_by_their_names(self, recognizer: Recognizer) -> None:
        said = {(TEXTS[0][span.start : span.end], span.kind) for span in recognizer.find(TEXTS)[0]}
        assert said >= {
            ("jane.doe@mail.example.org", "email"),
            ("4111 1111 1111 1111", "card"),
            ("192.168.0.1", "ip address"),
        }

    def test_every_mention_is_found(self, recognizer: Recognizer) -> None:
        text = "a@example.org and again a@example.org, and a@example.org"
        assert [span.kind for span in recognizer.find([text])[0]] == ["email"] * 3

    def test_plain_words_hold_nothing(self, recognizer: Recognizer) -> None:
        assert recognizer.find(TEXTS[1:3]) == [[], []]
