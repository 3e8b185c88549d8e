"""A finished release, read once for all who use it."""
