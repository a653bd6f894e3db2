"""Input pictures looked at in a process of their own."""
