"""Domain packs: public schemas and prompts for kinds of text."""

from rpsg.domains.folders import files_of, find_pack, pack_folder, pack_names, read_pack
from rpsg.domains.pack import COLUMN, Attribute, Example, Pack

__all__ = [
    "COLUMN",
    "Attribute",
    "Example",
    "Pack",
    "files_of",
    "find_pack",
    "pack_folder",
    "pack_names",
    "read_pack",
]
