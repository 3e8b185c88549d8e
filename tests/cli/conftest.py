"""A command line whose ``rpsg.api`` does nothing but answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from rpsg import api
from rpsg.cli import main
from rpsg.plan.previews import Flow, Preview, StageCost
from rpsg.privacy.verify import Check
from rpsg.release.run import Run, Verification

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rpsg.plan import Plan
    from rpsg.protocols import Progress

PREVIEW = Preview(
    method="strict",
    claim="(2, 1e-06)-DP for each person, from the first read to the last text.",
    epsilon=2.0,
    delta=1e-6,
    epsilon_replace_one=2.93,
    attacker={"auc": 0.624, "tpr_at_fpr_1_percent": 0.0304},
    stages=(StageCost("cards", "S2_one_cell", 3.0, 11.25, 0.35, "counts over the public schema"),),
    flows=(Flow("writing", "this machine", "seed cards; no private text"),),
    attributes=(("topic", "nearest", 8, ("tea", "coffee", "snacks")),),
    cells=48,
    smallest_people=900,
    asked="people",
    people=None,
    candidates=600,
    llm_calls=600,
    prompt_tokens=120_000,
    new_tokens=48_000,
    seconds=750.0,
    odometer={"epsilon_spent": 0.0, "epsilon_left": 8.0},
    explanations=("Candidates follow from the noise of the votes.",),
    warnings=("Epsilon above 4 is weak.",),
)
VERIFIED = Verification(
    Path("runs/one"),
    (Check("arithmetic", ok=True, detail="epsilon 2 from sigma"),),
    ("that the noise was drawn as said",),
)


def finished(out: Path) -> Run:
    return Run(
        path=out,
        release=out / "release",
        texts=("A fine tea.",),
        records=({"id": 0, "text": "A fine tea."},),
        ledger={"claim": {"epsilon": 2.0, "text": "(2, 1e-06)-DP"}},
        summary="# 1 synthetic text\n\nAbout: tea.\n",
        timings={"writing candidates": 41.0},
    )


@dataclass
class Api:
    """What the commands asked for; ``error`` is raised instead of answering."""

    plans: list[Plan] = field(default_factory=list)
    error: BaseException | None = None
    verified: Verification = VERIFIED
    previewed: Preview = PREVIEW
    models: dict[str, str] = field(default_factory=dict)

    @property
    def plan(self) -> Plan:
        return self.plans[-1]

    def preview(self, plan: Plan) -> Preview:
        self._called(plan)
        return self.previewed

    def run(self, plan: Plan, out: str | Path, progress: Progress | None = None) -> Run:
        self._called(plan)
        if progress:
            progress.start("writing candidates", 2)
            progress.advance(2, tokens=80)
            progress.done(written=2)
        return finished(Path(out))

    def verify(
        self,
        release: str | Path,
        *,
        regenerate: bool = False,
        models: Mapping[str, str] | None = None,
        plugins: Sequence[str] = (),
        progress: Progress | None = None,
        **checks: object,
    ) -> Verification:
        self.models = dict(models or {})
        if self.error:
            raise self.error
        return self.verified

    def _called(self, plan: Plan) -> None:
        self.plans.append(plan)
        if self.error:
            raise self.error


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Api:
    """The fake behind ``rpsg.api``, in an empty folder, with an environment that sets nothing."""
    calls = Api()
    for name in ("preview", "run", "verify"):
        monkeypatch.setattr(api, name, getattr(calls, name))
    monkeypatch.chdir(tmp_path)
    return calls


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    screen = {"FORCE_COLOR", "NO_COLOR", "COLUMNS", "GITHUB_ACTIONS"}
    # The home stays the test's own: without it a test would charge the user's odometer.
    for name in set(os.environ) - {"RPSG_HOME"}:
        if name.startswith("RPSG_") or name in screen:
            monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "80")


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.out)
        return content


Rpsg = Callable[..., Outcome]


@pytest.fixture
def rpsg(capsys: pytest.CaptureFixture[str]) -> Rpsg:
    """``rpsg("run", ...)`` as a shell would call it."""

    def call(*arguments: str) -> Outcome:
        capsys.readouterr()
        code = main(arguments)
        seen = capsys.readouterr()
        return Outcome(code, seen.out, seen.err)

    return call
