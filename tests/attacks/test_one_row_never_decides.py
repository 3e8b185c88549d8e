"""One row that cannot be used, or that is unlike all others, never decides whether there is a release.

An error, a message or one file more that depends on a single row tells for certain that this row was there.
"""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import tracemalloc
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.attacks.bad_rows import CASES, JSONL, LIMIT, NOTHING, WRITE, in_jsonl, row
from tests.pipeline.test_control_flow import journal, names
from tests.pipeline.test_non_interference import released

from rpsg.api import read_run
from rpsg.cli import main
from rpsg.errors import DataError
from rpsg.pipeline.private_data import LEFT_OUT
from rpsg.plan import DataSection, resolve
from rpsg.privacy.claims import REFUSED, UNREADABLE
from rpsg.privacy.private import open_private
from rpsg.privacy.verify import verify_ledger
from rpsg.storage.readers import read_by_rule
from rpsg.storage.readers import text as lines

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Lab

    from rpsg.plan import Plan
    from rpsg.records import Document
    from rpsg.release.run import Run
    from rpsg.storage.readers import Reading

    Retell = Callable[[Run], None]


@dataclass
class Screen:
    """What whoever watches a run is told of it."""

    told: list[object] = field(default_factory=list)

    def start(self, stage: str, total: int | None = None) -> None:
        self.told.append((stage, total))

    def advance(self, n: int = 1, *, tokens: int = 0) -> None: ...

    def note(self, message: str) -> None:
        self.told.append(message)

    def done(self, **facts: object) -> None:
        self.told.append(facts)


def plan_of(lab: Lab, path: Path, **data: Any) -> Plan:
    columns = {} if path.is_dir() else {"user": "user", "label": "label", "labels": ("food", "drink"), **data}
    return resolve(
        {
            "data": {"path": str(path), **columns},
            "corpus": {"domain": str(lab.pack), "size": 8},
            "privacy": {"epsilon": 8.0, "lifetime_epsilon": 1000.0},
            "models": {"writer": "fake", "embedder": "fake"},
        }
    )


@pytest.fixture(autouse=True)
def _small_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "MAX_LINE_BYTES", LIMIT)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory, lab_of: Callable[[Path], Lab]) -> Callable[..., Any]:
    """The run without the row, by format and rule; each is made once."""
    made: dict[tuple[str, str], tuple[Run, Screen]] = {}

    def of(kind: str, rule: str) -> tuple[Run, Screen]:
        if (kind, rule) not in made:
            lab, screen = lab_of(tmp_path_factory.mktemp(kind)), Screen()
            path = WRITE[kind](lab.folder, lab.rows(220), NOTHING[kind])
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("RPSG_HOME", str(tmp_path_factory.mktemp("home")))
                made[kind, rule] = lab.run(plan_of(lab, path, unlisted=rule), progress=screen), screen
        return made[kind, rule]

    return of


by_kind = pytest.mark.parametrize(
    ("kind", "extra"), [(kind, extra) for kind, _, extra in CASES], ids=[f"{k}: {n}" for k, n, _ in CASES]
)


def look_the_same(one: tuple[Run, Screen], other: tuple[Run, Screen]) -> None:
    assert released(one[0]) == released(other[0])
    assert names(one[0]) == names(other[0])
    assert journal(one[0]) == journal(other[0])
    assert one[1].told == other[1].told


@by_kind
def test_a_run_with_the_row_and_one_without_it_look_the_same(
    lab: Lab, first: Callable[..., Any], retell: Retell, kind: str, extra: Any
) -> None:
    without = first(kind, "drop")
    retell(without[0])
    screen = Screen()
    path = WRITE[kind](lab.folder, lab.rows(220), extra)
    look_the_same(without, (lab.run(plan_of(lab, path), progress=screen), screen))


ABOUT_LABELS = [name for name in JSONL if "label" in name]


@pytest.mark.parametrize("name", ABOUT_LABELS)
def test_nor_does_a_row_that_is_counted_as_other(
    lab: Lab, first: Callable[..., Any], retell: Retell, name: str
) -> None:
    without = first("jsonl", "other")
    retell(without[0])
    screen = Screen()
    path = in_jsonl(lab.folder, lab.rows(220), JSONL[name])
    look_the_same(without, (lab.run(plan_of(lab, path, unlisted="other"), progress=screen), screen))
    kept = json.loads((lab.folder / "run" / "private" / "rows.json").read_text())
    assert kept["used"] == 221
    assert sum(places["rows"] for places in kept["counted_as_other"].values()) == 1


@by_kind
def test_the_row_changes_nothing_of_how_the_others_are_read(lab: Lab, kind: str, extra: Any) -> None:
    """What every sensitivity rests on: one row of the file is at most one row of the corpus."""
    rows = lab.rows(20)
    with_it = read(plan_of(lab, WRITE[kind](lab.folder, rows, extra))).corpus
    (lab.folder / "without").mkdir()
    without = read(plan_of(lab, WRITE[kind](lab.folder / "without", rows, NOTHING[kind]))).corpus
    shared = [content(row) for row in with_it][-20:]
    assert shared == [content(row) for row in without]
    assert len(with_it) in (20, 21)


def read(plan: Plan) -> Reading:
    return open_private(read_by_rule(plan.data))


def content(row: Document) -> tuple[str, str | None, str | None]:
    return row.text, row.label, row.user


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
ANY_ROW = st.dictionaries(st.sampled_from(["text", "user", "label"]), VALUES).map(
    lambda r: json.dumps(r).encode()
)
#: How a Parquet file, workbooks, and packed files begin; the last three are whole.
KINDS = (
    b"PAR1",
    b"PK\x03\x04",
    b"\xd0\xcf\x11\xe0",
    b"\x28\xb5\x2f\xfd\x04\0",
    b"\x1f\x8b\x08\0\0\0\0\0",
    gzip.compress(b"tea"),
    bz2.compress(b"tea"),
    lzma.compress(b"tea"),
)
ANY_BYTES = st.tuples(st.sampled_from([b"", *KINDS]), st.binary(max_size=300)).map(
    lambda parts: b"".join(parts).replace(b"\n", b" ")
)


@settings(suppress_health_check=[HealthCheck.too_slow])  # any JSON takes a while on a busy machine
@given(extra=ANY_ROW | ANY_BYTES, rule=st.sampled_from(["drop", "other"]))
@example(extra=b"\x1f\x8b is how packed files begin", rule="drop")
@example(extra=b"\x1f\x8b\x08\x18 with a whole header, and a name that never ends", rule="drop")
@example(extra=b"PAR1 is how a table begins", rule="drop")
@example(extra=b"PK\x03\x04 is how a workbook begins", rule="drop")
@example(extra=gzip.compress(b"a packed file", mtime=0).replace(b"\n", b" "), rule="drop")
@example(extra=b"BZh is how others begin", rule="drop")
@example(extra=b"\xfd7zXZ\0 and these", rule="drop")
@example(extra=b"\x28\xb5\x2f\xfd and these, which are not read", rule="drop")
def test_no_row_at_all_ends_the_reading_or_changes_another(
    tmp_path_factory: pytest.TempPathFactory, extra: bytes, rule: str
) -> None:
    folder = tmp_path_factory.mktemp("any")
    rows = [{"text": "tea", "user": "a", "label": "food"}, {"text": "oil", "user": "b", "label": "drink"}]
    columns: dict[str, Any] = {
        "user": "user",
        "label": "label",
        "labels": ("food", "drink"),
        "unlisted": rule,
    }
    data = DataSection(path=str(in_jsonl(folder, rows, extra)), **columns)
    found = [content(row) for row in open_private(read_by_rule(data)).corpus]
    assert found[-2:] == [("tea", "food", "a"), ("oil", "drink", "b")]
    assert len(found) <= 3


def test_how_many_rows_were_left_out_and_why_is_in_the_private_folder_alone(lab: Lab) -> None:
    screen = Screen()
    path = lab.folder / "data.jsonl"
    rows = [json.dumps(r).encode() for r in lab.rows(220)]
    path.write_bytes(b"\n".join([JSONL["no JSON"], *rows, JSONL["no user"], JSONL["no JSON"]]))
    run = lab.run(plan_of(lab, path), progress=screen)
    assert json.loads((run.path / "private" / "rows.json").read_text()) == {
        "format": "rpsg-rows/1",
        "numbers_are": "line",
        "read": 223,
        "used": 220,
        "left_out": {
            "this is not valid JSON": {"rows": 2, "first": [1, 223]},
            "the user is missing": {"rows": 1, "first": [222]},
        },
        "counted_as_other": {},
    }
    said = [line for line in screen.told if isinstance(line, str) and "private/rows.json" in line]
    assert said == [LEFT_OUT]
    assert not any(sign.isdigit() for sign in LEFT_OUT)


def test_the_command_ends_the_same_way_with_the_row_and_without_it(
    lab: Lab, retell: Retell, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(lab.folder)
    monkeypatch.setattr("rpsg.pipeline.progress.time.monotonic", lambda: 0.0)
    ends: list[tuple[int, str, str]] = []
    for extra in (None, JSONL["a label that is an object"]):
        path = in_jsonl(lab.folder, lab.rows(220), extra)
        (lab.folder / "plan.toml").write_text(plan_of(lab, path).to_toml())
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("RPSG_HOME", str(lab.folder / f"home {len(ends)}"))
            code = main(["run", "--config", "plan.toml", "-o", "out", "--quiet"])
        ends.append((code, *capsys.readouterr()))
        (lab.folder / "out").rename(lab.folder / f"run {len(ends)}")
        retell(read_run(lab.folder / "run 1"))
    assert ends[0] == ends[1]
    assert ends[0][0] == 0


def test_a_plan_that_refuses_unusable_rows_says_that_the_claim_does_not_cover_it(lab: Lab) -> None:
    good = in_jsonl(lab.folder, lab.rows(220), None)
    run = lab.run(plan_of(lab, good, unusable="refuse"))
    assert REFUSED in run.ledger["not_covered"]
    assert run.ledger["privacy_unit"]["unusable_rows"] == "refuse"
    assert all(check.ok for check in verify_ledger(run.ledger))
    silent = {**run.ledger, "not_covered": [line for line in run.ledger["not_covered"] if line != REFUSED]}
    caveats = next(check for check in verify_ledger(silent) if check.name == "caveats")
    assert caveats.ok is False
    bad = in_jsonl(lab.folder, lab.rows(220), JSONL["no user"])
    with pytest.raises(DataError, match="line 1: the user is missing"):
        lab.run(plan_of(lab, bad, unusable="refuse"), "other")


def test_a_file_that_cannot_be_used_at_all_ends_the_run_and_the_claim_says_so(
    lab: Lab, first: Callable[..., Any]
) -> None:
    run, _ = first("jsonl", "drop")
    assert UNREADABLE in run.ledger["not_covered"]
    assert REFUSED not in run.ledger["not_covered"]
    files = {
        "no usable row": (lab.folder / "a.jsonl", row(text="") + b"\n" + row(user=None)),
        "there is no column 'label' for `label`": (lab.folder / "b.jsonl", row(label=...)),
        "not valid CSV": (lab.folder / "c.csv", b'text,user,label\ntea,x,food\n"oil,y,food\n'),
        "not UTF-8": (lab.folder / "d.csv", b"text,user,label\ncaf\xe9,y,food\n"),
    }
    for says, (path, body) in files.items():
        path.write_bytes(body)
        with pytest.raises(DataError, match=says):
            lab.run(plan_of(lab, path), path.suffix)


def test_the_keys_of_a_row_are_not_named_by_a_run(lab: Lab) -> None:
    path = lab.folder / "data.jsonl"
    path.write_bytes(b'{"my diary of that night": "tea", "user": "x", "label": "food"}')
    with pytest.raises(DataError) as caught:
        lab.run(plan_of(lab, path))
    assert "diary" not in str(caught.value)
    assert "rpsg check" in caught.value.hint


def test_a_missing_label_is_no_value_where_labels_are_found_with_noise(lab: Lab) -> None:
    rows = [{**r, "label": None} if i % 2 else r for i, r in enumerate(lab.rows(600))]
    path = in_jsonl(lab.folder, rows, None)
    plan = plan_of(lab, path, labels=(), label="label")
    run = lab.run(plan)
    labels = {record["label"] for record in run.records}
    assert labels <= {"food", "drink"}
    kept = json.loads((run.path / "private" / "rows.json").read_text())
    assert kept["left_out"]["the label is missing"]["rows"] == 300


def test_an_over_long_line_is_passed_over_without_being_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = 1 << 16
    monkeypatch.setattr(lines, "MAX_LINE_BYTES", limit)
    monkeypatch.setattr(lines, "BLOCK", limit >> 4)  # as in truth, it is much smaller than the limit
    text = b'"' + b"tea, oil; " * (10 * limit) + b'"\n'
    for name, body in (("a.jsonl", text + row()), ("a.csv", b"text\n" + text + b"tea")):
        path = tmp_path / name
        path.write_bytes(body)
        tracemalloc.start()
        found = open_private(read_by_rule(DataSection(path=str(path))))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert len(found.corpus) == 1
        assert peak < 20 * limit, name
