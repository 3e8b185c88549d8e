"""Kill -9 at every step: the book never shows too little, and what was kept is never drawn again.

A real process is started, kills itself with SIGKILL at the named place, and the run goes on in a second one.
"""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING

import pytest
from tests.processes import exit_code

if TYPE_CHECKING:
    from pathlib import Path

SCRIPT = r"""
import json, os, signal, sys
from pathlib import Path
import numpy as np
import rpsg.privacy.kernel as kernel_module
import rpsg.privacy.write_ahead_log as journal_module
from rpsg.privacy.accounting import StagePlan, calibrate
from rpsg.privacy.histogram import RowCells, Query
from rpsg.privacy.vector_sum import BoundedVectors
from rpsg.privacy.noise import RoundedGaussian
from rpsg.privacy.account import Account, LifetimeCap
from rpsg.privacy.odometer import Odometer
from rpsg.privacy.private import Private
from rpsg.privacy.units import Unit

folder, place = Path(sys.argv[1]), sys.argv[2]
rule, w = ("S6_bounded_vector", 16) if sys.argv[3:] == ["vectors"] else ("S4_k_votes", 1)
stages = [StagePlan(s, 0.5, rule, w=w, dim=40) for s in ("first", "second")]
budget = calibrate(1.0, 1e-6, stages)
book = Odometer(folder / "state")
account = book.account("reviews", Unit("record", "", "add_remove"), LifetimeCap(8.0, 1e-6))


def die(here):
    if here == place:
        os.kill(os.getpid(), signal.SIGKILL)


append = journal_module.append_line


def dying_append(path, line):
    event = json.loads(line)
    what = f"{event['event']} {event.get('seq')}"
    die(f"before {what}")
    append(path, line)
    die(f"after {what}")


charge = Account.charge


def dying_charge(self, *what):
    die(f"before charge {KERNEL._seq}")
    again = charge(self, *what)
    die(f"after charge {KERNEL._seq}")
    return again


reserve = Account.reserve


def dying_reserve(self, *what):
    die("before reservation None")
    reserve(self, *what)
    die("after reservation None")


class DyingNoise(RoundedGaussian):
    drawn = 0

    def draw(self, sigma, size):
        noise = super().draw(sigma, size)
        DyingNoise.drawn += 1
        die(f"after noise {KERNEL._seq}")
        return noise


replace = Path.replace


def dying_replace(self, target):
    seq = int(Path(target).stem.split("-")[1])
    die(f"half persisted {seq}")
    replace(self, target)
    die(f"after persist {seq}")


journal_module.append_line = dying_append
Account.charge = dying_charge
Account.reserve = dying_reserve
Path.replace = dying_replace
asked = 0


def ballots():
    global asked
    asked += 1
    die(f"while asking {KERNEL._seq}")
    if w > 1:
        return Private(BoundedVectors(np.arange(9), lambda which: np.full((len(which), 40), -2)))
    return Private(RowCells(np.arange(9), np.arange(9).reshape(-1, 1)))


KERNEL = kernel_module.Kernel(
    journal=folder / "private" / "journal.jsonl", evidence=folder / "evidence", budget=budget,
    noise=DyingNoise(), run_id="run", account=account,
)
vectors = [KERNEL.release(Query.of(budget.release(s), s, 40), ballots).tolist() for s in ("first", "second")]
reserved = account.total().reserved_mu2
KERNEL.close()
print(json.dumps({
    "reserved": reserved, "kept_back": account.total().reserved_mu2,
    "vectors": vectors, "asked": asked, "drawn": DyingNoise.drawn,
    "mu2": account.total().mu2, "each": budget.mu2 / 2,
    "half": [p.name for p in (folder / "evidence").iterdir() if not p.name.endswith(".json")],
}))
"""

PLACES = [
    "before reservation None",
    "after reservation None",
    "before begin None",
    "after begin None",
    "after reserve 1",
    "after noise 1",
    "after persist 1",
    *(
        f"{place} 0"
        for place in (
            "before reserve",
            "after reserve",
            "while asking",
            "before charge",
            "after charge",
            "before draw",
            "after draw",
            "after noise",
            "half persisted",
            "after persist",
            "before commit",
            "after commit",
        )
    ),
]

KEPT = {"after persist", "before commit", "after commit"}
#: After the charge the book cannot tell whether the noise was drawn, so it is taken to have been.
LOST = {"after charge", "before draw", "after draw", "after noise", "half persisted"}


def start(folder: Path, place: str, what: str = "votes") -> tuple[int, str]:
    """The exit code of the process, and what it printed."""
    said = folder / "said"
    return exit_code(SCRIPT, str(folder), place, what, said=said), said.read_text(encoding="utf-8")


def kept_vectors(folder: Path) -> dict[int, list[int]]:
    files = sorted((folder / "evidence").glob("release-*.json"))
    return {int(p.stem.split("-")[1]): json.loads(p.read_text())["values"] for p in files}


@pytest.mark.parametrize(
    ("place", "what"),
    [
        *((place, "votes") for place in PLACES),
        *((place, "vectors") for place in ("while asking 0", "after noise 0", "after persist 0")),
    ],
)
def test_a_run_killed_at_any_step_goes_on_and_pays_for_every_draw(
    tmp_path: Path, place: str, what: str
) -> None:
    code, said = start(tmp_path, place, what)
    assert code == -signal.SIGKILL, said
    kept = kept_vectors(tmp_path)
    code, said = start(tmp_path, "nowhere", what)
    assert code == 0, said
    told = json.loads(said)

    for seq, vector in kept.items():
        assert told["vectors"][seq] == vector
    assert told["drawn"] == told["asked"] == 2 - len(kept)
    step, _, at = place.rpartition(" ")
    assert len(kept) == (0 if at == "None" else int(at) + (step in KEPT))
    drawn_in_vain = step in LOST
    assert told["mu2"] == pytest.approx(told["each"] * (2 + drawn_in_vain))
    assert told["half"] == []
    assert told["reserved"] == pytest.approx(0.0, abs=1e-12)
    assert told["kept_back"] == 0.0


def test_a_run_killed_at_the_same_step_again_and_again_pays_each_time(tmp_path: Path) -> None:
    for _ in range(3):
        assert start(tmp_path, "after noise 0")[0] == -signal.SIGKILL
    told = json.loads(start(tmp_path, "nowhere")[1])
    assert told["mu2"] == pytest.approx(told["each"] * 5)


def test_without_a_crash_two_releases_cost_two(tmp_path: Path) -> None:
    told = json.loads(start(tmp_path, "nowhere")[1])
    assert told["mu2"] == pytest.approx(told["each"] * 2)
    assert told["drawn"] == 2
