"""An entry for the public registry of differential-privacy deployments, derived from a release's ledger.

It has the format of the registry's files (github.com/opendp/deployments-registry-data, entries of 2026;
arXiv:2509.13509 describes the schema). What a ledger cannot know, such as who publishes and why, is null, for
the publisher to fill in.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from rpsg.errors import RpsgError, UsageError, VerificationError
from rpsg.privacy.claims import not_below
from rpsg.privacy.first_words import shown_claim
from rpsg.privacy.schema import ledger_schema, violations
from rpsg.privacy.sources import NOISY_ANSWER, TOKENS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rpsg.release.reader import Release

_UNITS = {"user": "User-level", "record": "Record-level"}


def deployment(release: Release) -> dict[str, Any]:
    """The entry as JSON values. Of the ledger only the schema is checked; ``rpsg verify`` checks the rest.

    Raises:
        VerificationError: the ledger or the plan of the release cannot be read.
        UsageError: the release makes no claim of differential privacy.
    """
    ledger, about = _claiming(release)
    claim, unit = ledger["claim"], ledger["privacy_unit"]
    slug = re.sub(r"[^a-z0-9]+", "-", about.lower()).strip("-") or "synthetic-texts"
    return {
        "url_slug": slug,
        "status": "Draft",
        "tier": 3,
        "deployment": {
            "basic": {
                "name": f"Synthetic texts: {about}",
                "data_curators": [{"data_curator_name": None, "data_curator_type": None}],
                "description": f"Texts written by a language model. {shown_claim(ledger)}",
                "intended_use": None,
                "data_product_type": "Synthetic data",
                "data_product_region": None,
                "data_product_sector": None,
                "publication_date": None,
            },
            "dp_variant": {
                "variant_name": "Approximate DP",
                "data_domain": "Text files whose rows may have a label and the id of a person; see the "
                "domain of valid inputs in the documentation of RPSG.",
                "unprotected_quantities": _listed(ledger["not_covered"]),
            },
            "privacy_loss": {
                "privacy_unit": _UNITS[unit["unit"]],
                "privacy_unit_details": _neighbours(unit),
                "privacy_parameters": {"epsilon": claim["epsilon"], "delta": claim["delta"]},
                "privacy_parameters_details": _parameters(claim),
            },
            "deployment_model": {
                "model_name": "Central",
                "model_name_details": "The publisher holds the texts and runs the mechanisms on one machine.",
                "actors": _actors(ledger),
                "release_type": "One release",
                "release_type_details": "This entry is about one release. What earlier or later releases "
                "from the same texts cost adds to it.",
                "data_source_type": "Static",
                "access_type": "Non-interactive",
                "access_type_details": "Corpus, noisy answers and ledger are files.",
            },
            "accounting": {
                "post_processing": "Fitting how many texts of each kind to write to the noisy counts, "
                "writing by the language model, filters that read only synthetic text, choosing texts to "
                "match the noisy answers, and scrubbing.",
                "composition": f"Gaussian differential privacy in closed form, mu = {claim['mu']:.6g}; what "
                f"thresholds may fail ({claim['delta_fail']:.3g}) and the error of the sampler "
                f"({ledger['rng']['tv_bound_total']:.3g}) are part of delta.",
            },
            "implementation": {
                "preprocessing_and_hyperparameter_tuning": "Each row alone, by public models; at most "
                f"{unit['max_records_per_unit']} of a unit's rows take part ({unit['bounding']}). All "
                "settings were fixed in a public plan before the texts were read.",
                "mechanisms": _listed([*_mechanisms(ledger), *_code(ledger)]),
                "justification": None,
            },
            "administrative": {"sources": None, "registry_authors": [None]},
        },
    }


def _claiming(release: Release) -> tuple[Mapping[str, Any], str]:
    """The ledger of a release, which must claim differential privacy, and what its texts are about."""
    try:
        ledger = release.ledger
        broken = next(violations(ledger, ledger_schema()), "")
        about = release.plan.corpus.about or release.pack.about
    except (ValueError, RecursionError, RpsgError):
        broken = "a file is missing or does not fit its schema"
    if broken:
        raise VerificationError(
            f"The ledger or the plan of this release cannot be read ({broken}).",
            hint=f"Check it with: rpsg verify {release.path}",
        )
    if "epsilon" not in ledger["claim"]:
        raise UsageError(
            "This release claims no differential privacy, so it does not belong in a registry of such "
            "releases.",
            hint="Its ledger says what it does claim: rpsg report RUN",
        )
    return ledger, about


def missing(entry: Any, path: str = "") -> Iterator[str]:
    """The fields of an entry that the publisher has to fill in."""
    if entry is None:
        yield path
    elif isinstance(entry, dict):
        for key, inner in entry.items():
            yield from missing(inner, f"{path}.{key}" if path else key)
    elif isinstance(entry, list):
        for inner in entry:
            yield from missing(inner, path)


def _listed(lines: list[str]) -> str:
    return "".join(f"- {line}\n" for line in lines)


def _neighbours(unit: Mapping[str, Any]) -> str:
    change = "adding or removing" if unit["adjacency"] == "add_remove" else "replacing"
    what = "all rows of one person" if unit["unit"] == "user" else "one row, whoever wrote it"
    return f"Two data sets are neighbours when one becomes the other by {change} {what}."


def _parameters(claim: Mapping[str, Any]) -> str:
    groups = ", ".join(f"{g} units {not_below(e)}" for g, e in claim["epsilon_group"].items())
    replaced = not_below(claim["epsilon_replace_one"])
    return f"At the same delta, epsilon is {replaced} when one unit is replaced, and for groups: {groups}."


def _actors(ledger: Mapping[str, Any]) -> str:
    lines = ["The publisher, who holds the texts and is trusted with them."]
    if "shards" in ledger["privacy_unit"]:
        lines = [
            "The machines that counted shards: each held its part of the texts, and was trusted with it.",
            "The publisher, who had the exact sums of all parts and is trusted with them.",
        ]
    for line in ledger["egress"]:
        kind = line["endpoint_class"].replace("_", " ")
        lines.append(f"{line.get('model', 'a model')} ({kind}), which was sent: {line['carries']}.")
    lines.append("Readers of the release, who may be adversaries and may know everything else.")
    return _listed(lines)


def _mechanisms(ledger: Mapping[str, Any]) -> Iterator[str]:
    for m in ledger["mechanisms"]:
        if m["kind"] == NOISY_ANSWER:
            noise = f"rounded Gaussian noise, sigma {m['sigma']:.6g}"
            yield f"{m['stage']}: {m['query']}; {noise}, squared sensitivity {m['sensitivity2']:g}"
        elif m["kind"] == TOKENS:
            worth = f"drawn by the exponential mechanism, which costs as much as sigma {m['sigma']:.6g}"
            yield f"{m['stage']}: {m['query']}; {worth}, squared sensitivity {m['sensitivity2']:g}"
        elif m["kind"] == "selection_threshold":
            yield f"{m['stage']}: threshold {m['threshold']}, fails with {m['delta_fail']:.3g}"


def _code(ledger: Mapping[str, Any]) -> Iterator[str]:
    rng, code = ledger["rng"], ledger["code"]
    yield f"noise by {rng['source']}: whole numbers, drawn from the system's random source without floats"
    yield f"rpsg {code['version']}, sources {code['source_sha256']}, Python {code['python']}"
