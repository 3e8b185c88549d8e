"""Ctrl-C while llama.cpp loads weights: the process ends, and waits for no server that never started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from rpsg.models.download import is_present, locate

if TYPE_CHECKING:
    from pathlib import Path

SMALL = "smollm2-135m"
pytestmark = [pytest.mark.weights, pytest.mark.slow]
#: A process that writes until it is stopped; one started in the background would ignore Ctrl-C.
CODE = """
import signal, sys
from pathlib import Path
from rpsg.models.llamacpp.writer import LlamaCppWriter
from rpsg.protocols import Message, Request
signal.signal(signal.SIGINT, signal.default_int_handler)
writer = LlamaCppWriter(Path(sys.argv[1]), slots=2, threads=1)
try:
    print("loading", flush=True)
    writer.write([Request((Message("user", "Tell a long story."),), 900, seed) for seed in range(40)])
except KeyboardInterrupt:
    print("stopped")
"""


@pytest.mark.parametrize("seconds", [0.0, 0.2, 0.5, 1.0])
def test_a_process_ends_when_it_is_stopped_while_weights_load(pulled_models: Path, seconds: float) -> None:
    pytest.importorskip("xllamacpp", reason="needs the extra local")
    if not is_present(SMALL, pulled_models):
        pytest.skip("needs the weights of SmolLM2: make weights")
    command = [sys.executable, "-c", CODE, str(locate(SMALL, pulled_models))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "loading\n"
        time.sleep(seconds)
        os.kill(process.pid, signal.SIGINT)
        try:
            said, errors = process.communicate(timeout=90)
        except subprocess.TimeoutExpired:
            process.kill()
            pytest.fail("it is still there after 90 seconds")
    assert (said, process.returncode) == ("stopped\n", 0), errors
    assert "Traceback" not in errors
