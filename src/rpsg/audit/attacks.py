"""The names of RPSG's own attacks, and where they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

#: name -> ("module:attribute", a line about it). An attack maps a ``Subject`` to a ``Finding``; those of
#: other packages come from the entry points ``rpsg.attacks``.
ATTACKS: Mapping[str, tuple[str, str]] = {
    "ppl": ("rpsg.audit.membership:ppl", "texts that are likely under a model of the corpus"),
    "refer": (
        "rpsg.audit.membership:refer",
        "texts that are more likely under a model of the corpus than under a general one",
    ),
    "lira": ("rpsg.audit.membership:lira", "likelihood ratios, ranked among those of other texts"),
    "neighbours": (
        "rpsg.audit.membership:neighbours",
        "texts that are more likely than slightly changed ones",
    ),
    "zlib": (
        "rpsg.audit.membership:compressed",
        "texts that are more likely than their compressed size suggests",
    ),
    "passage": ("rpsg.audit.membership:passage", "texts with a passage that only the corpus makes likely"),
    "echo-pairs": ("rpsg.audit.echo:echo_pairs", "texts whose pairs of words are frequent in the corpus"),
    "echo-similarity": (
        "rpsg.audit.echo:echo_similarity",
        "texts that share words with the 25 synthetic texts nearest to them",
    ),
    "phantom": ("rpsg.audit.phantom:phantom", "words in the corpus that only one person used"),
    "copies": ("rpsg.audit.copies:copies", "fifty characters in a row that only one person wrote"),
    "near-copies": (
        "rpsg.audit.copies:near_copies",
        "texts that share most runs of three words with a synthetic text",
    ),
    "identities": (
        "rpsg.audit.identities:identities",
        "addresses, numbers and accounts that only one person has",
    ),
    "names": ("rpsg.audit.identities:names", "names of people that only one person wrote"),
    "closest": ("rpsg.audit.embedding:closest", "texts whose embedding is close to that of a synthetic text"),
    "closest-ratio": (
        "rpsg.audit.embedding:closest_ratio",
        "texts that are much nearer to one synthetic text than to the next",
    ),
    "extraction": ("rpsg.audit.canaries:extraction", "ends of planted canaries that occur in the corpus"),
    "exposure": ("rpsg.audit.canaries:exposure", "ends of planted canaries that the corpus makes likely"),
    "noisy-answers": (
        "rpsg.audit.noisy_answers:noisy_answers",
        "canaries that the run's noisy answers reveal to somebody who knows all other rows",
    ),
    "noise-left": (
        "rpsg.audit.noisy_answers:noise_left",
        "how much noise is left in the noisy answers for somebody who knows all rows but one",
    ),
    "lira-shadow": (
        "rpsg.audit.shadow:lira_shadow",
        "likelihoods, compared with those from more runs of the pipeline",
    ),
    "tuned": ("rpsg.audit.tuned:tuned", "texts that are likely under a transformer tuned on the corpus"),
}
#: Attacks that take long, so that they show stages of progress of their own.
WITH_OWN_STAGES = ("lira-shadow", "tuned")
#: What an attack cannot do without: canaries in the data, or one of ``Aids``.
NEEDS: Mapping[str, str] = {
    "extraction": "canaries",
    "exposure": "canaries",
    "noisy-answers": "answers",
    "noise-left": "answers",
    "names": "recogniser",
    "closest": "embedder",
    "closest-ratio": "embedder",
    "tuned": "surrogate",
    "lira-shadow": "pipeline",
}
