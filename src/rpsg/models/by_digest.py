"""Which models a release of somebody else may call by name: those whose weights are known here by digest.

Any other name leads to a place that its author chose: a server, a folder, a repository of a hub, a stranger's
package. Whoever verifies names such a model himself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rpsg.errors import VerificationError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from rpsg.plan import Plan

#: By role. The fakes have no weights; a vocabulary of static vectors is made from the default embedder.
KNOWN = {
    "writer": frozenset({"gemma-3-270m", "qwen2.5-coder-0.5b", "qwen2.5-coder-1.5b", "smollm2-135m", "fake"}),
    "embedder": frozenset({"minilm", "int8", "static", "fake"}),
    "sentiment": frozenset({"sentiment", "vader"}),
    "scorer": frozenset({"smollm2-135m", "fake"}),
}
_SHOWN = 60


def check_known(
    plan: Plan, roles: Iterable[str], named: Collection[str] = (), plugins: Collection[str] = ()
) -> None:
    """See that the models of a foreign plan may be opened.

    Args:
        plan: the plan with the caller's own models in it.
        roles: the models that will be opened.
        named: roles whose model the caller named.
        plugins: names of strangers' models that the caller allows.

    Raises:
        VerificationError: the plan names another model; it says how to name one's own.
    """
    for role in roles:
        name = getattr(plan.models, role)
        if name is None or role in named or name in KNOWN[role] or name in plugins:
            continue
        shown = ascii(name if len(name) <= _SHOWN else f"{name[:_SHOWN]}...")
        raise VerificationError(
            f"The {role} of this release is {shown}, which is not a model that is known here by its digest. "
            "A release may not say what is opened, so nothing was.",
            hint=f"If you have it and trust it, say where: --model {role}=PATH (or any name you would type).",
        )
