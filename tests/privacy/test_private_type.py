"""The boundary type gives its content to no one, and only the allow-list has the key."""

from __future__ import annotations

import ast
import copy
import json
import pickle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import rpsg
from rpsg.errors import DataError, PrivacyError
from rpsg.privacy.private import Private, open_private

if TYPE_CHECKING:
    from collections.abc import Callable

SECRET = "the patient in room four"

# Modules outside rpsg.privacy that may open a box. Each one needs a reason on its line.
ALLOWED: tuple[str, ...] = (
    "rpsg.audit.answers",  # what canaries add to noisy answers, for the audit of the next line
    "rpsg.audit.of_run",  # `rpsg audit RUN` attacks a release with its private texts; its outcome is internal
    "rpsg.evaluation.corpora",  # `rpsg evaluate` compares with real texts; its outcome is marked internal
    "rpsg.pipeline.planting",  # public texts, which the same readers wrap: the beginnings of canaries
    "rpsg.pipeline.check",  # `rpsg check` tells the operator which rows cannot be used
)


@pytest.mark.parametrize("show", [str, repr, lambda p: f"{p}", lambda p: f"{p!r:>20}", "{}".format])
def test_no_text_form_shows_the_content(show: Callable[..., Any]) -> None:
    assert SECRET not in show(Private(SECRET))
    assert "<Private>" in show(Private(SECRET))


@pytest.mark.parametrize(
    "use",
    [
        len,
        list,
        bool,
        sorted,
        lambda p: p[0],
        lambda p: "a" in p,
        lambda p: p + "",
        lambda p: p < 1,
        json.dumps,
        pickle.dumps,
        copy.copy,
        copy.deepcopy,
        vars,
        lambda p: [*p],
        lambda p: p.content,
        lambda p: setattr(p, "_private_content", 1),
        lambda p: format(p, ">9"),
    ],
)
def test_no_way_of_using_the_content_by_accident(use: Callable[..., Any]) -> None:
    with pytest.raises((TypeError, AttributeError, PrivacyError)) as caught:
        use(Private(SECRET))
    assert SECRET not in str(caught.value)


def test_two_boxes_with_the_same_content_are_not_equal() -> None:
    assert Private(1) != Private(1)
    content: object = 1
    assert content != Private(1)


def test_map_and_zip_compute_inside_the_box() -> None:
    doubled = Private(3).map(lambda n: 2 * n)
    both = doubled.zip(Private(4), lambda a, b: a + b)
    assert isinstance(both, Private)
    assert open_private(both) == 10


def test_a_failing_step_says_where_and_withholds_the_message() -> None:
    with pytest.raises(PrivacyError, match=r"ValueError in test_private_type.py, line \d+") as caught:
        Private(SECRET).map(lambda text: int(text.strip()))
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_our_own_errors_pass_as_they_are() -> None:
    def refuse(_: str) -> None:
        raise DataError("Row 3 has no text.")

    with pytest.raises(DataError, match="Row 3 has no text"):
        Private(SECRET).map(refuse)


def opens_boxes(source: str) -> bool:
    """Whether a module names the door or the hidden slot, as a name, an attribute, an import or a text."""
    forbidden = {"open_private", "_private_content"}
    for node in ast.walk(ast.parse(source)):
        names = {
            *([node.id] if isinstance(node, ast.Name) else []),
            *([node.attr] if isinstance(node, ast.Attribute) else []),
            *([a.name for a in node.names] if isinstance(node, ast.ImportFrom) else []),
            *([node.value] if isinstance(node, ast.Constant) and isinstance(node.value, str) else []),
        }
        star = isinstance(node, ast.ImportFrom) and node.module == "rpsg.privacy.private" and "*" in names
        if names & forbidden or star:
            return True
    return False


@pytest.mark.parametrize(
    "source",
    [
        "from rpsg.privacy.private import open_private",
        "from rpsg.privacy.private import open_private as harmless",
        "from rpsg.privacy.private import *",
        "import rpsg.privacy.private as p\np.open_private(x)",
        "x._private_content",
        "getattr(x, '_private_content')",
    ],
)
def test_the_watch_sees_every_way_through_the_door(source: str) -> None:
    assert opens_boxes(source)


def test_only_the_allow_list_opens_private_boxes() -> None:
    root = Path(rpsg.__file__).parent
    found = []
    for path in sorted(root.rglob("*.py")):
        module = ".".join(["rpsg", *path.relative_to(root).with_suffix("").parts])
        if not module.startswith("rpsg.privacy.") and opens_boxes(path.read_text()):
            found.append(module)
    assert set(found) <= set(ALLOWED)


def test_inside_the_privacy_package_only_eight_modules_open_boxes() -> None:
    folder = Path(rpsg.__file__).parent / "privacy"
    opening = {p.stem for p in folder.glob("*.py") if opens_boxes(p.read_text())}
    mechanisms = {"private", "mechanisms", "commitment", "unprotected_reads", "replay"}
    of_the_book = {"account", "token_counts"}  # keyed digests of rows, which the book keeps
    of_shards = {"sealed_sums"}  # exact sums, which leave it encrypted for the run alone
    assert opening == mechanisms | of_the_book | of_shards
