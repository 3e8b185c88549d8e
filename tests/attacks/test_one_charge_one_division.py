"""Whatever is done to a half-drawn folder, one charge for tokens pays for one division of people among texts.

The hole: the charge was known by its id alone. Who is in which text depends on the number of groups as well,
on the key and on the rows, so somebody who set the run's fingerprint to that of another plan went on under
the same charge with people divided anew. A person whose text was drawn was then in one that was not, and gave
twice the tokens that were paid for.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest

from rpsg.domains import find_pack
from rpsg.errors import RunError
from rpsg.models.fake import FakeLogits
from rpsg.pipeline.execute import execute
from rpsg.pipeline.models_of_run import fingerprint
from rpsg.pipeline.private_data import account_of
from rpsg.privacy.odometer import Odometer
from rpsg.storage.run_folder import RunFolder
from rpsg.storage.run_identity import read_about

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.conftest import Lab

    from rpsg.methods.base import Tools
    from rpsg.plan import Plan
    from rpsg.protocols import Contexts, Endpoint

MOST = 8


@dataclass
class PowerCut:
    """A model whose power is cut after ``left`` texts."""

    left: int = 10**9
    source: FakeLogits = field(default_factory=FakeLogits)
    endpoint: Endpoint = "local_model"
    name = "fake-logits"

    @property
    def pieces(self) -> Sequence[str | None]:
        return self.source.pieces

    def begin(self, before: str, texts: Sequence[str], after: str, **bounds: Any) -> Contexts:
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt
        return self.source.begin(before, texts, after, **bounds)


@dataclass
class HalfDrawn:
    """A run of four texts whose people were divided into four groups, stopped in its third text."""

    lab: Lab
    plan: Plan
    folder: Path

    def tools(self, left: int = 10**9) -> Tools:
        return replace(self.lab.tools(writer=FakeLogits()), logits=PowerCut(left))

    def resume(self, plan: Plan | None = None) -> None:
        execute(plan or self.plan, self.folder, tools=self.tools())

    def pass_for(self, plan: Plan) -> None:
        """Edit the folder so that it belongs to another plan."""
        about = read_about(self.folder) | {
            "plan_fingerprint": fingerprint(plan, find_pack(plan.corpus.domain), self.tools())
        }
        (self.folder / "run.json").write_text(json.dumps(about))

    def tokens(self) -> list[dict[str, Any]]:
        lines = (self.folder / "private" / "tokens-000.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines[1:]]

    def paid(self) -> float:
        return account_of(self.plan, Odometer()).total().mu2


def planned(lab: Lab, file: Path, **sections: dict[str, Any]) -> Plan:
    usual: dict[str, Any] = {
        "method": {"name": "private-prediction"},
        "corpus": {"size": 4},
        "prediction": {"batch": 10, "tokens": MOST, "choices": 30},
        "privacy": {"n_public": 40},
    }
    return lab.plan(file, **{name: part | sections.get(name, {}) for name, part in usual.items()})


@pytest.fixture
def half_drawn(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> HalfDrawn:
    monkeypatch.setenv("RPSG_HOME", str(lab.folder / "home"))
    plan = planned(lab, lab.file(lab.rows(40)))
    run = HalfDrawn(lab, plan, lab.folder / "run")
    with pytest.raises(KeyboardInterrupt):
        execute(plan, run.folder, tools=run.tools(left=5))
    assert {line["text"] for line in run.tokens()} == {0, 1}
    return run


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"privacy": {"n_public": 400}}, id="ten times as many groups"),
        pytest.param({"prediction": {"batch": 3}}, id="smaller groups, and so more of them"),
    ],
)
def test_an_edited_fingerprint_does_not_let_people_be_divided_anew(
    half_drawn: HalfDrawn, changed: dict[str, Any]
) -> None:
    other = planned(half_drawn.lab, half_drawn.folder.parent / "data.jsonl", **changed)
    half_drawn.pass_for(other)
    before, paid = half_drawn.tokens(), half_drawn.paid()
    with pytest.raises(RunError, match="divided differently") as caught:
        half_drawn.resume(other)
    assert "another folder" in caught.value.hint
    assert half_drawn.tokens() == before, "nothing was drawn"
    assert half_drawn.paid() == pytest.approx(paid)


def test_another_secret_key_does_not_either(half_drawn: HalfDrawn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RunFolder, "key", bytes(32))
    with pytest.raises(RunError, match="divided differently"):
        half_drawn.resume()


@pytest.mark.parametrize("change", ["renamed", "left", "joined"])
def test_nor_does_a_changed_file(half_drawn: HalfDrawn, change: str) -> None:
    """A person under another name would be in another text."""
    rows = half_drawn.lab.rows(40)
    if change == "renamed":
        rows[3]["user"] = "another name"
    rows = rows[1:] if change == "left" else rows
    rows = [*rows, rows[0] | {"user": "one more"}] if change == "joined" else rows
    half_drawn.lab.file(rows)
    with pytest.raises(RunError, match="divided differently"):
        half_drawn.resume()


def test_the_refused_run_can_still_be_resumed_as_it_was(half_drawn: HalfDrawn) -> None:
    about = (half_drawn.folder / "run.json").read_bytes()
    other = planned(half_drawn.lab, half_drawn.folder.parent / "data.jsonl", privacy={"n_public": 400})
    half_drawn.pass_for(other)
    with pytest.raises(RunError):
        half_drawn.resume(other)
    (half_drawn.folder / "run.json").write_bytes(about)
    paid = half_drawn.paid()
    half_drawn.resume()
    assert {line["text"] for line in half_drawn.tokens()} == {0, 1, 2, 3}
    assert half_drawn.paid() == pytest.approx(paid)


def test_the_order_of_the_file_is_no_part_of_the_division(half_drawn: HalfDrawn) -> None:
    half_drawn.lab.file(half_drawn.lab.rows(40)[::-1])
    half_drawn.resume()
    assert {line["text"] for line in half_drawn.tokens()} == {0, 1, 2, 3}
