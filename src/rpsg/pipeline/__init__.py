"""A plan becomes a run: what it would do, private data, models, folder, release."""
