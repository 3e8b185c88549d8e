"""Models that run with PyTorch: transformers as writer, scorer and classifier, and sentence-transformers.

All of them load weights from this disk only, never from a pickle, and never run code that came with them.
"""
