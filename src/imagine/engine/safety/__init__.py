"""Pictures looked at: what is to be seen in them, by networks from files."""
