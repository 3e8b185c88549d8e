"""What is told in one place: names of files, kinds of mechanisms, names of methods.

Some are told in more places than they should be. Those of today are listed; a list may only get shorter.
"""

from __future__ import annotations

import ast
import re
import sys
from functools import cache
from pathlib import Path

import pytest

import rpsg
from rpsg import registry
from rpsg.storage import layout

ROOT = Path(rpsg.__file__).parent
#: Every name of a file in a folder of ours; names without a suffix are words too.
LAYOUT = sorted(value for name, value in vars(layout).items() if name.isupper() and "." in str(value))
#: What looks like the name of a file, also as a part of a string or of a pattern.
FILE = re.compile(r"[\w*}/-]*[\w*}-]\\?\.(?:jsonl?|csv|parquet|md|html|toml|txt|bin|sqlite|f16|f32|sig)\b")
#: A path into a folder of ours, which is told by the names of its parts.
INSIDE = re.compile(r"(?<![\w-])(?:private|evidence)/[\w*-]")
#: Names that are no part of a run, a release or a comparison, and the modules that may tell them.
OTHER_FILES = {
    # The privacy package lies below storage, so these are told there.
    r"ledger\.sig": "privacy.signing",
    r"\}\\\.json|schema\.json|odometer\.sqlite|AUDIT/private/audit\.html|private/a": "privacy",
    r"first_words\.toml": "privacy.first_words",
    # Inside a domain pack, a plan's own file, and its schema.
    r"(\*?/)?pack\.toml|topics\.txt": "domains|stages|cli|storage.untrusted",
    r"(\w*_)?(system|abstract|candidate|rewrite)\.txt": "domains|stages",
    r"(rpsg|OTHER|FILE)\.toml|schema\.json": "cli|compare",
    r"prices\.toml": "pipeline.cost",
    # Pages, style and script of the viewer.
    r"\w+\.html|viewer\.css|follow\.js": "viewer",
    # Of models, of packages, of the documentation, and examples of what somebody types.
    r"[\w/-]*(config|tokenizer|modules|minilm)\.json|_GroundTruth\.txt|\w+\.jsonl": "models",
    r"/?e5-small-q4\.bin": "models",
    r"entry_points\.txt|data\.jsonl|others\.jsonl": "testing",
    r"docs/[\w-]+\.md|options\.json": "cli|compare.matrix|methods.languages",
    r"(private|pyarrow)\.(csv|parquet)": "arguments",
    r"(notes|reviews|abstracts|some|-lines)\.(csv|jsonl?)": "",
}

#: Where the name of a method is, and where the same word is something else. The lists may only
#: get shorter.
METHOD_NAMES = {
    "strict": {"methods", "methods.strict", "plan.sections"},
    # A row and a column of the table of scores.
    "floor": {
        *("methods", "methods.floor", "storage.layout"),
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


def is_told(module: str, found: str) -> bool:
    """Whether a module may tell what looks like a name of a file."""
    name = found.rpartition("/")[2].replace("\\", "")
    if name in LAYOUT and (name, module) not in {(layout.SIGNATURE, "privacy.signing"), AUDITS}:
        return False
    return any(
        re.fullmatch(pattern, found) and re.match(rf"({where})(\.|$)" if where else "", module)
        for pattern, where in OTHER_FILES.items()
    )


#: A hint that quotes the path of another run's private page.
AUDITS = (layout.AUDIT_PAGE, "privacy.published_audit")


def told_files() -> set[tuple[str, str]]:
    """What looks like the name or the path of a file of ours, with its module."""
    return {
        (module, match.group())
        for module, strings in words().items()
        for string in strings
        for pattern in (FILE, INSIDE)
        for match in pattern.finditer(string)
        if module != "storage.layout"
    }


def test_the_name_of_a_file_is_in_the_layout_alone() -> None:
    """A new one too: whatever looks like a file is in the layout, or in the list above with its reason."""
    untold = {(module, found) for module, found in told_files() if not is_told(module, found)}
    assert untold == set()


@pytest.mark.parametrize(
    ("module", "string"),
    [
        ("pipeline.purge", "those that hold vault.json can still be opened"),
        ("storage.untrusted", r"evidence/vectors\.bin"),
        ("pipeline.people", "figures.json"),
        ("storage.run_identity", "private/stages"),
        ("report.claim", "ledger.sig"),
    ],
)
def test_names_of_files_are_found_within_strings(
    module: str, string: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules[__name__], "words", lambda: {module: {string}})
    assert [found for module, found in told_files() if not is_told(module, found)]


def test_no_file_of_the_private_folder_or_the_evidence_is_named_where_it_is_opened() -> None:
    opened = re.compile(r"\.(?:private_path|evidence_path|vault\.\w+)\(f?[\"'](?!\{)")
    assert [path.name for path in sorted(ROOT.rglob("*.py")) if opened.search(path.read_text("utf-8"))] == []


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
