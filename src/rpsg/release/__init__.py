"""A finished release as one object, and what follows from its files."""
