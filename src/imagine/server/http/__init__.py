"""What holds for any request: bounds, guards, errors."""
