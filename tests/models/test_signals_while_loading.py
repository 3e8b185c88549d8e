"""A signal that comes while llama.cpp makes its server takes effect when somebody can stop that server."""

from __future__ import annotations

import signal

import pytest

from rpsg.machine.signals import signals_later


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_waits_for_the_end_of_the_block(number: signal.Signals) -> None:
    seen: list[str] = []
    before = signal.signal(number, lambda *_: seen.append("the signal"))
    try:
        with signals_later():
            signal.raise_signal(number)
            seen.append("the server is known")
    finally:
        signal.signal(number, before)
    assert seen == ["the server is known", "the signal"]
