"""Models behind an OpenAI-compatible server: a writer and an embedder, and what both need to ask one."""
