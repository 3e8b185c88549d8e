"""A folder that somebody sends may name servers, variables and places; reading it goes to none of them.

``rpsg verify`` once built the models of the foreign plan, and sent what an environment variable named there
held to a host named there, while all checks passed. ``rpsg evaluate`` did too, to write a floor.
"""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from tests.attacks.forging import added, in_ledger, in_lines, replaced, sealed_again

from rpsg import api
from rpsg.errors import RpsgError, UsageError, VerificationError
from rpsg.release.reader import Release
from rpsg.report.files import write_private, write_public

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.conftest import Lab

    from rpsg.release.run import Run

SECRET = "sk-secret-of-the-reader"  # what must not be sent


class Trap:
    """A server on this machine that keeps what it is sent."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        heard = self.heard

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                heard.append(str(self.headers))
                self.send_response(500)
                self.end_headers()

            do_GET = do_POST  # noqa: N815  # the name that the base class calls

            def log_message(self, *_: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"


@pytest.fixture
def trap(monkeypatch: pytest.MonkeyPatch) -> Iterator[Trap]:
    found = Trap()
    threading.Thread(target=found.server.serve_forever, daemon=True).start()
    for name in ("READERS_SECRET", "OPENAI_API_KEY"):
        monkeypatch.setenv(name, SECRET)
    yield found
    found.server.shutdown()
    found.server.server_close()


def baited(release: Path, url: str, writer: str = "fake") -> None:
    """The plan of a release, and of the run around it, made to lead to the trap."""
    for plan in (release / "evidence" / "plan.toml", release.parent / "plan.toml"):
        if plan.is_file():
            text = plan.read_text(encoding="utf-8")
            text = text.replace('base_url = ""', f'base_url = "{url}"')
            text = text.replace("this_machine = false", "this_machine = true")
            text = text.replace('key_env = "OPENAI_API_KEY"', 'key_env = "READERS_SECRET"')
            text = text.replace('embedder = "fake"', 'embedder = "openai:nomic"')
            plan.write_text(text.replace('writer = "fake"', f'writer = "{writer}"'), encoding="utf-8")


@pytest.fixture
def received(lab: Lab, trap: Trap, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """A whole run folder, private part and all, that somebody else made and that leads to the trap."""
    home = tmp_path / "their-home"
    home.mkdir()
    with monkeypatch.context() as theirs:
        theirs.setenv("RPSG_HOME", str(home))
        run = api.run(lab.plan(lab.file(lab.rows(200)), corpus={"size": 6}), lab.folder / "run")
    baited(run.release, trap.url, "openai:gpt")
    sealed_again(run.release)
    return run


@pytest.mark.parametrize("regenerate", [False, True])
def test_verifying_asks_no_server_and_reads_no_variable(received: Run, trap: Trap, regenerate: bool) -> None:
    for path in (received.path, received.release):
        assert not api.verify(path, regenerate=regenerate).ok
    assert trap.heard == []


def test_the_models_that_a_release_names_are_refused_with_the_way_out(received: Run, trap: Trap) -> None:
    """Also where the rest of the release fits: the plan is one that a run could have had."""
    plan = received.release / "evidence" / "plan.toml"
    plan.write_text(plan.read_text().replace('key_env = "READERS_SECRET"', 'key_env = "OPENAI_API_KEY"'))
    in_ledger(lambda b: b["egress"][-1].update(model="openai:gpt@127.0.0.1"))(received.release)
    sealed_again(received.release)
    found = api.verify(received.path)
    told = "; ".join(check.detail for check in found.checks if not check.ok)
    assert "The embedder of this release is 'openai:nomic'" in told
    assert "--model embedder=" in told
    assert trap.heard == []


def test_evaluating_asks_no_server_and_writes_no_floor(received: Run, trap: Trap, lab: Lab) -> None:
    real = lab.file(lab.rows(40, seed=9), "real.jsonl")
    before = sorted(path for path in received.path.rglob("*"))
    with pytest.raises(VerificationError, match="openai:nomic"):
        api.evaluate(received.path, real)
    report = api.evaluate(received.path, real, embedder="fake", metrics=["word_distance", "fid"])
    assert report.lines
    assert trap.heard == []
    assert sorted(path for path in received.path.rglob("*")) == before


def test_a_report_asks_no_server_and_reads_no_private_file_of_theirs(received: Run, trap: Trap) -> None:
    scores = received.path / "private" / "evaluation-public.json"
    scores.write_text(json.dumps({"format": "rpsg-evaluation/1", "evil": True}))
    write_public(Release(received.release), None)
    with pytest.raises(UsageError, match="began on this machine"):
        write_private(Release(received.release), None)
    assert trap.heard == []


def test_reading_a_run_asks_nobody(received: Run, trap: Trap) -> None:
    assert len(api.read_run(received.path).texts) == 6
    assert trap.heard == []


def test_the_plan_of_a_run_that_began_here_still_counts(lab: Lab) -> None:
    """Whoever made a run does not have to name its models again."""
    run = api.run(lab.plan(lab.file(lab.rows(200)), corpus={"size": 6}), lab.folder / "mine")
    report = api.evaluate(run.path, lab.file(lab.rows(40, seed=9), "real.jsonl"), metrics=["word_distance"])
    assert "floor" in report.sizes


def test_a_plan_changed_after_the_run_began_does_not_count(lab: Lab, trap: Trap) -> None:
    run = api.run(lab.plan(lab.file(lab.rows(200)), corpus={"size": 6}), lab.folder / "mine")
    baited(run.release, trap.url, "openai:gpt")
    with pytest.raises(RpsgError):
        api.evaluate(run.path, lab.file(lab.rows(40, seed=9), "real.jsonl"))
    assert trap.heard == []


STRANGERS = ["leaky", "../leaky", "os:system", "x" * 5000, "\x1b[2J"]


@pytest.mark.parametrize("name", STRANGERS)
def test_a_method_of_another_package_is_not_loaded_for_its_name(
    release_of: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def loaded(_kind: str) -> Any:
        pytest.fail("entry points were looked at")

    monkeypatch.setattr("rpsg.registry.entry_points", loaded)
    release = release_of("floor")
    replaced("evidence/plan.toml", 'name = "floor"', f"name = {json.dumps(name)}")(release)
    in_ledger(lambda b: b.update(method=name))(release)
    sealed_again(release)
    assert not api.verify(release).ok


@pytest.mark.parametrize(
    "words",
    ['file = "../../../secret.txt"', 'file = "/etc/hostname"', 'file = "topics.txt"'],
    ids=["above", "elsewhere", "missing"],
)
def test_a_pack_reads_no_file_outside_of_its_folder(
    release_of: Callable[[str], Path], tmp_path: Path, words: str
) -> None:
    (tmp_path / "secret.txt").write_text("one\ntwo\nthree\n")
    release = release_of("floor")
    replaced("evidence/pack/pack.toml", 'kind = "nearest"', f'kind = "nearest"\n{words}')(release)
    sealed_again(release)
    told = api.verify(release)
    assert not told.ok
    assert "two" not in str(told)


def test_a_description_cannot_ask_for_all_memory(release_of: Callable[[str], Path]) -> None:
    release = release_of("floor")
    replaced("evidence/pack/pack.toml", "a review of {value}", "{value:>99999999999}")(release)
    sealed_again(release)
    assert not api.verify(release).ok


@pytest.mark.parametrize("name", ["evidence/plan.toml", "evidence/pack/pack.toml"])
def test_a_key_of_ten_thousand_parts_is_refused_before_a_reader_of_toml_sees_it(
    release_of: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Such a reader takes the square of their number in memory."""
    monkeypatch.setattr("tomllib.loads", lambda _text: pytest.fail("it was read"))
    release = release_of("floor")
    added(name, "a" + ".a" * 10_000 + " = 1\n")(release)
    sealed_again(release)
    (check,) = api.verify(release).checks
    assert "dots" in check.detail


def test_a_row_that_is_no_row_is_no_traceback(release_of: Callable[[str], Path]) -> None:
    release = release_of("split")
    in_lines("corpus.jsonl", lambda b: b.update(attributes=[1, 2]))(release)
    sealed_again(release)
    assert not api.verify(release).ok
    with pytest.raises(RpsgError):
        api.evaluate(release, metrics=["distinct_1"])
