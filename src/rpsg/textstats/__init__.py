"""What can be read off texts alone, without a model: words, sameness, echoes, repetition."""
