"""Which rows and words of a person take part follows from a key that nobody outside the run can know."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rpsg.stages import contributions as seeds
from rpsg.stages import keyphrases

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest
    from tests.conftest import Lab

    from rpsg.records import Document, PrivateCorpus
    from rpsg.release.run import Run


def keys_of_a_run(lab: Lab, monkeypatch: pytest.MonkeyPatch, out: str) -> tuple[Run, set[bytes]]:
    """A run, and every key with which it chose among a person's rows or words."""
    used: set[bytes] = set()

    def bound(corpus: PrivateCorpus, most: int | None, key: bytes, passage_words: int) -> Sequence[Document]:
        used.add(key)
        return whole_bound(corpus, most, key, passage_words)

    def some(found: set[str], count: int, key: bytes) -> list[str]:
        used.add(key)
        return whole_some(found, count, key)

    whole_bound, whole_some = seeds.bound, keyphrases.few_of
    with monkeypatch.context() as patch:
        patch.setattr(seeds, "bound", bound)
        patch.setattr(keyphrases, "few_of", some)
        plan = lab.plan(
            lab.file(lab.rows(300, people=150)),
            privacy={"epsilon": 8.0, "shares": {"keyphrases": 0.2}},
        )
        return lab.run(plan, out), used


def test_each_run_chooses_with_one_key_of_its_own_that_is_in_no_public_file(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [keys_of_a_run(lab, monkeypatch, out) for out in ("one", "two")]
    assert [len(used) for _, used in runs] == [1, 1]
    (one,), (two,) = (used for _, used in runs)
    assert one != two, "the same plan and data, and still another key"
    for run, (key,) in runs:
        assert len(key) >= 32
        public = [
            file for file in run.path.rglob("*") if file.is_file() and "private" not in file.parts[-2:-1]
        ]
        assert any(file.name == "ledger.json" for file in public)
        for content in (file.read_bytes() for file in public):
            assert key not in content
            assert key.hex().encode() not in content
