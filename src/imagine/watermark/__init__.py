"""A mark in a picture's pixels that nobody sees: put there, and found again."""
