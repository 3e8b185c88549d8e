"""A run whose private texts are counted in shards: questions to the shards, their answers, and the merge."""
