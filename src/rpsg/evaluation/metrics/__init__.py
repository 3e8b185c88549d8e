"""The metrics, one family a file."""
