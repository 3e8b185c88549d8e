"""A release checked, by anybody who has it and by its operator."""
