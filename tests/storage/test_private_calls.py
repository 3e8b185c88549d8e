"""Requests that hold private text: what is kept of them, where, and what a limit tells of them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from tests.storage.shop import REQUESTS, Shop, ask, exported, limited

from rpsg.errors import LimitError, PrivacyError
from rpsg.storage.cached_writer import CachedWriter
from rpsg.storage.call_store import CallStore, request_key

if TYPE_CHECKING:
    from pathlib import Path


def test_a_private_store_keeps_no_prompt_no_time_and_no_key_that_can_be_guessed(tmp_path: Path) -> None:
    (tmp_path / "private").mkdir()
    secret = ask(1)
    told: list[tuple[str, int | None]] = []
    with CallStore(tmp_path / "private" / "calls.sqlite", key=b"k" * 32) as store:
        writer = CachedWriter(
            Shop(lambda r: None if r.seed == 2 else (1, 1)),
            store,
            sending=lambda stage, requests: told.append((stage, requests)),
        )
        writer.write([secret, ask(2)])
        assert writer.write([secret])[0].text == "text 1"
        assert store.key_of("shop", secret) != request_key("shop", secret)
        with pytest.raises(PrivacyError):
            exported(store, tmp_path / "out.jsonl")
        kept = store._connection.execute("SELECT key, at, prompt, reason FROM calls").fetchall()
    assert told == [("", None)]
    assert [row[1:] for row in kept] == [("", "", "")] * 2
    assert request_key("shop", secret) not in {row[0] for row in kept}
    assert not (tmp_path / "out.jsonl").exists()


def test_another_run_has_other_keys_for_the_same_private_request(tmp_path: Path) -> None:
    (tmp_path / "private").mkdir()
    stores = [CallStore(tmp_path / "private" / f"{k.hex()}.sqlite", key=k) for k in (b"a" * 32, b"b" * 32)]
    assert len({store.key_of("shop", ask(1)) for store in stores}) == 2
    for store in stores:
        store.close()


def test_an_error_at_a_limit_tells_no_figure_that_private_texts_have_a_part_in(tmp_path: Path) -> None:
    (tmp_path / "private").mkdir()
    with CallStore(tmp_path / "private" / "calls.sqlite", key=b"k" * 32) as store:
        with pytest.raises(LimitError) as stopped:
            limited(Shop(lambda _: (123, 45)), store, tokens=1000).write(REQUESTS)
        assert set(re.findall(r"[\d,]*\d", str(stopped.value))) == {"1,000"}


def test_a_private_store_outside_of_a_private_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PrivacyError):
        CallStore(tmp_path / "calls.sqlite", key=b"k" * 32)
    assert list(tmp_path.iterdir()) == []
