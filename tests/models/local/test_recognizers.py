"""What the patterns find, and what they leave."""

from __future__ import annotations

import socket

import pytest

from rpsg.errors import MissingExtraError, ModelError
from rpsg.models.pii import PatternRecognizer, PresidioRecognizer, apart, passes_luhn, passes_mod_97
from rpsg.protocols import Recognizer, Span


def said(recognizer: Recognizer, text: str) -> list[tuple[str, str]]:
    return [(text[span.start : span.end], span.kind) for span in recognizer.find([text])[0]]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Write to jane.doe+x@mail.example.org.", [("jane.doe+x@mail.example.org", "email")]),
        ("See https://example.org/a?b=1.", [("https://example.org/a?b=1", "link")]),
        ("(www.example.org)", [("www.example.org", "link")]),
        ("Call +44 20 7946 0958 now", [("+44 20 7946 0958", "phone")]),
        ("or (0113) 496-0123.", [("(0113) 496-0123", "phone")]),
        ("paid with 4111 1111 1111 1111", [("4111 1111 1111 1111", "card")]),
        ("to GB82 WEST 1234 5698 7654 32 please", [("GB82 WEST 1234 5698 7654 32", "iban")]),
        ("from 192.168.0.1 and 2001:db8::1", [("192.168.0.1", "ip address"), ("2001:db8::1", "ip address")]),
        ("SSN 078-05-1120, MRN: 00-4815", [("078-05-1120", "id"), ("MRN: 00-4815", "id")]),
        ("thanks @some_body!", [("@some_body", "account")]),
        ("It cost $12.50 in 2019, at 10:30:45, 3-4 times, 1,000 of them; see page 12.", []),
        ("GB00 WEST 1234 5698 7654 32", [("1234 5698 7654 32", "phone")]),
        ("", []),
    ],
)
def test_patterns_find_what_has_a_shape(text: str, found: list[tuple[str, str]]) -> None:
    assert said(PatternRecognizer(), text) == found


def test_check_digits_are_checked() -> None:
    assert passes_luhn("4111 1111 1111 1111")
    assert not passes_luhn("4111 1111 1111 1112")
    assert passes_mod_97("DE89 3704 0044 0532 0130 00")
    assert not passes_mod_97("DE88 3704 0044 0532 0130 00")


def test_of_two_that_overlap_the_one_named_first_is_kept() -> None:
    spans = [Span(5, 9, "a"), Span(0, 6, "b"), Span(9, 12, "c"), Span(3, 3, "empty")]
    assert apart(spans) == [Span(5, 9, "a"), Span(9, 12, "c")]


def test_presidio_finds_what_has_a_shape_and_asks_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("presidio_analyzer", reason="needs the extra pii")

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    recognizer = PresidioRecognizer()
    assert "blank" in recognizer.name
    text = "Write to jane.doe@mail.example.org or pay with 4111 1111 1111 1111."
    assert said(recognizer, text) == [
        ("jane.doe@mail.example.org", "email"),
        ("4111 1111 1111 1111", "card"),
    ]
    assert said(recognizer, "Anna Smith lives in Leeds.") == []


def test_a_language_model_that_is_not_installed_is_told() -> None:
    pytest.importorskip("presidio_analyzer", reason="needs the extra pii")
    with pytest.raises(ModelError, match="no_such_model") as caught:
        PresidioRecognizer("no_such_model")
    assert "spacy download no_such_model" in caught.value.hint


def test_without_presidio_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "presidio_analyzer", None)
    with pytest.raises(MissingExtraError, match="presidio") as caught:
        PresidioRecognizer()
    assert "rpsg[pii]" in caught.value.hint
