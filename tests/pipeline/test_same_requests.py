"""The requests of a strict run follow from the noisy vectors, whoever writes; and every release verifies."""

from __future__ import annotations

import json
import random
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from tests.conftest import Told

from rpsg import api
from rpsg.disk.json_text import canonical_json
from rpsg.models.download import locate
from rpsg.models.fake import FILLER, FakeWriter
from rpsg.pipeline import execute as running
from rpsg.pipeline.models_of_run import load_tools, report_refused_settings
from rpsg.plan import ServerSection
from rpsg.privacy.mechanisms import clean_answer, noisy_histogram
from rpsg.protocols import Silent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.conftest import Lab

    from rpsg.protocols import OnReply, Reply, Request, Writer
    from rpsg.release.run import Run


class Recorder:
    """A writer that keeps the bytes of what it is asked."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self.batches: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._writer, name)

    def write(self, requests: Sequence[Request], on_reply: OnReply | None = None) -> list[Reply]:
        self.batches.append(canonical_json([_plain(request) for request in requests]))
        return self._writer.write(requests, on_reply)


def _plain(request: Request) -> list[Any]:
    messages = [[message.role, message.content] for message in request.messages]
    return [messages, request.max_tokens, request.seed, request.temperature, request.top_p, request.begins]


class Answering(BaseHTTPRequestHandler):
    """A server that speaks the chat API and knows some words."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        words = random.Random(repr(asked["messages"])).choices(FILLER, k=20)
        text = " ".join(words).capitalize() + "."
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
        usage = {"prompt_tokens": len(words), "completion_tokens": 30}
        body = json.dumps({"id": f"r{asked.get('seed')}", "choices": [choice], "usage": usage}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name it has there
        return


@contextmanager
def a_server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/v1"
        finally:
            server.shutdown()
            thread.join()


def tell_seeds_again(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on the kernel answers everything before the sketch as it did for ``run``.

    The sketch is about the texts, and another writer has other ones.
    """
    told, drawn = Told.by(run), noisy_histogram

    def histogram(query: Any, rows: Any, noise: Any) -> Any:
        if query.stage == "sketch":
            return drawn(query, rows, noise)
        clean_answer(query, rows)
        noise.draw(query.sigma, query.dim)  # an answer without noise is not let out
        return told.vectors[query.stage]

    monkeypatch.setattr("rpsg.privacy.kernel.noisy_histogram", histogram)


def write_with(lab: Lab, writer: Writer, name: str, people: str) -> tuple[Run, bytes]:
    """The finished run, and the bytes of its drafts' requests, which follow from the noisy counts alone."""
    rows = {"apple": lab.rows(300, words=lab.apple), "zebra": lab.rows(330, words=lab.zebra, seed=4)}[people]
    model, host = writer.name.partition("@")[0], getattr(writer, "host", "")
    served = (
        {"models": {"writer": model}, "server": {"base_url": f"http://{host}/v1"}} if host else {}
    )  # a plan says where
    plan = lab.plan(lab.file(rows, f"{name}.jsonl"), corpus={"size": 2}, **served)
    recorder = Recorder(writer)
    tools = load_tools(plan, writer=recorder)
    run = running.execute(plan, lab.folder / name, tools=tools)
    _of_the_trial, drafts = recorder.batches
    return run, drafts


def the_same_from_all(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, others: dict[str, Callable[[], Writer]]
) -> list[Run]:
    first, asked = write_with(lab, FakeWriter(), "first", "apple")
    tell_seeds_again(first, monkeypatch)
    runs = [first]
    for name, make in others.items():
        run, again = write_with(lab, make(), name, "zebra")
        assert again == asked, name
        runs.append(run)
    assert len({run.texts for run in runs}) == len(runs)
    for run in runs:
        found = api.verify(run.release)
        assert found.ok, [check for check in found.checks if not check.ok]
    return runs


def test_a_server_is_sent_the_same_bytes_as_a_fake_and_both_releases_verify(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    writers = pytest.importorskip("rpsg.models.openai.writer")
    with a_server() as url:
        runs = the_same_from_all(
            lab, monkeypatch, {"server": lambda: writers.ServerWriter("some", ServerSection(base_url=url))}
        )
    assert "127.0.0.1" in runs[1].summary


@pytest.mark.weights
@pytest.mark.slow
def test_llama_cpp_is_sent_the_same_bytes_as_a_fake_and_both_releases_verify(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rpsg.models.llamacpp.writer import LlamaCppWriter

    monkeypatch.setattr("rpsg.methods.trial.TEXTS", 3)
    writer = LlamaCppWriter(locate("smollm2-135m"), slots=8, context=512)
    try:
        the_same_from_all(lab, monkeypatch, {"llama": lambda: writer})
    finally:
        writer.close()


@pytest.mark.parametrize(
    ("learned", "said"),
    [
        (("no seed",), ["The server refused some settings, so RPSG sent its requests with: no seed."]),
        ((), []),
    ],
)
def test_settings_that_a_server_refused_are_told(learned: tuple[str, ...], said: list[str]) -> None:
    notes: list[str] = []

    class Listening(Silent):
        def note(self, message: str) -> None:
            notes.append(message)

    writer = FakeWriter()
    writer.learned = learned  # type: ignore[attr-defined]  # as a served writer has it
    report_refused_settings(writer, Listening())
    assert notes == said
