"""What a plan's languages mean for a run, by public facts: the pack, the names of models, and the declared
language.

No private text is read, so neither a warning nor a refusal reveals anything about one.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rpsg.domains import find_pack, pack_names
from rpsg.errors import UsageError
from rpsg.textstats.languages import ENGLISH, name_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rpsg.domains import Pack
    from rpsg.plan import Plan

#: Embedders that were trained on English alone, as far as their names show.
_ENGLISH_EMBEDDER = re.compile(
    r"minilm|int8|static|(?:st|gguf):.*(?:all-minilm|all-mpnet|sentence-t5|-en\b)[^/]*", re.IGNORECASE
)
_ENGLISH_SENTIMENT = re.compile(r"vader|transformers:.*english[^/]*", re.IGNORECASE)
#: Better embedders for other languages: one that needs no weights, and one with weights from a hub.
LETTERS, MULTILINGUAL = "letters", "st:intfloat/multilingual-e5-small"


def language_of_texts(plan: Plan, pack: Pack) -> str:
    """The code of the language of a run's texts: that of its pack, else the declared one; may be empty."""
    return pack.language or plan.data.language


def _packs_in(language: str) -> str:
    """How to get a pack in a language."""
    packs = [name for name in pack_names() if find_pack(name).language == language]
    if packs:
        return f"Packs in {name_of(language)}: {', '.join(f'--domain {name}' for name in packs)}."
    return (
        f"RPSG has no pack in {name_of(language)}: give the folder of a pack of your own with --domain "
        "(docs/languages.md, A pack in your language)."
    )


def check_language(plan: Plan) -> None:
    """Refuse a classifier that has the words of one language for texts in another.

    Raises:
        UsageError: its name says that it is for English, and the pack is not.
    """
    pack = find_pack(plan.corpus.domain)
    classifier = plan.models.sentiment or ""
    if pack.language not in ENGLISH and _ENGLISH_SENTIMENT.fullmatch(classifier):
        raise UsageError(
            f"The classifier {classifier} knows English only, and the pack {pack.name} is in "
            f"{name_of(pack.language)}: its sentiments would be no better than chance.",
            hint="Name a classifier for that language, such as --sentiment transformers:FOLDER, or leave "
            "--sentiment out.",
        )


def about_languages(plan: Plan, *, reads_private: bool) -> Iterator[str]:
    """Cautions about a run whose data, pack and models are not all for one language."""
    pack = find_pack(plan.corpus.domain)
    declared, written = plan.data.language, pack.language
    if declared and written and declared != written:
        yield (
            f"You declare that the private texts are in {name_of(declared)}, and the pack {pack.name} writes "
            f"in {name_of(written)}: topics are then recognized poorly, and the release is not in the "
            f"language of the private texts. {_packs_in(declared)}"
        )
    reads = declared or written
    if reads in ENGLISH or not reads_private:
        return
    if _ENGLISH_EMBEDDER.fullmatch(plan.models.embedder):
        yield (
            f"The embedder {plan.models.embedder} was made for English and finds few topics of texts "
            f"in {name_of(reads)}. Better choices are --embedder {LETTERS}, which needs no weights, or a "
            f"multilingual embedder, such as {MULTILINGUAL}."
        )
        if pack.has_sentiments:
            yield (
                f"The sentiment of texts in {name_of(reads)} is judged by comparing them with English "
                "sentences: expect results little better than chance."
            )
