"""The package as others get it: the same sources give the same bytes, and what is installed works."""

from __future__ import annotations

import re
import sys
import tarfile
import zipfile
from email import message_from_bytes
from typing import TYPE_CHECKING

import pytest
from tests.environments import new_environment
from tests.package.conftest import TREE, called

import rpsg

if TYPE_CHECKING:
    from email.message import Message
    from pathlib import Path

SOURCES = TREE / "src" / "rpsg"
BUILD = ("build.env", "hatchling", "hatch_fancy_pypi_readme", "twine", "check_wheel_contents")
FAKES = ("--writer", "fake", "--embedder", "fake")


@pytest.fixture(scope="module")
def dist(clone: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the source distribution of a clone, and the wheel that was built from it."""
    for package in BUILD:
        pytest.importorskip(package, reason="the tools that build the package are in the group wheel")
    folder = tmp_path_factory.mktemp("dist")
    called(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, clone)
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


@pytest.mark.weights
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_an_installed_wheel_makes_and_verifies_a_release(wheel: Path, tmp_path: Path) -> None:
    """In a new environment, with the packages that the wheel and its extra ask for and no others.

    The demo runs in it as ``make demo`` does, but for the writer, which would take minutes.
    ``test_built_image.py`` does the same from a clone, in an image of a Debian with nothing but its Python.
    """
    programs = new_environment(tmp_path / "env", f"{wheel}[local]")
    (site,) = (tmp_path / "env").glob("lib/python*/site-packages")

    python = programs / "python"
    assert str(site) in called(python, "-c", "import rpsg; print(rpsg.__file__)", PYTHONPATH="")
    inside = tmp_path / "empty"
    inside.mkdir()
    assert "A run can start." in called(programs / "rpsg", "doctor", *FAKES, cwd=inside, PYTHONPATH="")
    demo = TREE / "examples" / "demo" / "demo.py"
    said = called(python, demo, cwd=inside, PYTHONPATH="", WRITER="fake", ROWS="200")
    assert "The claim holds" in said
    corpus = inside / "demo-run-fake" / "release" / "corpus.jsonl"
    assert len(corpus.read_text(encoding="utf-8").splitlines()) == 60
