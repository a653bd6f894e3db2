"""What tells one model file from another: its stamp, which is had at once, and the digest of all its bytes."""
