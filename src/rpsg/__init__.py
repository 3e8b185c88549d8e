"""RPSG: a private text corpus in, a synthetic one and a checkable privacy claim out."""

__version__ = "0.1.0"
