"""Statistics of texts without a model: words, similarity, prompt echoes, repetition."""
