"""The readable parts of a release: report page, summary, data card, and metadata for loaders."""
