"""What only the one-file binary has: its entry, and its attached half, unpacked when a worker first starts."""
