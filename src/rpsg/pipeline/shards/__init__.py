"""A run whose private texts are counted in shards: what they are asked, one shard's answer, and the merge."""
