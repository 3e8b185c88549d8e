"""The corpus described for machines: Croissant 1.0 metadata, JSON-LD (mlcommons.org/croissant/1.0).

It names the files by hash and describes each field, so that a loader can read the corpus. Three properties
that the specification requires are left out, because only the owner knows them: ``url``, ``creator`` and
``datePublished``; so is ``license`` if the plan names none. (A date would also be the only thing in a release
that shows when it was made.)
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from rpsg.disk.files import PUBLIC_MODE, write_atomic
from rpsg.report.fields import attribute, fields
from rpsg.storage.layout import CORPUS, CROISSANT, CSV, LEDGER, PARQUET

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

CONFORMS_TO = "http://mlcommons.org/croissant/1.0"
FORMATS = {
    CORPUS: "application/jsonlines",
    CSV: "text/csv",
    PARQUET: "application/x-parquet",
}
#: Licences by their SPDX identifiers (spdx.org/licenses); hubs write them in small letters.
SPDX = (
    *("CC0-1.0", "PDDL-1.0", "Unlicense", "MIT", "MIT-0", "0BSD", "ISC", "BSD-2-Clause", "BSD-3-Clause"),
    *("Apache-2.0", "CC-BY-3.0", "CC-BY-4.0", "CC-BY-SA-3.0", "CC-BY-SA-4.0", "CC-BY-ND-4.0"),
    *("CC-BY-NC-3.0", "CC-BY-NC-4.0", "CC-BY-NC-SA-3.0", "CC-BY-NC-SA-4.0", "CC-BY-NC-ND-4.0"),
    *("ODC-By-1.0", "ODbL-1.0", "CDLA-Permissive-1.0", "CDLA-Permissive-2.0", "CDLA-Sharing-1.0"),
    *("MPL-2.0", "EUPL-1.2", "GPL-3.0-only", "GPL-3.0-or-later", "AGPL-3.0-only", "AGPL-3.0-or-later"),
)
_SPDX = {name.lower(): f"https://spdx.org/licenses/{name}.html" for name in SPDX}
#: The vocabulary as the specification prescribes it, word for word.
CONTEXT: Mapping[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}


def croissant(
    about: str,
    files: Mapping[str, str],
    attributes: Sequence[str],
    *,
    label: bool,
    columns: Sequence[str] = (),
    seeded: bool = False,
    from_records: bool = False,
    license_name: str = "",
    language: str = "",
) -> dict[str, Any]:
    """The metadata of a release as JSON values.

    Args:
        about: the public line about the corpus.
        files: SHA-256 by name of the corpus files.
        attributes: the names of the values that cards hold, without the label.
        label: whether texts have a label.
        columns: the names of the columns beside the text.
        seeded: whether private texts were read without a mechanism; then each row contains the claim.
        from_records: whether each text was made from one of these records.
        license_name: the licence of the release, if its owner has named one. It is written as its address if
            SPDX lists it, otherwise as its name.
        language: the ISO 639 code of the texts' language, if the domain pack has it.
    """
    source = "each was made from a private text" if from_records else "none is a record of a person"
    if seeded and not from_records:
        source = "this model had access to private texts"
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS_TO,
        "name": "synthetic-texts",
        "description": (
            f"Synthetic texts: {about}. Every text was written by a language model; {source}. The privacy "
            f"claim is in {LEDGER}, next to this file."
        ),
        "keywords": ["synthetic", "text"],
        **({"license": _license(license_name)} if license_name else {}),
        **({"inLanguage": language} if language else {}),
        "version": "1.0.0",
        "isLiveDataset": False,
        "distribution": [_file(name, sha) for name, sha in sorted(files.items())],
        "recordSet": [
            _records(attributes, label=label, columns=columns, seeded=seeded, from_records=from_records)
        ],
    }


def _license(name: str) -> str | dict[str, str]:
    """The address of a licence in the list of SPDX; for one that is not listed, a work with its name."""
    return _SPDX.get(name.lower()) or {"@type": "sc:CreativeWork", "name": name}


def _file(name: str, sha256: str) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": name,
        "name": name,
        "contentUrl": name,
        "encodingFormat": FORMATS[name],
        "sha256": sha256,
    }


def _records(
    attributes: Sequence[str], *, label: bool, columns: Sequence[str], seeded: bool, from_records: bool
) -> dict[str, Any]:
    told = [
        _field(name, "sc:Integer" if name == "id" else "sc:Text", words)
        for name, words in fields(label=label, seeded=seeded, from_records=from_records, columns=columns)
        if name != "attributes"
    ]
    told += [
        _field(
            f"attributes/{name}",
            "sc:Text",
            attribute(name, seeded=seeded, from_records=from_records),
            f"$.{name}",
        )
        for name in attributes
    ]
    return {
        "@type": "cr:RecordSet",
        "@id": "texts",
        "name": "texts",
        "key": {"@id": "texts/id"},
        "field": told,
    }


def _field(name: str, kind: str, told: str, path: str = "") -> dict[str, Any]:
    """A field; ``path`` is its JSON path within its column, if it is not the whole column."""
    source: dict[str, Any] = {
        "fileObject": {"@id": CORPUS},
        "extract": {"column": name.partition("/")[0] if path else name},
    }
    if path:
        source["transform"] = {"jsonPath": path}
    return {
        "@type": "cr:Field",
        "@id": f"texts/{name}",
        "name": name,
        "description": told,
        "dataType": kind,
        "source": source,
    }


def write_croissant(folder: Path, metadata: Mapping[str, Any]) -> str:
    """Write the metadata into the release; returns the file's SHA-256."""
    body = json.dumps(metadata, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    return write_atomic(folder / CROISSANT, body.encode(), PUBLIC_MODE)
