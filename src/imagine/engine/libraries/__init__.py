"""What the engine takes from large libraries, without all that they would import along the way."""
