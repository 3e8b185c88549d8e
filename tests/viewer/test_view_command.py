"""``rpsg view`` as it is typed."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tomllib
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.viewer.conftest import NEEDED

from rpsg.cli import main
from rpsg.cli.view import ENDED

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/viewer.md").read_text(encoding="utf-8")


@contextmanager
def typed(*words: str | Path) -> Iterator[subprocess.Popen[str]]:
    """The command in a process of its own, which is ended with the block."""
    for package in ("fastapi", "jinja2", "uvicorn"):
        pytest.importorskip(package, reason=NEEDED)
    command = [sys.executable, "-m", "rpsg", "view", *map(str, words)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, text=True, env={**os.environ, "COLUMNS": "200"}, **pipes) as process:  # type: ignore[call-overload]  # the pipes are known
        try:
            yield process
        finally:
            process.kill()


def read_json(process: subprocess.Popen[str]) -> dict[str, object]:
    """The JSON object that the command prints before it serves."""
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line == "}\n":
            break
    found: dict[str, object] = json.loads("".join(lines))["view"]
    return found


def opened(address: str) -> str:
    """The page at the printed address, as somebody with cookies gets it."""
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    with opener.open(address, timeout=30) as answer:
        assert "token" not in answer.geturl()
        return str(answer.read().decode())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_it_is_stopped_and_ends_with_a_sentence(shown: Path, number: int) -> None:
    with typed(shown, "--json", "--port", "0") as process:
        told = read_json(process)
        assert told["folder"] == str(shown)
        address = str(told["address"])
        assert address.startswith(f"http://127.0.0.1:{told['port']}/")
        assert "Runs and comparisons" in opened(address)
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(address.partition("?")[0], timeout=30)
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
        assert (process.returncode, err, out) == (0, f"{ENDED}\n", "")


def test_the_document_can_be_typed(shown: Path, tmp_path: Path) -> None:
    """Its block installs an extra of the package, and then shows a folder that is called runs."""
    ((installed, shows),) = [
        block.splitlines() for block in re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)
    ]
    (extra,) = re.findall(r"pip install '\.\[(\w+)\]'", installed)
    assert extra in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    program, command, folder = shows.split()
    assert (program, command) == ("rpsg", "view")
    (tmp_path / folder).symlink_to(shown)
    with typed(tmp_path / folder, "--json", "--port", "0") as process:
        assert "Runs and releases" in opened(str(read_json(process)["address"]))


def test_the_address_is_printed_for_people(shown: Path) -> None:
    with typed(shown, "--port", "0") as process:
        assert process.stdout is not None
        first, address = process.stdout.readline(), process.stdout.readline().strip()
        assert first == "Open this address in a browser on this machine. Ctrl-C ends the viewer.\n"
        assert "Runs and comparisons" in opened(address)
        token = address.partition("token=")[2]
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
        assert token not in out + err


def test_another_port_is_taken_if_one_is_in_use(shown: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with typed(shown, "--port", str(port)) as process:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith(f"Port {port} is in use, so the viewer listens on ")
            assert str(port) not in line.rpartition(" on ")[2]


def test_requests_are_not_logged_with_their_token(shown: Path) -> None:
    with typed(shown, "--json", "--port", "0") as process:
        address = str(read_json(process)["address"])
        opened(address)
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(f"{address}x", timeout=30)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
        assert address.partition("token=")[2] not in out + err
        assert "GET" not in out + err


@pytest.mark.parametrize("package", ["fastapi", "jinja2", "uvicorn"])
def test_a_missing_package_is_one_sentence_with_the_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, package: str
) -> None:
    if package != "uvicorn":
        pytest.importorskip("uvicorn", reason=NEEDED)
    if package == "jinja2":
        pytest.importorskip("fastapi", reason=NEEDED)
        from rpsg.viewer import render

        render._environment.cache_clear()
    monkeypatch.setitem(sys.modules, package, None)
    assert main(["view", str(tmp_path)]) == 9
    said = capsys.readouterr().err
    assert f"The package {package} is needed here" in said
    assert "pip install 'rpsg[view]'" in said


def test_no_option_chooses_another_address(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["view", "--help"]) == 0
    said = capsys.readouterr().out
    assert "--port" in said
    assert "--host" not in said
    assert main(["view", "--host", "0.0.0.0"]) == 2


@pytest.mark.parametrize("name", ["none", "strict/private"])
def test_a_folder_that_is_not_shown_is_refused(
    shown: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    pytest.importorskip("uvicorn", reason=NEEDED)
    assert main(["view", str(shown / name)]) == 2
    assert "token" not in capsys.readouterr().err


def test_it_opens_the_browser_only_if_asked(
    shown: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("uvicorn", reason=NEEDED)
    from rpsg.viewer.server import Viewer

    seen: list[str] = []
    monkeypatch.setattr("webbrowser.open", seen.append)
    monkeypatch.setattr(Viewer, "serve", Viewer.close)
    assert main(["view", str(shown), "--port", "0"]) == 0
    assert seen == []
    assert main(["view", str(shown), "--port", "0", "--open"]) == 0
    assert seen == [capsys.readouterr().out.split()[-1]]


WATCHED = """
import sys, threading, urllib.request
from pathlib import Path
from opentelemetry import trace

begun = []

class Provider(trace.TracerProvider):
    def get_tracer(self, *words, **more):
        begun.append(words)
        return trace.NoOpTracer()

trace.set_tracer_provider(Provider())
from rpsg.viewer.server import Viewer

viewer = Viewer(Path(sys.argv[1]), 0)
thread = threading.Thread(target=viewer.serve)
thread.start()
opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
print(opener.open(viewer.address).status, len(begun))
viewer.stop()
thread.join()
"""


def test_no_collector_is_told_what_is_looked_at(shown: Path) -> None:
    """FastAPI can report each request to a collector that variables of the environment name."""
    pytest.importorskip("fastapi.telemetry", reason="this version of FastAPI reports nothing")
    telling = {
        "FASTAPI_OTEL_AUTO_CONFIGURE": "true",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9",
    }
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, str(shown)],
        env={**os.environ, **telling},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "200 0\n"), done.stderr
