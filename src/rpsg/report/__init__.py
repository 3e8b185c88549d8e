"""A release for people: the report page, the summary, the data card, and metadata for loaders."""
