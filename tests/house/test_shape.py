"""The shape of the tree: no circles, no large files, and tests that patch no private name."""

from __future__ import annotations

import ast
import re
import subprocess
from collections import defaultdict
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import rpsg

TREE = Path(__file__).parents[2]
ROOT = Path(rpsg.__file__).parent
LARGEST = 1_000_000


def imports() -> dict[str, set[str]]:
    """For each module the modules of this package that it imports anywhere, for types alone too."""
    files = {path: path.relative_to(ROOT.parent).with_suffix("").parts for path in ROOT.rglob("*.py")}
    modules = {".".join(parts).removesuffix(".__init__"): path for path, parts in files.items()}
    found: dict[str, set[str]] = defaultdict(set)
    for name, path in modules.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "rpsg":
                for alias in node.names:
                    inner = f"{node.module}.{alias.name}"
                    found[name].add(inner if inner in modules else str(node.module))
        found[name].discard(name)
    return found


def circles(graph: dict[str, set[str]]) -> set[frozenset[str]]:
    """Groups of modules that reach each other."""
    reached: dict[str, set[str]] = {}
    for start in graph:
        seen, waiting = set[str](), [start]
        while waiting:
            for other in graph.get(waiting.pop(), set()) - seen:
                seen.add(other)
                waiting.append(other)
        reached[start] = seen
    inside = {name for name, its in reached.items() if name in its}
    return {
        frozenset(other for other in inside if other in reached[name] and name in reached[other])
        for name in inside
    }


def test_modules_do_not_import_each_other_in_circles_even_for_types() -> None:
    assert circles(imports()) == set()


def test_the_search_for_circles_finds_one() -> None:
    graph = {"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}
    assert circles(graph) == {frozenset("abc")}
    with pytest.raises(CycleError):
        TopologicalSorter(graph).prepare()
    assert len(imports()["rpsg.api"]) > 3


IMPORTERS = {"import_module", "__import__"}
#: Modules that import by a name which their code computes, and what these names are of.
BY_NAME = {
    # What its own __all__ promises; the imports for types beside it are those that the contract sees.
    "__init__": "a door that opens when it is used",
    "audit.__init__": "a door that opens when it is used",
    "compare.__init__": "a door that opens when it is used",
    "registry": "the tables of models, methods, metrics and attacks, and entry points",
    "release.outward": "packages of others",
}


def imported_by_name(source: str) -> tuple[set[str], bool]:
    """What ``source`` imports by names written in it, up to where they vary; whether it computes any."""
    written, computed = set(), False
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call) or ast.unparse(node.func).split(".")[-1] not in IMPORTERS:
            continue
        name = node.args[0] if node.args else node.keywords[0].value
        first = name.values[0] if isinstance(name, ast.JoinedStr) else name
        if isinstance(first, ast.Constant):
            written.add(str(first.value))
        computed |= not isinstance(name, ast.Constant)
    return written, computed


def test_no_module_imports_another_of_this_package_by_a_name_in_its_code() -> None:
    """The contract about floors reads import statements only."""
    found = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts): imported_by_name(path.read_text("utf-8"))
        for path in ROOT.rglob("*.py")
    }
    own = {module for module, (names, _) in found.items() if any(n.startswith("rpsg") for n in names)}
    assert own == {"__init__"}, "only the door of this package, which is above all floors"
    assert {module for module, (_, computed) in found.items() if computed} == set(BY_NAME)


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('importlib.import_module("rpsg.storage").x', ({"rpsg.storage"}, False)),
        ('import_module(name="rpsg.api")', ({"rpsg.api"}, False)),
        ('__import__("rpsg.api")', ({"rpsg.api"}, False)),
        ('import_module(f"rpsg.{floor}")', ({"rpsg."}, True)),
        ("import_module(name)", (set(), True)),
        ("import rpsg.api", (set(), False)),
    ],
)
def test_imports_by_name_are_found_as_people_write_them(source: str, found: tuple[set[str], bool]) -> None:
    assert imported_by_name(source) == found


def test_no_file_of_the_tree_is_large() -> None:
    """Of what is committed, or would be: a large file stays in every clone for ever."""
    if not (TREE / ".git").exists():
        pytest.skip("this copy of the sources has no history that could grow")
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=TREE, capture_output=True, check=True).stdout.decode().split("\0")
    files = [TREE / name for name in names if name and (TREE / name).is_file()]
    assert len(files) > 300
    assert [file.name for file in files if file.stat().st_size > LARGEST] == []


def test_no_test_patches_a_private_name_by_string() -> None:
    """A rename would break it, and nothing says so before it runs.

    Setting the slot of a private value is no patch: it is what must fail.
    """
    private = re.compile(
        r"""setattr\(\s*["']rpsg[\w.]*\._(?!_)\w+["']|setattr\(\s*[\w.]+,\s*["']_(?!_|private_content)\w+["']"""
    )
    tests = [path for path in sorted((TREE / "tests").rglob("*.py")) if path != Path(__file__)]
    assert len(tests) > 150
    assert [path.name for path in tests if private.search(path.read_text(encoding="utf-8"))] == []


def test_every_exception_from_a_rule_of_style_says_why() -> None:
    bare = re.compile(
        r"# noqa(?!: [A-Z]+[0-9]+(, [A-Z]+[0-9]+)* +(#|-)).*|# type: ignore(?!\[[\w, -]+\]  #).*"
    )
    files = sorted(ROOT.rglob("*.py"))
    assert len(files) > 200
    found = [f"{path.name}: {m.group()}" for path in files for m in bare.finditer(path.read_text("utf-8"))]
    assert found == []


#: Files that are too long. The list may only get shorter.
LONG: set[str] = set()


def test_no_other_file_of_the_sources_has_more_than_300_lines() -> None:
    long = {
        path.relative_to(ROOT).as_posix()
        for path in ROOT.rglob("*.py")
        if len(path.read_text(encoding="utf-8").splitlines()) > 300
    }
    assert long - LONG == set()


def test_at_most_a_dozen_files_are_beside_the_folders() -> None:
    assert len(list(ROOT.glob("*.py"))) <= 12
