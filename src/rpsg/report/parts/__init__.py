"""The parts of the page: a first screen for everybody, then one part for each kind of reader."""
