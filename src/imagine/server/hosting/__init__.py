"""This server as another's worker: who comes, what of their jobs is admitted, and what they are told."""
