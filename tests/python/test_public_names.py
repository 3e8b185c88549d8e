"""What ``import rpsg`` offers: complete, typed, described, and found by completion before it is imported."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
import typing
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from docs.api_reference import PACKAGES, api_page

import rpsg
from rpsg import api, errors

DOCS = Path(__file__).parents[2] / "docs"


def test_every_public_name_is_there_and_is_completed() -> None:
    for name in rpsg.__all__:
        assert getattr(rpsg, name) is not None, name
    assert set(rpsg.__all__) <= set(dir(rpsg))
    assert all(hasattr(rpsg, name) for name in dir(rpsg))


def test_completion_needs_nothing_imported() -> None:
    script = "import rpsg, sys; print(*dir(rpsg)); sys.exit('rpsg.api' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert {"synthesize", "RunError", "Plan", "audit"} <= set(done.stdout.split())


def test_the_names_of_the_packages_are_completed() -> None:
    for package in PACKAGES:
        module = import_module(package)
        assert dir(module) == sorted(module.__all__)
        assert all(getattr(module, name) is not None for name in module.__all__)


def test_attacks_and_comparisons_are_found_without_another_import() -> None:
    script = "import rpsg; print(rpsg.audit.audit.__name__, rpsg.compare.read_matrix.__name__)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["audit", "read_matrix"]


def test_all_functions_and_all_errors_are_exported() -> None:
    functions = {
        name
        for name, found in vars(api).items()
        if inspect.isfunction(found) and found.__module__ == "rpsg.api" and not name.startswith("_")
    }
    kinds = {name for name, found in vars(errors).items() if inspect.isclass(found)}
    assert functions | kinds <= set(rpsg.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'synthesise'"):
        rpsg.synthesise  # noqa: B018  # that is the test


def public() -> list[tuple[str, Any]]:
    """Every function and class, and every method of a class, by its name."""
    found: list[tuple[str, Any]] = []
    for package in ("rpsg", *PACKAGES):
        module = import_module(package)
        found += [(f"{package}.{name}", getattr(module, name)) for name in module.__all__]
    for name, kind in [each for each in found if inspect.isclass(each[1]) and each[0] != "rpsg.Progress"]:
        found += [
            (f"{name}.{member}", getattr(kind, member))
            for member, value in vars(kind).items()
            if not member.startswith("_") and isinstance(value, property | classmethod | staticmethod)
        ]
        found += [
            (f"{name}.{member}", value)
            for member, value in vars(kind).items()
            if not member.startswith("_") and inspect.isfunction(value)
        ]
    return found


@pytest.mark.parametrize(("name", "thing"), public(), ids=[name for name, _ in public()])
def test_every_public_thing_says_what_it_is(name: str, thing: Any) -> None:
    assert len(thing.__doc__ or "") > 15, name


@pytest.mark.parametrize("name", [name for name in rpsg.__all__ if inspect.isfunction(getattr(rpsg, name))])
def test_every_function_is_typed_and_says_which_errors_it_raises(name: str) -> None:
    function = getattr(rpsg, name)
    signature = inspect.signature(function)
    assert signature.return_annotation is not signature.empty
    assert not [p.name for p in signature.parameters.values() if p.annotation is p.empty]
    assert "Error" in (inspect.getdoc(function) or "")


def test_types_are_shipped_and_can_be_read() -> None:
    assert (Path(rpsg.__file__).parent / "py.typed").is_file()
    assert typing.get_type_hints(rpsg.Check)["ok"] is bool


def test_the_page_of_the_reference_is_current() -> None:
    """If this fails: make reference."""
    assert (DOCS / "api.md").read_text(encoding="utf-8") == api_page()


def test_every_public_name_is_on_the_page() -> None:
    page = api_page()
    for name in rpsg.__all__:
        assert re.search(rf"`(\w+\.)*{name}`", page), name
    for package in PACKAGES:
        for name in import_module(package).__all__:
            assert re.search(rf"`(\w+\.)*{name}`", page), name


def test_the_page_names_every_keyword_once() -> None:
    page = api_page()
    for name in rpsg.Keywords.__annotations__:
        assert page.count(f"| `{name}` |") == 1, name
