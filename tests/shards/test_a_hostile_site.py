"""Whoever can send a question, or a file in a shard's place, learns nothing of others and gets no text."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.shards.work import Shards, spent

from rpsg.errors import DataError, UsageError
from rpsg.models.fake import FakeClassifier, FakeEmbedder
from rpsg.pipeline.shards.counting import count
from rpsg.pipeline.shards.merging import Waiting
from rpsg.pipeline.shards.task import ShardTask
from rpsg.privacy.exact_sums import ExactSum, together
from rpsg.privacy.private import Private, open_private
from rpsg.privacy.sealed_sums import (
    LARGEST_TOTAL,
    ShardAddress,
    ShardSums,
    new_key,
    opened_sums,
    public_half,
    sealed_sums,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Lab

TWO_SITES = {"shards": 2, "divided_by": "site"}


def made_up(task: ShardTask, number: int, recipient: bytes) -> bytes:
    """A file of shard 2 in which every sum is ``number``."""
    sums = tuple(Private(ExactSum(q, np.full(q.dim, number, np.int64))) for q in task.queries)
    return sealed_sums(ShardAddress(task.digest, 2, 2), ShardSums(sums, Private(bytes(32))), recipient)


@pytest.mark.parametrize("people", [1, 40])
def test_a_made_up_file_cannot_ask_what_the_others_counted(lab: Lab, shards: Shards, people: int) -> None:
    """An error that only comes if the others counted more than some number would tell what they counted."""
    waiting = shards.begin(shards.plan(data=TWO_SITES))
    honest = shards.count(waiting.file, lab.file(lab.rows(people)), 1)
    file = lab.folder / "made-up.sum"
    for number in ((1 << 62) - 20, LARGEST_TOTAL // 2 + 1, -1, -(1 << 63)):
        file.write_bytes(made_up(waiting.task, number, bytes.fromhex(waiting.task.about.recipient)))
        with pytest.raises(DataError, match="somebody made it up"):
            shards.merge([honest, file])
    assert not any(spent().values())


@pytest.mark.parametrize("number", [LARGEST_TOTAL // 2, 0])
def test_no_files_that_are_accepted_are_too_large_to_be_added(shards: Shards, number: int) -> None:
    task, key = shards.begin(shards.plan(data=TWO_SITES)).task, new_key()
    query = task.queries[0]
    part = opened_sums(made_up(task, number, public_half(key)), key, task.queries).sums[0]
    assert set(open_private(together(query, (part, part))).values.tolist()) == {2 * number}


def test_a_made_up_file_that_is_accepted_only_spoils_the_corpus(lab: Lab, shards: Shards) -> None:
    waiting = shards.begin(shards.plan(data=TWO_SITES))
    honest = shards.count(waiting.file, lab.file(lab.rows(60)), 1)
    file = lab.folder / "made-up.sum"
    file.write_bytes(made_up(waiting.task, LARGEST_TOTAL // 2, bytes.fromhex(waiting.task.about.recipient)))
    assert isinstance(shards.merge([honest, file]), Waiting)


def test_a_site_without_a_usable_row_counts_nobody(lab: Lab, shards: Shards) -> None:
    waiting = shards.begin(shards.plan(data=TWO_SITES))
    first = shards.count(waiting.file, lab.file(lab.rows(30)), 1)
    site = lab.folder / "site.jsonl"
    site.write_text('{"text": "", "user": "a", "label": "food"}\n')
    second = shards.count(waiting.file, site, 2)
    assert isinstance(shards.merge([first, second]), Waiting)


def test_a_question_with_another_fingerprint_is_refused_before_anything_is_read(
    lab: Lab, shards: Shards
) -> None:
    """All of a question decides what is done with the private texts, and not only its key."""
    file = shards.begin(shards.plan(data=TWO_SITES)).file
    body = json.loads(file.read_text())
    body["about"]["rows_key"] = "00" * 32
    other = lab.folder / "other.json"
    other.write_text(json.dumps(body, separators=(",", ":")) + "\n")
    mark, models = ShardTask.read(file).fingerprint, (FakeEmbedder(), FakeClassifier())
    with pytest.raises(DataError, match="fingerprint"):
        count(other, "nothing is here", 1, lab.folder / "x.sum", fingerprint=mark, models=models)
    count(file, str(lab.file(lab.rows(3))), 1, lab.folder / "x.sum", fingerprint=mark.upper(), models=models)


@pytest.mark.parametrize("role", ["embedder", "sentiment"])
@pytest.mark.parametrize("name", ["openai:m", "azure:m", "of-a-package", "gguf:/tmp/m.gguf", "/tmp/m"])
def test_a_question_cannot_have_texts_sent_to_a_server_or_read_by_a_package(
    lab: Lab, shards: Shards, role: str, name: str
) -> None:
    body: dict[str, Any] = json.loads(shards.begin(shards.plan(data=TWO_SITES)).file.read_text())
    plan = re.sub(rf"^{role} = .*\n", "", body["about"]["plan"], flags=re.MULTILINE)
    server = '[server]\nbase_url = "http://127.0.0.1:9/v1"\nthis_machine = true\nkey_env = "PATH"\n'
    plan = re.sub(r"^\[server\]\n(?:\w.*\n)*", "", plan, flags=re.MULTILINE) + server
    body["about"]["plan"] = plan.replace("[models]\n", f'[models]\n{role} = "{name}"\n', 1)
    forged = lab.folder / "forged.json"
    forged.write_text(json.dumps(body, separators=(",", ":")) + "\n")
    with pytest.raises(UsageError, match="only RPSG's own local models"):
        count(forged, str(lab.file(lab.rows(3))), 1, lab.folder / "x.sum")
    assert not (lab.folder / "x.sum").exists()


@pytest.mark.parametrize("method", ["of-a-package", "floor", "paper"])
def test_a_question_for_a_method_that_shards_cannot_count_runs_nothing(
    lab: Lab, shards: Shards, method: str
) -> None:
    body: dict[str, Any] = json.loads(shards.begin(shards.plan(data=TWO_SITES)).file.read_text())
    body["about"]["plan"] = body["about"]["plan"].replace('name = "strict"', f'name = "{method}"')
    assert method in body["about"]["plan"]
    forged = lab.folder / "forged.json"
    forged.write_text(json.dumps(body, separators=(",", ":")) + "\n")
    with pytest.raises((UsageError, DataError)):
        shards.count(forged, lab.file(lab.rows(3)), 1)


def test_what_differs_at_a_site_changes_nobody_s_shard_and_no_unit(lab: Lab, shards: Shards) -> None:
    """Another user column in one task of a job array would put somebody into two shards."""
    models, data = (FakeEmbedder(), FakeClassifier()), str(lab.file(lab.rows(9)))

    def refused(question: Path, here: dict[str, Any], said: str) -> None:
        with pytest.raises(UsageError, match=said):
            count(question, data, 1, lab.folder / "x.sum", here=here, models=models)

    one_file = shards.begin(shards.plan(data={"shards": 2}), "one").file
    sites = shards.begin(shards.plan(data=TWO_SITES), "sites").file
    plan = shards.plan(data=TWO_SITES)
    of_rows = plan.model_copy(update={"data": plan.data.model_copy(update={"user": None})})
    rows = shards.begin(of_rows, "rows").file
    for here in ({"user": "label"}, {"text": "label"}, {"encoding": "cp1252"}):
        refused(one_file, here, "in the same way")
    refused(sites, {"labels": "a"}, "Only the encoding")
    refused(sites, {"user": None}, "Only the encoding")
    refused(rows, {"user": "user"}, "protects rows")
    count(sites, data, 1, lab.folder / "x.sum", here={"user": "label"}, models=models)
