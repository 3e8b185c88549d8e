"""How long a stage that reads private text takes is private: one long text more is many seconds more.

Two processes run the same command lines on the same data, with the same random bytes. A clock of our own
stands still but in private work, which takes 2 seconds at each call in the first process and 1,600 in the
second. All that is shown, and all files outside of the private folder, are the same byte for byte.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import rpsg
from rpsg import registry
from rpsg.cli.console import Screen
from rpsg.cli.progress import Live, Plain
from rpsg.methods.seed_steps import tenths_of_replies
from rpsg.pipeline import progress as times
from rpsg.protocols import Reply
from rpsg.testing.lab import Witness

if TYPE_CHECKING:
    from tests.conftest import Lab

#: Before anything else is imported: a clock that we move, and random bytes that are the same each time.
PRELUDE = """
import os, sys, threading, time, hashlib, itertools
class Clock:
    now = 5000.0
    private = float(sys.argv[1])
    shown = 7.0
time.monotonic = time.perf_counter = lambda: Clock.now
real = time.time
time.time = lambda: 1.7e9 + Clock.now
draws = itertools.count()
def urandom(size):
    word = b"%d" % next(draws)
    return hashlib.shake_256(word).digest(size)
os.urandom = urandom
import random, secrets, datetime
try:
    import pandas  # compiled against the real datetime; pyarrow imports it where it is installed
except ImportError:
    pass
class Then(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls.fromtimestamp(1.7e9 + Clock.now, tz)
datetime.datetime = Then

from rpsg import registry
from rpsg.models.fake import FakeClassifier, FakeEmbedder, FakeWriter
registry.sentiment = lambda *_, **__: FakeClassifier()

def slowed(owner, name, is_private):
    work = getattr(owner, name)
    def slow(*given, **named):
        Clock.now += Clock.private if is_private(*given, **named) else Clock.shown
        return work(*given, **named)
    setattr(owner, name, slow)

SECRETS = set(sys.argv[2].split(","))
def has_secret(texts):
    return any(SECRETS & set(text.split()) for text in texts)
slowed(FakeEmbedder, "embed", lambda self, texts: has_secret(texts))
slowed(FakeClassifier, "classify", lambda self, texts, rows: has_secret(texts))
slowed(FakeWriter, "write", lambda self, requests, told=None: any(r.private for r in requests))
import rpsg.pipeline.private_data, rpsg.evaluation.corpora, rpsg.methods.questions, rpsg.methods.voting
import rpsg.privacy.exact_sums, rpsg.stages.scrub
always = lambda *_, **__: True
slowed(rpsg.pipeline.private_data, "read_by_rule", always)
slowed(rpsg.pipeline.private_data, "commit_to", always)
slowed(rpsg.evaluation.corpora, "read_strictly", always)
slowed(rpsg.methods.questions, "card_row_cells", always)
slowed(rpsg.methods.voting, "vote_row_cells", always)
slowed(rpsg.privacy.exact_sums, "clean_sum", always)

from rpsg.cli import main
import json
for line in json.loads(sys.argv[3]):
    Clock.now = 5000.0  # when a command is typed is up to its user
    print(">", *line, flush=True)
    print("<", main(line), flush=True)
    sys.stderr.flush()
"""


@dataclass(frozen=True)
class Shown:
    """What a process showed, its files by name, and its times."""

    screen: str
    files: dict[str, bytes]
    timings: dict[str, float]


def commands(plan: str, *, seeded: bool) -> list[list[str]]:
    """Everything that a user types around a run; one in JSON and with a log too, and one that is finished."""
    run = ["run", "--config", plan, "-o"]
    measure = ["evaluate", "run", "--real", "data.jsonl", "--no-floor", "--metrics", "length_distance,fid"]
    more = [] if seeded else [[*measure, "--json"], measure]
    return [
        [*run, "run"],
        ["--log-json", *run, "other", "--json"],
        [*run, "run"],
        [*run, "run", "--json"],
        ["calls", "run"],
        ["calls", "run", "--json"],
        ["verify", "run", "--json"],
        *more,
        ["report", "run", "--json"],
        ["report", "run", "--text"],
        ["report", "run", "--private", "--json"],
    ]


def shown(
    seconds: float, lines: list[list[str]], plan: str, rows: list[dict[str, Any]], place: Path, secret: str
) -> Shown:
    """What the command lines show and leave when each piece of private work takes so many ``seconds``."""
    place.mkdir()
    (place / "data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (place / "rpsg.toml").write_text(plan)
    root = Path(rpsg.__file__).parents[1]
    names = {
        "PYTHONPATH": str(root),
        "RPSG_HOME": str(place / "home"),
        "COLUMNS": "200",
        "PYTHONHASHSEED": "0",
    }
    environment = {"PATH": os.environ["PATH"], "HOME": str(place), "PYTHONDONTWRITEBYTECODE": "1", **names}
    done = subprocess.run(
        [sys.executable, "-c", PRELUDE, str(seconds), secret, json.dumps(lines)],
        cwd=place,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    inside = {file: file.relative_to(place) for file in place.rglob("*") if file.is_file()}
    files = {
        str(name): file.read_bytes() for file, name in inside.items() if name.parts[0] in {"run", "other"}
    }
    kept = {name: content for name, content in files.items() if "private" not in Path(name).parts}
    return Shown(done.stdout, kept, json.loads(files["run/private/timings.json"]))


METHODS: dict[str, dict[str, Any]] = {
    "strict": {"corpus": {"size": 20}, "privacy": {"epsilon": 6.0}},
    "votes": {
        "method": {"select": "votes", "rounds": 2},
        "corpus": {"size": 20},
        "privacy": {"epsilon": 6.0},
    },
    "augpe": {"method": {"name": "augpe"}, "augpe": {"iterations": 2, "variations": 2}},
    "prediction": {
        "method": {"name": "private-prediction"},
        "prediction": {"batch": 20, "tokens": 6, "choices": 20},
    },
    "paper": {"method": {"name": "paper"}, "paper": {"nll_percentile": 0, "selection": "votes"}},
    "rupta": {"method": {"name": "rupta"}, "rupta": {"edits": 2}},
    "split": {"method": {"name": "split"}, "data": {"label": "label", "labels": ["food", "drink"]}},
}


@pytest.mark.parametrize("method", METHODS)
def test_nothing_that_is_shown_or_left_depends_on_the_time_of_private_work(
    method: str, lab: Lab, tmp_path: Path
) -> None:
    plan = lab.plan("data.jsonl", **METHODS[method]).to_toml()
    rows = lab.rows(200, people=180)
    lines = commands("rpsg.toml", seeded=method in {"paper", "split", "rupta"})
    quick, slow = (
        shown(seconds, lines, plan, rows, tmp_path / name, ",".join(lab.apple))
        for seconds, name in ((2.0, "quick"), (1600.0, "slow"))
    )
    assert quick.screen.replace(str(tmp_path / "quick"), "") == slow.screen.replace(
        str(tmp_path / "slow"), ""
    )
    assert quick.files.keys() == slow.files.keys()
    assert [name for name, content in quick.files.items() if slow.files[name] != content] == []
    # The clock does what it should: private stages took longer, and the time of writing is shown.
    assert sum(slow.timings.values()) > 100 * sum(quick.timings.values()) / 7
    assert ("writing candidates: done in 7.0 s" in quick.screen) == (method in {"strict", "votes", "augpe"})


def stages_begun() -> set[str]:
    """The stages that methods, stages and evaluation announce, as their source has them."""
    import re

    source = Path(rpsg.__file__).parent
    found: set[str] = set()
    for file in source.rglob("*.py"):
        found |= set(re.findall(r'progress\.start\(f?"([^"]+)"', file.read_text(encoding="utf-8")))
    return found


def test_the_stages_whose_times_are_told_are_these_and_a_new_stage_is_private() -> None:
    public = {stage for stage in stages_begun() if times.may_show_time(stage)}
    assert public == {
        "writing candidates",
        "writing variants",
        "make the table of word vectors",
        "pull {asset.name}",
    }
    assert len(stages_begun()) > 12
    assert not times.may_show_time("a stage that nobody thought of")
    assert not times.may_show_time("first rewrite")


def test_a_stage_with_no_records_has_the_lines_of_one_with_a_million(
    capsys: pytest.CaptureFixture[str],
) -> None:
    told = []
    for steps in ([], [100], [1] * 100, [60, 40], [26, 0, 50]):
        clock = iter(range(0, 10**9, 977))
        progress = Plain(Screen.stderr(), lambda clock=clock: float(next(clock)))  # type: ignore[misc]  # bound at once
        with progress:
            progress.start("reading the private texts", 100)
            for step in steps:
                progress.advance(step, tokens=5)
        told.append(capsys.readouterr().err)
    assert set(told) == {told[0]}
    assert told[0].count("\n") == 5


@pytest.mark.parametrize("replies", [1, 3, 10, 64, 999])
def test_the_steps_of_a_stage_do_not_reveal_how_many_replies_it_had(replies: int) -> None:
    witness = Witness()
    on_reply = tenths_of_replies(witness, "summarize the seeds", replies, attempt=1)
    for index in range(replies):
        on_reply(index, Reply("A text.", "stop", 5, 4))
    assert witness.told == [("start", "summarize the seeds, attempt 2", 100), *[("advance", 10, 0)] * 10]


def test_a_live_line_shows_no_rate_and_no_time_that_is_left(capsys: pytest.CaptureFixture[str]) -> None:
    clock = iter(range(0, 10**9, 977))
    with Live(Screen.stderr(), lambda: float(next(clock))) as progress:
        progress.start("voting", 100)
        progress.advance(30, tokens=400)
        state = progress._bars.tasks[0].fields["state"]
    assert state == "30 %"
    assert capsys.readouterr().err.strip().endswith("voting: done")


@pytest.mark.parametrize(
    ("select", "asking"), [("sketch", "measuring the private texts"), ("votes", "voting")]
)
def test_a_run_in_python_names_the_times_of_writing_alone(lab: Lab, select: str, asking: str) -> None:
    run = lab.run(lab.plan(lab.file(lab.rows(300)), method={"select": select}))
    assert set(run.timings) == {"writing candidates"}
    kept = json.loads((run.path / "private" / "timings.json").read_bytes())
    assert {"reading the file", "counting cards", asking} <= set(kept)


def test_no_event_of_the_journal_has_a_time(lab: Lab) -> None:
    run = lab.run(lab.plan(lab.file(lab.rows(300))))
    events = [json.loads(line) for line in (run.path / "journal.jsonl").read_text().splitlines()]
    assert {event["event"] for event in events} >= {"opened", "finished"}
    assert not [event for event in events if "at" in event]


def test_the_registry_is_whole() -> None:
    named = {plan.get("method", {}).get("name", "strict") for plan in METHODS.values()}
    # The floor reads nothing private; dpsgd needs PyTorch, and its training is no public stage.
    assert named | {"floor", "dpsgd"} == set(registry.built_in("methods"))
    assert not any("train" in stage for stage in times.PUBLIC_STAGES)
