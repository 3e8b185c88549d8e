"""No library under a model reports to its maker: not over the network, and not into a queue on the disk.

onnxruntime does so by default, with a device id in the home folder and counts of calls, one for each text.
Each kind of model works here in a process of its own, with new home and temporary folders. Any connection
that leaves the machine is refused and noted by a hook of Python; where strace works it also notes those of
C++ code, of which Python knows nothing. The name of each test says which of the two watched.
"""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import rpsg
from rpsg import hardening as silence
from rpsg import registry
from rpsg.errors import PrivacyError
from rpsg.models.onnx import session as onnx_session

if TYPE_CHECKING:
    from collections.abc import Callable

SOURCES = Path(rpsg.__file__).parent
TREE = Path(__file__).parents[2]
#: Refuses and notes what Python sends off this machine, then does the work.
GUARD = """
import sys
NOTES = open(sys.argv[1], "a", buffering=1)
def watch(event, told):
    if event == "socket.getaddrinfo" and told[0] not in (None, "", "localhost", "127.0.0.1", "::1"):
        NOTES.write(f"look-up of {told[0]}\\n")
        raise OSError("no network here")
    if event in ("socket.connect", "socket.sendto") and isinstance(told[1], tuple):
        if not str(told[1][0]).startswith("127.") and told[1][0] not in ("::1", "localhost"):
            NOTES.write(f"{event} to {told[1][0]}\\n")
            raise OSError("no network here")
sys.addaudithook(watch)
TEXTS = ["Write to jane.doe@mail.example.org today.", "the tea was good", "the box was bad", ""]
"""
ASK = """
from rpsg.protocols import Message, Request
requests = [Request((Message("user", text),), 8, seed=k) for k, text in enumerate(["good tea", "bad tea"])]
assert all(reply.finish != "error" for reply in writer.write(requests))
"""


@dataclass(frozen=True)
class Kind:
    """How a kind of model is put to work, the package it needs, and what makes its weights."""

    work: str
    needs: str = ""
    weights: str = ""
    covers: tuple[str, ...] = ()


def _embedding(name: str) -> str:
    return f"from rpsg import registry\nassert registry.embedder({name}).embed(TEXTS).any()\n"


KINDS = {
    "minilm": Kind(_embedding('"minilm"'), "onnxruntime", covers=("embedders minilm",)),
    "int8": Kind(_embedding('"int8"'), "onnx", covers=("embedders int8",)),
    "static": Kind(_embedding('"static:" + FOLDER'), "safetensors", "table", ("embedders static",)),
    "letters": Kind(_embedding('"letters"'), covers=("embedders letters",)),
    "e5-small": Kind(_embedding('"e5-small"'), "tokenizers", covers=("embedders e5-small",)),
    "gguf embedder": Kind(
        _embedding('"gguf:" + FOLDER + "/bert.gguf"'), "gguf", "bert_gguf", ("embedders gguf:FILE",)
    ),
    "sentence-transformers": Kind(
        _embedding('"st:" + FOLDER'), "sentence_transformers", "encoder", ("embedders st:NAME",)
    ),
    "sentiment": Kind(
        "from rpsg import registry\nembedder = registry.embedder('minilm')\n"
        "registry.sentiment(embedder).classify(TEXTS, embedder.embed(TEXTS))\n",
        "onnxruntime",
        covers=("classifiers sentiment",),
    ),
    "llama.cpp": Kind(
        f"from rpsg import registry\nwriter = registry.writer('smollm2-135m', slots=2, context=256)\n{ASK}"
        "writer.close()\n",
        "xllamacpp",
        covers=(
            *("writers gemma-3-270m", "writers smollm2-135m"),
            *("writers qwen2.5-coder-0.5b", "writers qwen2.5-coder-1.5b"),
        ),
    ),
    "transformers writer": Kind(
        f"from rpsg import registry\nwriter = registry.writer('transformers:' + FOLDER, context=128)\n{ASK}",
        "transformers",
        "causal",
        ("writers transformers:NAME",),
    ),
    "transformers scorer": Kind(
        "from rpsg.models.transformers.scorer import TransformersScorer\n"
        "assert TransformersScorer(FOLDER).score(TEXTS)\n",
        "transformers",
        "causal",
        ("scorers transformers:NAME", "scorers smollm2-135m"),
    ),
    "transformers classifier": Kind(
        "from rpsg.models.transformers.classifier import TransformersSentiment\n"
        "import numpy\nTransformersSentiment(FOLDER).classify(TEXTS, numpy.zeros((4, 2), 'f4'))\n",
        "transformers",
        "classifier",
        ("classifiers transformers:NAME",),
    ),
    "summariser": Kind(
        "from rpsg.models.transformers.summarizer import Seq2SeqSummarizer\n"
        "assert Seq2SeqSummarizer(FOLDER).summarize(\n"
        "    TEXTS[1:3], count=2, least=2, most=6, sampled=False, seed=0)\n",
        "transformers",
        "bart",
    ),
    "surrogate": Kind(
        "from rpsg.models.transformers.surrogate import FineTuned\n"
        "assert FineTuned(FOLDER, epochs=1).train(TEXTS[1:3] * 4, 7).score(TEXTS[:2])\n",
        "transformers",
        "encoder",
    ),
    "vader": Kind(
        "from rpsg.models.sentiment import VaderSentiment\n"
        "import numpy\nVaderSentiment().classify(TEXTS, numpy.zeros((4, 2), 'f4'))\n",
        "vaderSentiment",
        covers=("classifiers vader",),
    ),
    "presidio and spaCy": Kind(
        "from rpsg.models.pii import PresidioRecognizer\nassert PresidioRecognizer().find(TEXTS)[0]\n",
        "presidio_analyzer",
    ),
    "patterns": Kind(
        "from rpsg.models.pii import PatternRecognizer\nassert PatternRecognizer().find(TEXTS)[0]\n"
    ),
    "opendp noise": Kind(
        "from rpsg.privacy.noise import OpenDPNoise\nassert len(OpenDPNoise().draw(3.0, 5)) == 5\n", "opendp"
    ),
    "pyarrow": Kind(
        "from rpsg.storage.readers import read_corpus\nread_corpus(FOLDER + '/texts.parquet')\n",
        "pyarrow",
        "parquet",
    ),
}
#: Those that import PyTorch, which takes most of their time, are put to work in one process.
TOGETHER = [name for name in KINDS if name.startswith(("sentence-", "transformers ", "summ", "surr"))]
#: Built-in models that need no library, or are asked for on a server that the plan names.
NO_LIBRARY = {"fake", "openai:MODEL", "azure:DEPLOYMENT"}
#: What may be left: an empty folder that torch makes when it is imported. Anything in it would be found.
ALLOWED = re.compile(r"tmp/torchinductor_[^/]+")


def make_table(folder: Path) -> None:
    import numpy as np
    from safetensors.numpy import save_file
    from tokenizers import Tokenizer, models, pre_tokenizers

    tokenizer = Tokenizer(models.WordPiece({"[PAD]": 0, "[UNK]": 1, "the": 2, "tea": 3}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))
    save_file({"embeddings": np.eye(4, dtype=np.float32)}, folder / "model.safetensors")


def make_bert_gguf(folder: Path) -> None:
    from tests.models.local.bert_gguf import write_bert_gguf

    from rpsg.models.download import models_folder

    write_bert_gguf(models_folder() / "minilm-torch", folder / "bert.gguf")


def make_parquet(folder: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"text": ["good tea", "bad tea"]}), folder / "texts.parquet")


def make_bart(folder: Path) -> None:
    from tests.models.test_summarizer import bart_in

    bart_in(folder)


def made(kind: Kind, folder: Path) -> None:
    """Write the weights that ``kind`` wants into ``folder``."""
    folder.mkdir()
    own: dict[str, Callable[[Path], None]] = {
        "table": make_table,
        "bert_gguf": make_bert_gguf,
        "parquet": make_parquet,
        "bart": make_bart,
    }
    if kind.weights in own:
        own[kind.weights](folder)
    elif kind.weights:
        from tests.models.local import tiny

        getattr(tiny, f"{kind.weights}_folder")(folder)


@cache
def strace() -> str | None:
    """The program that sees what C++ code asks of the system, where it is installed and allowed to."""
    found = shutil.which("strace")
    if found is None:
        return None
    tried = subprocess.run([found, "-f", "-e", "trace=none", "true"], capture_output=True, check=False)
    return found if tried.returncode == 0 else None


def left_in(folder: Path) -> list[str]:
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*"))


def sent_away(trace: Path) -> list[str]:
    """The lines of a trace in which something is sent to another machine; a local server is not one."""
    lines = trace.read_text(errors="replace").splitlines() if trace.exists() else []
    away = re.compile(r"\b(connect|sendto|sendmsg|sendmmsg)\(.*AF_INET")
    here = re.compile(r'"127\.[\d.]+"|"::1"|"0\.0\.0\.0"')
    return [line for line in lines if away.search(line) and not here.search(line)]


@dataclass(frozen=True)
class Seen:
    """What was noticed of a process."""

    code: int
    errors: str
    files: list[str]
    sent: list[str]


def watched(work: str, place: Path, **environment: str) -> Seen:
    """What a process that does ``work`` sends, and what it leaves in its home, temporary and own folder."""
    names = {
        "HOME": "home",
        "TMPDIR": "tmp",
        "XDG_CACHE_HOME": "home/cache",
        "XDG_CONFIG_HOME": "home/config",
    }
    names |= {"XDG_DATA_HOME": "home/data", "XDG_STATE_HOME": "home/state"}
    for name in ("home", "tmp", "work"):
        (place / name).mkdir()
    variables = {name: str(place / folder) for name, folder in names.items()}
    variables |= {"PATH": os.environ["PATH"], "RPSG_HOME": os.environ["RPSG_HOME"]}
    variables |= {"PYTHONPATH": str(SOURCES.parent), "PYTHONDONTWRITEBYTECODE": "1", **environment}
    notes, trace, program = place / "notes", place / "trace", place / "program.py"
    program.write_text(GUARD + work)
    command = [sys.executable, str(program), str(notes)]
    if tracer := strace():
        calls = "trace=connect,sendto,sendmsg,sendmmsg"
        command = [tracer, "-f", "-qq", "--seccomp-bpf", "-e", calls, "-o", str(trace), *command]
    done = subprocess.run(
        command, cwd=place / "work", env=variables, capture_output=True, text=True, timeout=300, check=False
    )
    sent = notes.read_text().splitlines() + sent_away(trace)
    files = [f"{name}/{file}" for name in ("home", "tmp", "work") for file in left_in(place / name)]
    return Seen(done.returncode, done.stderr, [file for file in files if not ALLOWED.fullmatch(file)], sent)


@pytest.mark.weights
@pytest.mark.parametrize("watcher", ["strace" if strace() else "python alone"])
@pytest.mark.parametrize(
    "names", [*([name] for name in KINDS if name not in TOGETHER), TOGETHER], ids=", ".join
)
def test_a_model_at_work_sends_nothing_and_leaves_nothing(
    names: list[str], watcher: str, tmp_path: Path
) -> None:
    work = ""
    for number, kind in enumerate(KINDS[name] for name in names):
        if kind.needs:
            pytest.importorskip(kind.needs, reason=f"{kind.needs} is not installed")
        weights = tmp_path / f"weights-{number}"
        made(kind, weights)
        work += f"FOLDER = {str(weights)!r}\n{kind.work}"
    seen = watched(work, tmp_path)
    assert seen.code == 0, seen.errors
    assert seen.sent == [], watcher
    assert seen.files == [], watcher


def test_every_built_in_model_is_among_them() -> None:
    tried = {name for kind in KINDS.values() for name in kind.covers}
    sorts: tuple[registry.Kind, ...] = ("writers", "embedders", "classifiers", "scorers")
    there = {f"{sort} {name}" for sort in sorts for name in registry.built_in(sort) if name not in NO_LIBRARY}
    assert tried == there


def test_without_the_switch_the_watch_sees_that_onnxruntime_leaves_a_queue(tmp_path: Path) -> None:
    """The watch can fail: this is what onnxruntime does when it is left alone."""
    library = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    if tuple(map(int, library.__version__.split(".")[:2])) < (1, 31):
        pytest.skip("this onnxruntime is from before its maker's telemetry")
    nowhere = dict.fromkeys(("https_proxy", "HTTPS_PROXY", "all_proxy"), "http://127.0.0.1:9")
    seen = watched("import onnxruntime\n", tmp_path, **nowhere)
    assert any("onnxruntime.db" in file for file in seen.files), seen.errors


def test_only_one_module_opens_onnxruntime() -> None:
    found = {
        str(file.relative_to(SOURCES))
        for file in SOURCES.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if any(name.split(".")[0] == "onnxruntime" for name in names_imported(node))
    }
    assert found == {"models/onnx/session.py"}


def names_imported(node: ast.AST) -> list[str]:
    """The modules that a statement, or a call such as ``import_module("name")``, imports."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return [node.module or ""]
    if isinstance(node, ast.Call):
        called = getattr(node.func, "id", getattr(node.func, "attr", ""))
        given = [a.value for a in node.args[:1] if isinstance(a, ast.Constant) and isinstance(a.value, str)]
        return given if called in {"import_module", "__import__"} else []
    return []


@pytest.mark.parametrize("first", ["rpsg", "rpsg.models.onnx.session", "rpsg.evaluation.metrics.fine_tuning"])
def test_importing_any_part_of_rpsg_sets_every_switch_and_children_inherit_it(first: str) -> None:
    clean = {n: v for n, v in os.environ.items() if n not in switches()} | {"PYTHONPATH": str(SOURCES.parent)}
    child = f"import os; print([os.environ.get(n) for n in {sorted(switches())}])"
    program = (
        f"import {first}, subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}], check=True)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env=clean, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == str(["1"] * len(switches()))


def switches() -> set[str]:
    return {name for variables in silence.SWITCHES.values() for name in variables}


def test_an_onnxruntime_that_was_opened_with_its_switch_on_is_not_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", object())
    monkeypatch.setattr(silence, "opened_before", set())
    monkeypatch.setenv("ORT_DISABLE_TELEMETRY", "0")
    with pytest.raises(PrivacyError, match="imported before rpsg"):
        onnx_session.silent_onnxruntime()
