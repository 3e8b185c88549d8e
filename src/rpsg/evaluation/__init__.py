"""How good a synthetic corpus is, beside its floor and its ceiling."""
