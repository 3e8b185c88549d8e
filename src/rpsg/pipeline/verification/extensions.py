"""Whether the ledger of somebody else's release names the package of each method and model from a plug-in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rpsg import registry
from rpsg.errors import VerificationError
from rpsg.pipeline.ledger_facts import named_models
from rpsg.privacy.claims import FIRST_FORM
from rpsg.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rpsg.plan import Plan


def check_package_of_method(plan: Plan, ledger: Mapping[str, Any]) -> None:
    """Check that the ledger names the method's package if, and only if, the method is not RPSG's own."""
    told = [e["name"] for e in ledger["code"].get("extensions", ()) if e["kind"] == "method"]
    name = plan.method.name
    named = [] if name in registry.built_in("methods") else [ascii(name[:60])[1:-1]]
    if told != named and ledger["code"]["version"] not in FIRST_FORM:
        raise VerificationError("The ledger does not say which package its method comes from.")


def check_packages_of_models(plan: Plan, ledger: Mapping[str, Any]) -> None:
    """Check that the ledger names a package for each model that RPSG does not find by the name in the plan.

    The plug-in need not be installed for this. Another version of RPSG may have models of its own that this
    one does not know, so this is not checked in releases of other versions. Of a path, the plan has only the
    last part, and the name of a model that was read from that path contains this part.
    """
    if ledger["code"]["version"] != VERSION:
        return
    told = {(e["kind"], e["name"]) for e in ledger["code"].get("extensions", ())}
    models = [str(line["name"]) for line in ledger["public_inputs"]]
    for kind, name in named_models(plan):
        what, short = kind.removesuffix("s"), ascii(name[:60])[1:-1]
        from_place = any(f":{stem}@" in model for model in models for stem in (name, Path(name).stem))
        if not (registry.is_own(kind, name) or from_place or (what, short) in told):
            raise VerificationError(f"The ledger does not say which package its {what} {short} comes from.")
