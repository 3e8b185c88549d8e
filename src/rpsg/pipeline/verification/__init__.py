"""A release checked, by strangers and by its operator."""
