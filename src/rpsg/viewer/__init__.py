"""The runs, releases and comparisons of a folder in the browser: read-only, on this machine."""
