"""What a person reads of a run: a summary in words, and the card of the data set."""
