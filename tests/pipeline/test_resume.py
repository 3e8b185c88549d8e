"""A run that stopped goes on with the same call: nothing is paid twice, nothing is drawn again."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from rpsg.models.fake import FakeWriter
from rpsg.protocols import Silent
from rpsg.storage.call_store import request_key
from rpsg.storage.run_folder import open_vault

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tests.conftest import Lab

    from rpsg.protocols import OnReply, Reply, Request
    from rpsg.release.run import Run

    Retell = Callable[[Run], None]


class DyingWriter(FakeWriter):
    """Gives some replies, one at a time, and then an error instead of the next."""

    def __init__(self, replies: int, error: BaseException) -> None:
        super().__init__()
        self.left, self.error = replies, error

    def write(self, requests: Sequence[Request], on_reply: OnReply | None = None) -> list[Reply]:
        given = []
        for index, request in enumerate(requests):
            if self.left == 0:
                raise self.error
            self.left -= 1
            given.append(self._reply(request))
            if on_reply is not None:
                on_reply(index, given[-1])
        return given


class DyingProgress(Silent):
    """Ctrl-C when a stage begins."""

    def __init__(self, stage: str) -> None:
        self.stage = stage

    def start(self, stage: str, total: int | None = None) -> None:
        if stage == self.stage:
            raise KeyboardInterrupt


def evidence(path: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in sorted((path / "evidence").glob("release-*.json"))}


def asked(*writers: FakeWriter) -> Counter[str]:
    return Counter(request_key(w.name, request) for w in writers for request in w.requests)


def paid_in_full(run: Run) -> bool:
    """Whether the account shows at least what the ledger's mechanisms cost."""
    cost: float = sum(m["sensitivity2"] / m["sigma"] ** 2 for m in run.ledger["mechanisms"])
    mine = json.loads(open_vault(run.path).read("ledger.private.json"))["facts"]["paid"]
    return float(mine["totals"][0]["mu2"]) >= cost * (1 - 1e-12)


def is_what_an_uninterrupted_run_gives(lab: Lab, retell: Retell, run: Run, **method: object) -> bool:
    retell(run)
    plan = lab.plan(lab.folder / "data.jsonl", method=method)
    return list(lab.run(plan, "uninterrupted").records) == list(run.records)


@pytest.mark.parametrize(
    ("replies", "error"),
    [
        (0, RuntimeError("gone")),
        (37, RuntimeError("gone")),
        (37, KeyboardInterrupt()),
        (63, KeyboardInterrupt()),
    ],
)
def test_a_writer_that_dies_is_not_asked_again_for_what_it_has_written(
    lab: Lab, retell: Retell, replies: int, error: BaseException
) -> None:
    method = {"select": "votes", "rounds": 2}  # the writer dies in the second of them, too
    plan = lab.plan(lab.file(lab.rows(300)), method=method)
    first, second = DyingWriter(replies, error), FakeWriter()
    with pytest.raises(type(error)):
        lab.run(plan, writer=first)
    before = evidence(lab.folder / "run")
    run = lab.run(plan, writer=second)
    assert set(asked(first, second).values()) == {1}
    assert len(first.requests) == replies
    assert before.items() <= evidence(run.path).items()
    assert paid_in_full(run)
    assert is_what_an_uninterrupted_run_gives(lab, retell, run, **method)


ASKING = {"sketch": "measuring the private texts", "votes": "voting"}


@pytest.mark.parametrize(
    ("stage", "select"),
    [
        *((stage, "sketch") for stage in ("reading the file", "reading the private texts")),
        *((stage, "sketch") for stage in ("writing candidates", ASKING["sketch"], "release")),
        (ASKING["votes"], "votes"),
    ],
)
def test_after_ctrl_c_in_any_stage_the_run_goes_on(lab: Lab, retell: Retell, stage: str, select: str) -> None:
    plan = lab.plan(lab.file(lab.rows(300)), method={"select": select})
    first, second = FakeWriter(), FakeWriter()
    with pytest.raises(KeyboardInterrupt):
        lab.run(plan, writer=first, progress=DyingProgress(stage))
    assert not (lab.folder / "run" / "release").exists()
    before = evidence(lab.folder / "run")
    run = lab.run(plan, writer=second)
    assert set(asked(first, second).values()) == {1}
    assert before.items() <= evidence(run.path).items()
    assert paid_in_full(run)
    assert is_what_an_uninterrupted_run_gives(lab, retell, run, select=select)


def test_the_same_people_take_part_after_a_resume(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    from rpsg.stages import contributions as seeds

    kept: list[tuple[int, ...]] = []
    bound = seeds.bound

    def watched(*args: object) -> object:
        rows = bound(*args)  # type: ignore[arg-type]  # handed on as it came
        kept.append(tuple(row.id for row in rows))
        return rows

    monkeypatch.setattr(seeds, "bound", watched)
    plan = lab.plan(lab.file(lab.rows(600, people=300)))
    with pytest.raises(KeyboardInterrupt):
        lab.run(plan, progress=DyingProgress(ASKING["sketch"]))
    lab.run(plan)
    assert kept[0] == kept[1]
    assert len(kept[0]) == 300


SCRIPT = r"""
import os, signal, sys
from pathlib import Path
from rpsg.pipeline import execute as running
from rpsg.protocols import Silent
from rpsg.methods.base import Tools
from rpsg.models.fake import FakeClassifier, FakeEmbedder, FakeWriter
from rpsg.plan import read_toml, resolve
from rpsg.storage.call_store import request_key

folder, moment = Path(sys.argv[1]), sys.argv[2]
log = os.open(folder / "asked", os.O_WRONLY | os.O_CREAT | os.O_APPEND)


def die(here):
    if here == moment:
        os.kill(os.getpid(), signal.SIGKILL)


class LoggingWriter(FakeWriter):
    def write(self, requests, on_reply=None):
        replies = []
        for index, request in enumerate(requests):
            replies.append(self._reply(request))
            os.write(log, (request_key(self.name, request) + "\n").encode())
            if on_reply is not None:
                on_reply(index, replies[-1])
            die(f"reply {index}")
        return replies


class DyingProgress(Silent):
    def start(self, stage, total=None):
        die(stage)


tools = Tools(LoggingWriter(), FakeEmbedder(), FakeClassifier())
plan = resolve(read_toml(folder / "plan.toml"))
running.execute(plan, folder / "run", tools=tools, progress=DyingProgress())
"""


@pytest.mark.parametrize("moment", ["reply 20", "measuring the private texts", "release"])
def test_after_kill_9_the_run_goes_on_and_pays_for_nothing_twice(
    lab: Lab, retell: Retell, moment: str
) -> None:
    plan = lab.plan(lab.file(lab.rows(300)))
    (lab.folder / "plan.toml").write_text(plan.to_toml())
    killed = subprocess.run([sys.executable, "-c", SCRIPT, lab.folder, moment], check=False)
    assert killed.returncode == -signal.SIGKILL
    before = evidence(lab.folder / "run")
    assert len(before) == (3 if moment == "release" else 2)  # people, cards, and then the sketch
    writer = FakeWriter()
    run = lab.run(plan, writer=writer)
    paid = Counter((lab.folder / "asked").read_text().split())
    assert set((paid + asked(writer)).values()) == {1}
    assert before.items() <= evidence(run.path).items()
    assert paid_in_full(run)
    assert is_what_an_uninterrupted_run_gives(lab, retell, run)


@pytest.mark.parametrize("select", ["sketch", "votes"])
def test_a_text_that_failed_before_the_question_is_not_written_after_it(lab: Lab, select: str) -> None:
    """A server that recovers must not put a text among those that the private data were asked about."""
    plan = lab.plan(lab.file(lab.rows(300)), method={"select": select})
    fragile = FakeWriter(fails=lambda request: request.seed % 5 == 0)
    with pytest.raises(KeyboardInterrupt):
        lab.run(plan, writer=fragile, progress=DyingProgress("release"))
    recovered = FakeWriter()
    run = lab.run(plan, writer=recovered)
    assert set(asked(fragile, recovered).values()) == {1}
    assert "the writer failed" in run.summary
    assert len(run.texts) == 20


def test_a_writer_that_is_down_stops_the_run_and_is_asked_again_when_it_is_back(lab: Lab) -> None:
    from rpsg.errors import ModelError

    plan = lab.plan(lab.file(lab.rows(300)))
    with pytest.raises(ModelError, match="tested on 8 public prompts"):
        lab.run(plan, writer=FakeWriter(fails=lambda _: True))
    run = lab.run(plan)
    assert len(run.texts) == 20
    assert "the writer failed" not in run.summary


def test_a_writer_without_one_usable_text_is_told_before_the_data_are_asked_about_texts(lab: Lab) -> None:
    from rpsg.errors import ModelError

    class TiresSoon(FakeWriter):
        def _reply(self, request: Request) -> Reply:
            reply = super()._reply(request)
            return reply if len(self.requests) <= 8 else replace(reply, text="No.")

    plan = lab.plan(lab.file(lab.rows(300)))
    with pytest.raises(ModelError, match="can be used") as caught:
        lab.run(plan, writer=TiresSoon())
    assert "same -o" in caught.value.hint
    assert len(evidence(lab.folder / "run")) == 2
    assert len(lab.run(plan, writer=FakeWriter(name="another")).texts) == 20


def test_a_run_that_failed_can_go_on_in_the_same_process_while_its_error_is_kept(lab: Lab) -> None:
    """A notebook keeps the last error, and with it everything the failed call held."""
    plan = lab.plan(lab.file(lab.rows(300)))
    with pytest.raises(RuntimeError) as kept:
        lab.run(plan, writer=DyingWriter(3, RuntimeError("gone")))
    assert len(lab.run(plan).texts) == 20
    assert kept.tb is not None
