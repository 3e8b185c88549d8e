"""The command line answers at once, because nothing heavy is imported before it is needed."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

import rpsg

HEAVY = (
    "numpy",
    "onnxruntime",
    "xllamacpp",
    "tokenizers",
    "torch",
    "scipy",
    "pyarrow",
    "opendp",
    "dp_accounting",
    "ray",
    "pandas",
    "cryptography",
    "jinja2",
    "starlette",
    "h11",
    "truststore",
    "sqlite3",
    "ssl",
    "asyncio",
    "multiprocessing",
)


def modules_after(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint('\\n' + ' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize(
    "code", ["import rpsg", "import rpsg.cli", "from rpsg.cli import main; main(['--help'])"]
)
def test_nothing_heavy_is_loaded(code: str) -> None:
    loaded = modules_after(code)
    assert not loaded & {*HEAVY, "pydantic", "rpsg.plan"}
    assert "rpsg" in loaded


def test_explaining_an_epsilon_loads_nothing_heavy() -> None:
    assert not modules_after("from rpsg.cli import main; main(['explain'])") & set(HEAVY)


def test_the_help_comes_in_under_0_4_seconds() -> None:
    """In seconds of processor time, which other programs on a busy machine do not lengthen."""

    def once() -> float:
        before = os.times()
        subprocess.run([sys.executable, "-m", "rpsg.cli", "--help"], check=True, capture_output=True)
        after = os.times()
        return after.children_user + after.children_system - before.children_user - before.children_system

    assert min(once() for _ in range(3)) < 0.4


def test_the_package_can_be_called_as_a_module() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "rpsg", "--version"], check=False, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, f"rpsg {rpsg.__version__}\n")
