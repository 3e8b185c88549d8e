"""Finds methods, models, metrics and attacks by name, and imports only what is asked for.

RPSG's own are in a table of each package; those of other packages are entry points in the group
``rpsg.<kind>`` (``rpsg.methods``, ``rpsg.writers``, ...). The name of an entry point is the name to type, and
its value is what the tables hold: "module:attribute".
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from importlib import import_module
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, Literal

from rpsg.arguments import suggestion
from rpsg.errors import ModelError, PlugInError, UsageError
from rpsg.models.plugins import guarded
from rpsg.models.scorer_check import check_scorer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from importlib.metadata import EntryPoint

    from rpsg.models.documents import Form
    from rpsg.plan import ServerSection
    from rpsg.protocols import Classifier, Embedder, Recognizer, Scorer, Writer

Kind = Literal[
    "methods", "writers", "embedders", "classifiers", "scorers", "recognizers", "metrics", "attacks"
]

#: The modules of the tables. They are strings, because some modules are in layers above this one.
TABLES: Mapping[Kind, str] = {
    "methods": "rpsg.methods:METHODS",
    "writers": "rpsg.models.build:WRITERS",
    "embedders": "rpsg.models.build:EMBEDDERS",
    "classifiers": "rpsg.models.build:CLASSIFIERS",
    "scorers": "rpsg.models.build:SCORERS",
    "recognizers": "rpsg.models.build:RECOGNIZERS",
    "metrics": "rpsg.evaluation.metrics:METRICS",
    "attacks": "rpsg.audit.attacks:ATTACKS",
}


def built_in(kind: Kind) -> Mapping[str, tuple[str, str]]:
    """RPSG's own of a kind: name -> ("module:attribute", a line about it)."""
    table: Mapping[str, tuple[str, str]] = _load(TABLES[kind])
    return table


def plugins(kind: Kind) -> list[EntryPoint]:
    """The entry points of other packages for a kind, sorted by name."""
    return sorted(entry_points(group=f"rpsg.{kind}"), key=lambda entry: entry.name)


def names(kind: Kind) -> dict[str, str]:
    """All names of a kind, with a line about each; plug-ins come last."""
    known = {name: about for name, (_, about) in built_in(kind).items()}
    return known | {entry.name: f"from {entry.value.partition(':')[0]}" for entry in plugins(kind)}


def is_known(kind: Kind, name: str) -> bool:
    """Whether there is an entry called ``name``. Plug-ins, which are slow to list, come last here too."""
    return name in built_in(kind) or any(entry.name == name for entry in plugins(kind))


def find(kind: Kind, name: str) -> Any:
    """The function or object called ``name``; UsageError lists the known names."""
    if built := built_in(kind).get(name):
        return _load(built[0])
    for entry in plugins(kind):
        if entry.name == name:
            try:
                return entry.load()
            except (Exception, SystemExit) as error:
                raise at_fault(kind, name, f"cannot be loaded: {type(error).__name__}") from error
    raise unknown(kind, name)


def unknown(kind: Kind, name: str) -> UsageError:
    """The error for a name that nothing has; its hint lists the known names."""
    known = names(kind)
    return UsageError(
        f"There is no {kind.removesuffix('s')} {name!r}.",
        hint=f"{suggestion(name, known)}Use one of: {', '.join(known)}.",
    )


def is_plain(name: str) -> bool:
    """Whether ``name`` looks like the name of an entry, not like a path, a file or a MODEL of a server."""
    return not ({"/", ":"} & set(name) or name.endswith(".gguf"))


def at_fault(kind: Kind, name: str, what: str) -> PlugInError:
    """The error for a plug-in that fails: its name, its package, and what to do."""
    entry = next((entry for entry in plugins(kind) if entry.name == name), None)
    if entry is None:
        is_ours = name in built_in(kind)
        hint = (
            "This is a bug in RPSG. Please report the line above."
            if is_ours
            else "Repair or replace this plug-in."
        )
        return PlugInError(f"The {kind.removesuffix('s')} {name!r} {what}.", hint=hint)
    package, _ = _package_of(entry)
    return PlugInError(
        f"The {kind.removesuffix('s')} {name!r} ({entry.value}, from the package {package}) {what}.",
        hint=f"Repair that package, or remove it: pip uninstall {package}",
    )


def extension(kind: Kind, name: str) -> dict[str, str] | None:
    """Kind, name, package and version, as a ledger names a plug-in; None if it is RPSG's own."""
    if name in built_in(kind):
        return None
    entry = next((entry for entry in plugins(kind) if entry.name == name), None)
    if entry is None:
        return None
    package, version = _package_of(entry)
    told = {"kind": kind.removesuffix("s"), "name": name, "package": package, "version": version}
    # `rpsg verify` prints these words, so a ledger has only short ASCII ones, whatever a package is called.
    return {key: ascii(word[:60])[1:-1] or "unknown" for key, word in told.items()}


def is_own(kind: Kind, name: str) -> bool:
    """Whether ``name`` is RPSG's own, so that no plug-in of another package is used for it.

    The name of a writer or an embedder may be a path; the name of a writer may also be a GGUF file.
    """
    is_path = kind in {"writers", "embedders"} and "/" in name
    is_weights = kind == "writers" and (name.startswith("hf:") or name.endswith(".gguf"))
    return is_path or is_weights or name in built_in(kind) or _formed(kind, name) is not None


def _package_of(entry: EntryPoint) -> tuple[str, str]:
    """Name and version of the package of an entry point; without metadata, the name of its module."""
    if entry.dist is None:
        return entry.module.partition(".")[0], "unknown"
    return entry.dist.name, entry.dist.version


def _build(kind: Kind, entry: str, *given: Any, **settings: Any) -> Any:
    """What the function called ``entry`` builds; a model of another package is checked when it is used."""
    build = find(kind, entry)
    if entry in built_in(kind):
        return build(*given, **settings)
    return guarded(kind, lambda: build(*given, **settings), partial(at_fault, kind, entry))


def _load(where: str) -> Any:
    module, _, attribute = where.partition(":")
    return getattr(import_module(module), attribute)


def hint_of_server(kind: Kind, name: str, server: ServerSection | None) -> str:
    """How to name a model of the server whose address is given; "" if no address is, or no such model can be
    on a server.
    """
    if server is None or not server.base_url or kind not in {"writers", "embedders"}:
        return ""
    return f" If it is a model of the server at --base-url, write --{kind.removesuffix('s')} openai:{name}"


@contextmanager
def _or_of_server(kind: Kind, name: str, server: ServerSection | None) -> Iterator[None]:
    """Adds to the hint of an error within the block how to name a model of the server."""
    try:
        yield
    except (UsageError, ModelError) as error:
        error.hint += hint_of_server(kind, name, server)
        raise


def writer(
    name: str,
    *,
    slots: int | None = None,
    threads: int | None = None,
    context: int | None = None,
    form: Form = "auto",
    server: ServerSection | None = None,
) -> Writer:
    """The writer called ``name``; a path or a hub id of a GGUF file is run with llama.cpp.

    ``openai:MODEL`` and ``azure:DEPLOYMENT`` are models of ``server``; there ``form`` chooses the API. The
    writer of a plug-in gets ``form`` only if it is not "auto".
    """
    if served := _served(name):
        if server is not None and form != "auto":
            server = server.model_copy(update={"api": "completions" if form == "text" else "chat"})
        on_server: Writer = _build("writers", served, name, server)
        return on_server
    entry = _formed("writers", name) or name
    if entry not in built_in("writers") and is_own("writers", name):
        entry = "gemma-3-270m"  # its builder runs any GGUF file
    more = {} if form == "auto" else {"form": form}
    with _or_of_server("writers", name, server):
        made: Writer = _build("writers", entry, name, slots=slots, threads=threads, context=context, **more)
    return made


def _served(name: str) -> str | None:
    """The entry for a model on a server; None for all others."""
    return {"openai": "openai:MODEL", "azure": "azure:DEPLOYMENT"}.get(name.partition(":")[0])


def _formed(kind: Kind, name: str) -> str | None:
    """The entry such as ``transformers:NAME`` that covers ``transformers:gpt2``; None if there is none."""
    form, colon, what = name.partition(":")
    if not (colon and what):
        return None
    known = (entry for entry in built_in(kind) if entry == form or entry.startswith(f"{form}:"))
    return next(known, None)


def embedder(name: str, *, threads: int | None = None, server: ServerSection | None = None) -> Embedder:
    """The embedder called ``name``; the folder of an ONNX embedder is run with onnxruntime.

    ``openai:MODEL`` and ``azure:DEPLOYMENT`` are models of ``server``.
    """
    if served := _served(name):
        on_server: Embedder = _build("embedders", served, name, server)
        return on_server
    entry = _formed("embedders", name) or ("minilm" if "/" in name else name)
    with _or_of_server("embedders", name, server):
        made: Embedder = _build("embedders", entry, name, threads=threads)
    return made


def sentiment(of: Embedder, name: str | None = None, *, threads: int | None = None) -> Classifier:
    """The sentiment classifier called ``name``; without a name the one that fits the embedder."""
    wanted = name or "sentiment"
    entry = _formed("classifiers", wanted) or wanted
    made: Classifier = _build("classifiers", entry, of, wanted, threads=threads)
    return made


def scorer(name: str, *, threads: int | None = None) -> Scorer:
    """The scorer called ``name``, checked; ModelError when its scores are not those of a language model."""
    made: Scorer = _build("scorers", _formed("scorers", name) or name, name, threads=threads)
    if name != "fake":  # the fake scores words one by one, so it would fail the check of word order
        check_scorer(made)
    return made


def recognizer(name: str, *, model: str = "") -> Recognizer:
    """The recognizer called ``name``; ``model`` finds names of people for it, if it uses one."""
    made: Recognizer = _build("recognizers", name, name, model=model)
    return made
