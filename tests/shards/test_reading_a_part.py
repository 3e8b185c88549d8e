"""A shard of a large file is counted with only its own rows in memory."""

from __future__ import annotations

import gc
import hashlib
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.shards.work import NUMBER, Shards

from rpsg.disk.json_text import canonical_ascii_json
from rpsg.pipeline.shards import counting
from rpsg.privacy.commitment import content_digest
from rpsg.privacy.private import Private, open_private
from rpsg.records import Document, PrivateCorpus
from rpsg.storage.readers import each_by_rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest
    from tests.conftest import Lab

    from rpsg.plan import DataSection


def test_rows_of_other_shards_are_not_kept(lab: Lab, shards: Shards, monkeypatch: pytest.MonkeyPatch) -> None:
    path = lab.file(lab.rows(600))
    kept = []

    def watched(data: DataSection) -> Iterator[Document]:
        before = documents()
        yield from each_by_rule(data)
        kept.append(documents() - before)

    monkeypatch.setattr(counting, "each_by_rule", watched)
    asked = shards.begin(shards.plan())
    for shard in range(1, NUMBER + 1):
        shards.count(asked.file, path, shard)
    assert len(kept) == NUMBER
    assert sum(kept) <= 600 + NUMBER, "besides its own rows a shard holds the one that it looks at"


def documents() -> int:
    gc.collect()
    return sum(isinstance(each, Document) for each in gc.get_objects())


@settings(deadline=None)
@given(st.lists(st.tuples(st.text(max_size=3), st.sampled_from(["a", "b", None])), max_size=9))
def test_the_digest_of_rows_does_not_depend_on_their_order_nor_on_how_it_is_computed(
    rows: list[tuple[str, str | None]],
) -> None:
    """It is the hash of the sorted hashes of all rows, as account books have it since version 0.1.0."""
    corpus = PrivateCorpus(tuple(Document(i, text, user=user) for i, (text, user) in enumerate(rows)))
    lines = (canonical_ascii_json({"text": t, "label": None, "user": u}) for t, u in rows)
    each = sorted(hashlib.sha256(line).digest() for line in lines)
    assert open_private(content_digest(Private(corpus))) == hashlib.sha256(b"".join(each)).digest()
