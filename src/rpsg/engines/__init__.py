"""Where the exact sum of people's contributions is computed: on this machine, or in parts elsewhere."""
