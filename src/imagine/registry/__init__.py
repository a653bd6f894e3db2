"""What model files there are, told from their headers alone."""
