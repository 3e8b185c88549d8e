"""The package as others get it: the same sources give the same bytes, and what is installed works."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import zipfile
from email import message_from_bytes
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import rpsg

if TYPE_CHECKING:
    from email.message import Message

TREE = Path(__file__).parents[2]
SOURCES = TREE / "src" / "rpsg"
BUILD = ("build.env", "hatchling", "hatch_fancy_pypi_readme", "twine", "check_wheel_contents")
FAKES = ("--writer", "fake", "--embedder", "fake")


def called(*words: str | Path, **variables: str) -> str:
    """What a command prints, when it ends well."""
    done = subprocess.run(
        list(map(str, words)),
        cwd=TREE,
        env={**os.environ, "SOURCE_DATE_EPOCH": "1767225600", "COLUMNS": "200", **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the source distribution, and the wheel that was built from it."""
    for package in BUILD:
        pytest.importorskip(package, reason="the tools that build the package are in the group wheel")
    folder = tmp_path_factory.mktemp("dist")
    called(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, TREE)
    return folder


@pytest.fixture
def wheel(dist: Path) -> Path:
    return next(dist.glob("*.whl"))


def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as packed:
        return message_from_bytes(packed.read(f"rpsg-{rpsg.__version__}.dist-info/METADATA"))


@pytest.mark.slow
def test_the_same_sources_give_the_same_bytes_and_so_does_the_source_distribution(
    dist: Path, wheel: Path, tmp_path: Path
) -> None:
    """The wheel of ``dist`` was built from the source distribution, this one from the tree."""
    called(sys.executable, "-m", "build", "--no-isolation", "--sdist", "--wheel", "--outdir", tmp_path, TREE)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == {
        file.name: file.read_bytes() for file in (wheel, *dist.glob("*.tar.gz"))
    }


@pytest.mark.slow
def test_a_package_index_would_take_it(dist: Path) -> None:
    files = sorted(dist.iterdir())
    called(sys.executable, "-m", "twine", "check", "--strict", *files)
    called(sys.executable, "-m", "check_wheel_contents", *dist.glob("*.whl"))


@pytest.mark.slow
def test_the_wheel_has_every_file_of_the_package_and_the_licence(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as packed:
        names = {name for name in packed.namelist() if not name.endswith("/")}
    own = {f"rpsg/{file.relative_to(SOURCES).as_posix()}" for file in SOURCES.rglob("*") if file.is_file()}
    own = {name for name in own if "__pycache__" not in name}
    assert {"rpsg/py.typed", "rpsg/privacy/ledger.schema.json", "rpsg/cli/options.json"} <= own
    assert {name for name in names if name.startswith("rpsg/")} == own
    about = f"rpsg-{rpsg.__version__}.dist-info"
    files = ("METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE")
    assert names - own == {f"{about}/{name}" for name in files}


@pytest.mark.slow
def test_the_source_distribution_has_what_builds_and_explains_it(dist: Path) -> None:
    with tarfile.open(next(dist.glob("*.tar.gz"))) as packed:
        names = {name.partition("/")[2] for name in packed.getnames()}
    needed = {"pyproject.toml", "LICENSE", "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "Containerfile"}
    assert needed | {"docs/getting-started.md", "docs/conf.py", "tests/conftest.py", "Makefile"} <= names
    assert not [name for name in names if name.startswith((".venv", "runs", "build", ".git/"))]


@pytest.mark.slow
def test_on_the_page_of_an_index_no_link_leads_nowhere(wheel: Path) -> None:
    """An index has no other file of the project, so only whole addresses lead somewhere."""
    about = metadata(wheel)
    page = about.get_payload()
    assert isinstance(page, str)
    assert "## What is claimed, and what is not" in page
    links = re.findall(r"\]\(([^)]+)\)", page)
    assert links == ["https://arxiv.org/abs/2604.07486"]
    assert "<!--" not in page
    assert about["License-Expression"] == "Apache-2.0"
    assert about["Author"]


@pytest.mark.slow
def test_an_installed_wheel_makes_and_verifies_a_release(wheel: Path, tmp_path: Path) -> None:
    """In an environment of its own, which takes only the packages of others from this one."""
    called(sys.executable, "-m", "venv", "--without-pip", tmp_path / "env")
    installer = (sys.executable, "-m", "pip", "--python", tmp_path / "env")
    called(*installer, "install", "--quiet", "--no-deps", "--no-index", wheel)
    (site,) = (tmp_path / "env").glob("lib/python*/site-packages")
    others = [path for path in sys.path if path.endswith("site-packages")]
    (site / "others.pth").write_text("\n".join(others), encoding="utf-8")

    def typed(*words: str) -> str:
        return called(
            tmp_path / "env" / "bin" / "rpsg", *words, PYTHONPATH="", RPSG_HOME=str(tmp_path / "home")
        )

    python = tmp_path / "env" / "bin" / "python"
    assert str(site) in called(python, "-c", "import rpsg; print(rpsg.__file__)", PYTHONPATH="")
    rows = ["text,user", *(f"the tea of person {n} was cold,u{n}" for n in range(300))]
    (tmp_path / "notes.csv").write_text("\n".join(rows), encoding="utf-8")
    assert "verify" in typed("--help")
    assert "A run can start." in typed("doctor", *FAKES)
    run = str(tmp_path / "run")
    typed("run", str(tmp_path / "notes.csv"), "--user", "user", *FAKES, "--size", "10", "-o", run)
    assert "The claim holds" in typed("verify", run)
