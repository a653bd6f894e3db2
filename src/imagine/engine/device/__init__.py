"""The device: its memory, what it computes in, what its errors mean."""
