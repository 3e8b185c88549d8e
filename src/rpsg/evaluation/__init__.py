"""Measures the quality of a synthetic corpus, between a floor and a ceiling."""
