"""``rpsg embed`` or ``rpsg run`` killed while it embeds, and then typed again with other settings."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from rpsg.domains import find_pack
from rpsg.methods.named import budget_of
from rpsg.pipeline.embedding import embed
from rpsg.pipeline.private_data import account_of
from rpsg.privacy.odometer import Odometer
from rpsg.storage.run_folder import run_id_of
from rpsg.testing.lab import install

if TYPE_CHECKING:
    from tests.conftest import Lab

#: An embedder that is killed with the first private texts, as by ``kill -9``, if the environment says so.
SOURCE = """
import os, signal
from rpsg.models.fake import FakeEmbedder

def dying(name, **_):
    return Dying()

class Dying(FakeEmbedder):
    def embed(self, texts):
        if "DIES" in os.environ and len(texts) > 20:  # private texts; there are fewer topics
            os.kill(os.getpid(), signal.SIGKILL)
        return super().embed(texts)
"""


@pytest.fixture
def typed(lab: Lab) -> Typed:
    (lab.folder / "dying_words.py").write_text(SOURCE)
    install(lab.folder, {"rpsg.embedders": {"dying": "dying_words:dying"}}, name="dying-words")
    lab.file(lab.rows(300))
    return Typed(lab)


class Typed:
    """The real command, in a process of its own."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab

    def __call__(self, command: str, *settings: str, dies: bool = False) -> subprocess.CompletedProcess[str]:
        models = ["--writer", "fake", "--embedder", "dying", "--size", "6", "--domain", str(self.lab.pack)]
        data = ["data.jsonl", "--user", "user", "--account", "ward", "--lifetime-epsilon", "4"]
        paths = os.pathsep.join(filter(None, [str(self.lab.folder), os.environ.get("PYTHONPATH")]))
        env = {**os.environ, "PYTHONPATH": paths} | ({"DIES": "1"} if dies else {})
        line = [sys.executable, "-m", "rpsg", command, *data, *models, "-o", "run", "--quiet", *settings]
        return subprocess.run(line, cwd=self.lab.folder, env=env, capture_output=True, text=True, check=False)


def waiting() -> tuple[str, ...]:
    """The runs that hold a reservation of the account."""
    return Odometer().statement("ward").waiting


def test_embed_holds_no_budget_while_it_embeds(typed: Typed) -> None:
    assert typed("embed", "--epsilon", "3", dies=True).returncode == -signal.SIGKILL
    assert waiting() == ()


#: A run reserves 3 of the lifetime's 4, so a second one has room only if the first has none left.
@pytest.mark.parametrize("other", [["--epsilon", "2.5"], ["--epsilon", "3", "--size", "8"]])
def test_a_killed_embed_can_be_typed_again_with_other_settings(typed: Typed, other: list[str]) -> None:
    assert typed("embed", "--epsilon", "3", dies=True).returncode == -signal.SIGKILL
    again = typed("embed", *other)
    assert (again.returncode, again.stderr) == (0, "")
    assert waiting() == ()
    done = typed("run", *other)
    assert (done.returncode, done.stderr) == (0, "")
    assert waiting() == ()
    [total] = Odometer().statement("ward").totals
    assert total.epsilon == pytest.approx(float(other[1]), rel=0.01)


def test_what_a_killed_run_had_reserved_is_returned_when_another_one_begins_in_its_folder(lab: Lab) -> None:
    """A process that is killed while it reads the file cannot return it."""
    plan = lab.plan(lab.file(lab.rows(300)), privacy={"epsilon": 3.0, "lifetime_epsilon": 4.0})
    embed(plan, lab.folder / "run", tools=lab.tools())
    budget = budget_of(plan, find_pack(plan.corpus.domain))
    assert budget is not None
    account = account_of(plan, Odometer())
    account.reserve(run_id_of(lab.folder / "run"), budget.mu2, budget.delta_fail, budget.replaced_mu2)
    other = lab.plan(plan.data.path, privacy={"epsilon": 2.0, "lifetime_epsilon": 4.0})
    embed(other, lab.folder / "run", tools=lab.tools())
    assert account.statement().waiting == ()
