"""A finished release as one object, and what can be derived from its files."""
