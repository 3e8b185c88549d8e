"""What is told in one place: names of files, kinds of mechanisms, names of methods.

Some are told in more places than they should be. Those of today are listed; a list may only get shorter.
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

import rpsg
from rpsg import registry
from rpsg.storage import layout

ROOT = Path(rpsg.__file__).parent
#: The privacy package lies below storage, so the name of the signature is told there too.
LAYOUT = sorted(value for name, value in vars(layout).items() if name.isupper() and "." in str(value))

#: Where the name of a method is, and where the same word is something else. The lists may only
#: get shorter.
METHOD_NAMES = {
    "strict": {"methods", "methods.strict", "plan.sections"},
    # A row and a column of the table of scores.
    "floor": {
        *("methods", "methods.floor"),
        *("cli.evaluate", "evaluation.floor", "report.as_json", "report.scores", "measures"),
    },
    # A section of the plan, and how an evaluation splits its texts.
    "split": {
        *("methods", "methods.split"),
        *("methods.seeded", "release.public_plan", "measures"),
    },
    "augpe": {"methods", "methods.augpe", "plan.methods"},
    "private-prediction": {"methods", "methods.private_prediction", "plan.methods"},
    # A section of the plan, and the sensitivity as the paper has it.
    "paper": {
        *("methods", "methods.paper"),
        *("methods.split", "plan.methods", "release.public_plan", "stages.noisy_choice", "testing.lab"),
    },
    # A section of the plan, and a part of the names of random streams.
    "rupta": {"methods", "methods.rupta", "plan.methods", "release.public_plan", "stages.anonymization"},
    # A section of the plan, and the extra that brings its packages.
    "dpsgd": {
        *("methods", "methods.dpsgd"),
        *(
            "models.transformers.clipped_gradients",
            "plan.methods",
            "privacy.training_account",
        ),
    },
}


@cache
def words() -> dict[str, set[str]]:
    """For each module the strings in its code, docstrings apart."""
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        told = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        found[name] = {
            node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in told
        }
    return found


def saying(word: str) -> set[str]:
    return {module for module, strings in words().items() if word in strings}


@pytest.mark.parametrize("name", LAYOUT)
def test_the_name_of_a_file_is_in_the_layout_alone(name: str) -> None:
    assert saying(name) - {"privacy.signing" if name == layout.SIGNATURE else ""} == {"storage.layout"}


def test_there_are_names_of_files_to_look_for() -> None:
    assert {"corpus.jsonl", "ledger.json", "run.json", "timings.json"} <= set(LAYOUT)


def test_one_module_knows_the_noisy_lines_of_a_ledger_by_their_kind() -> None:
    assert saying("rounded_gaussian") == {"privacy.sources"}


@pytest.mark.parametrize("method", METHOD_NAMES)
def test_no_more_modules_say_the_name_of_a_method(method: str) -> None:
    assert saying(method) - METHOD_NAMES[method] == set()


def test_each_class_has_a_name_of_its_own() -> None:
    """A private one too: a reader who searches for the name finds one class."""
    places: dict[str, list[str]] = {}
    for path in sorted(ROOT.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                places.setdefault(node.name.lstrip("_"), []).append(path.relative_to(ROOT).as_posix())
    assert len(places) > 300
    assert {name: files for name, files in places.items() if len(files) > 1} == {}


def test_every_method_that_ships_is_looked_for() -> None:
    shipped = {name for name, about in registry.names("methods").items() if not about.startswith("from ")}
    assert set(METHOD_NAMES) == shipped
