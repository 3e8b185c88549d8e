"""Writes and reads files: durable, private if they must be, and with one spelling of each JSON value."""
