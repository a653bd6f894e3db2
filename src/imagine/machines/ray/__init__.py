"""Devices of a Ray cluster as workers: imported only where `--cluster` asks for it."""
