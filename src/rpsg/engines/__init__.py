"""Where batches of models run, if not in this process: on the workers of a Ray cluster."""
