"""Embedders that run with onnxruntime."""
