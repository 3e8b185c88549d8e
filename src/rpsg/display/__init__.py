"""How results are shown in terminals and notebooks, and HTML that nothing can break out of."""
