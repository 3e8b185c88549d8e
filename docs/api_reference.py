"""The page ``docs/api.md``: what ``rpsg``, ``rpsg.audit`` and ``rpsg.compare`` offer, by their docstrings."""

from __future__ import annotations

import dataclasses
import inspect
import re
import textwrap
from importlib import import_module
from typing import TYPE_CHECKING, Any

import rpsg
from rpsg import api
from rpsg.errors import RpsgError
from rpsg.plan import Keywords, Plan, described, toml_value

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PACKAGES = ("rpsg.audit", "rpsg.compare")
_WIDTH = 110
_INTRO = """\
# The Python interface

This page is written by `make reference`.

```python
import rpsg

run = rpsg.synthesize("notes.csv", text="note", user="patient", domain="clinical", epsilon=2, out="run")
rpsg.verify(run)
```

A notebook shows each result as a card, and `print` shows a few lines of it. If you stop a run with Ctrl-C,
the same call resumes it. `examples/notebook/first_steps.ipynb` shows every step.
For logs see [Getting started](getting-started.md#logs), for plug-ins [Extending RPSG](extending.md).

Most functions have the name of their command. These do not:

| command | in Python |
|---|---|
| `rpsg plan` | `rpsg.preview` (`rpsg.make_plan` makes a plan, and `rpsg.plan` is a module) |
| `rpsg preview` | `rpsg.samples` |
| `rpsg run` | `rpsg.synthesize`, or `rpsg.run` for a plan that you made with `rpsg.make_plan` |
| `rpsg doctor` | `rpsg.examine` |

Those of the same name are `rpsg.check`, `rpsg.verify` and `rpsg.evaluate`. For `rpsg audit` and
`rpsg compare` there are [rpsg.audit](#rpsgaudit) and [rpsg.compare](#rpsgcompare).
"""
_KEYWORDS = """\
## Keywords

The keywords are the options of `rpsg run`, with underscores in their names. `synthesize`, `make_plan`,
`preview`, `samples` and `check` accept them. `Keywords` is their type, for code that passes them on. Give a
setting that has no option within its section: `paper={"nll_percentile": 0}`. All settings are listed in
[Settings](settings.md).

| keyword | default | what it is |
|---|---|---|"""


def api_page() -> str:
    """The page as Markdown."""
    lines = [_INTRO, "## Functions", ""]
    functions = [name for name in vars(api) if name in rpsg.__all__ and inspect.isfunction(vars(api)[name])]
    for name in functions:
        lines += _function(f"rpsg.{name}", getattr(rpsg, name))
    lines += [_KEYWORDS, *_keywords(), "", "## Results", ""]
    for name in rpsg.__all__:
        kind = getattr(rpsg, name)
        if name not in functions and not _is_error(kind) and kind is not Keywords:
            lines += _class(name, kind)
    lines += [
        "## Errors",
        "",
        "Each error has a sentence in `message`, the next step in `hint`, and the exit code in `exit_code`.",
        "",
        "| error | exit code | what it is |",
        "|---|---|---|",
    ]
    lines += [
        f"| `{name}` | {getattr(rpsg, name).exit_code} | {_one_line(getattr(rpsg, name))} |"
        for name in rpsg.__all__
        if _is_error(getattr(rpsg, name))
    ]
    for package in PACKAGES:
        lines += ["", *_package(package)]
    return "\n".join(lines).replace("```\n\n```python\n", "\n").rstrip() + "\n"


def _package(package: str) -> list[str]:
    module = import_module(package)
    lines = [f"## {package}", "", *_said(module), ""]
    for name in module.__all__:
        thing = getattr(module, name)
        lines += _function(f"{package}.{name}", thing) if inspect.isfunction(thing) else _class(name, thing)
    return lines[:-1]


def _is_error(thing: Any) -> bool:
    return inspect.isclass(thing) and issubclass(thing, RpsgError)


def _keywords() -> Iterator[str]:
    by_name = {s.option.removeprefix("--").replace("-", "_"): s for s in described(Plan) if s.option}
    for name in Keywords.__annotations__:
        if name in by_name:
            found = by_name[name]
            default = "" if found.default in (None, "", ()) else f"`{toml_value(found.default)}`"
            section = f" Or a dictionary: the section `[{name}]`." if name in Plan.model_fields else ""
            about = found.about.replace("|", "\\|")
            yield f"| `{name}` | {default} | {about}{section} |".replace("  ", " ")
        else:
            yield f"| `{name}` | | A dictionary: the section `[{name}]`. |"


def _function(name: str, function: Any) -> list[str]:
    return [f"### `{name}`", "", "```pyi", *_signature(name, function), "```", "", *_said(function), ""]


def _signature(name: str, function: Any) -> list[str]:
    """The signature on one line or one parameter a line; all settings are ``**settings``."""
    takes_settings = hasattr(function, "__signature__")
    signature = inspect.signature(function)
    hidden = set(Keywords.__annotations__) if takes_settings else set()
    own = [p for p in signature.parameters.values() if p.name not in hidden]
    words = _parameters(own) + (["**settings"] if takes_settings else [])
    line = f"{name}({', '.join(words)}) -> {signature.return_annotation}"
    if len(line) <= 100:
        return [line]
    return [f"{name}(", *(f"    {word}," for word in words), f") -> {signature.return_annotation}"]


def _parameters(parameters: Iterable[inspect.Parameter]) -> list[str]:
    """Each as it is written in a signature, without quotes around its type."""
    words: list[str] = []
    for parameter in parameters:
        if parameter.kind is parameter.KEYWORD_ONLY and not any(word.startswith("*") for word in words):
            words.append("*")
        stars = "*" * (parameter.kind is parameter.VAR_POSITIONAL)
        stars += "**" * (parameter.kind is parameter.VAR_KEYWORD)
        default = "" if parameter.default is parameter.empty else f" = {_literal(parameter.default)}"
        words.append(f"{stars}{parameter.name}: {parameter.annotation}{default}")
    return words


def _literal(default: Any) -> str:
    """A default as it is written; a function has no form that stays the same."""
    return "..." if callable(default) else repr(default)


def _class(name: str, kind: Any) -> list[str]:
    lines = [f"### `{name}`", "", *_said(kind), ""]
    lines += [f"- `{field}: {annotation}`" for field, annotation in _fields(kind)]
    for member, value in vars(kind).items():
        if member.startswith("_"):
            continue
        if isinstance(value, property):
            lines.append(f"- `{member}`: {_one_line(value)}")
        elif inspect.isfunction(value) or isinstance(value, classmethod):
            shown = inspect.signature(getattr(kind, member)).parameters.values()
            words = _parameters(p for p in shown if p.name != "self")
            said = _one_line(value)
            lines.append(f"- `{member}({', '.join(words)})`" + (f": {said}" if said else ""))
    return lines if lines[-1] == "" else [*lines, ""]


def _fields(kind: Any) -> list[tuple[str, str]]:
    if dataclasses.is_dataclass(kind):
        return [(field.name, str(field.type)) for field in dataclasses.fields(kind)]
    if kind is Plan:
        return [(name, f"[{name}]") for name in Plan.model_fields]
    return []


def _one_line(thing: Any) -> str:
    """The first paragraph of a docstring."""
    said = inspect.getdoc(thing) or ""
    return _plain(" ".join(said.partition("\n\n")[0].split()))


def _plain(text: str) -> str:
    return text.replace("``", "`").replace("|", "\\|")


def _said(thing: Any) -> list[str]:
    """A docstring as Markdown: paragraphs, and the arguments as a list."""
    lines: list[str] = []
    for paragraph in (inspect.getdoc(thing) or "").split("\n\n"):
        head, _, rest = paragraph.partition("\n")
        if head in {"Args:", "Raises:"}:
            lines += ["", f"{head.removesuffix(':').replace('Args', 'Arguments')}:", ""]
            lines += [_item(item) for item in re.split(r"\n(?=\S)", textwrap.dedent(rest))]
        elif "import " in paragraph or " = " in paragraph.splitlines()[0]:
            lines += ["", "```python", paragraph, "```"]
        else:
            text = " ".join(paragraph.replace("``", "`").split())
            lines += ["", textwrap.fill(text, _WIDTH, break_on_hyphens=False, break_long_words=False)]
    return lines[1:]


def _item(item: str) -> str:
    name, _, text = " ".join(item.replace("``", "`").split()).partition(": ")
    return textwrap.fill(
        f"- `{name}`: {text}", _WIDTH, subsequent_indent="  ", break_on_hyphens=False, break_long_words=False
    )
