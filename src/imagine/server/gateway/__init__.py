"""What the server knows and holds between requests."""
