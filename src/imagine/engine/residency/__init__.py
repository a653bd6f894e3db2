"""Which models are on the device: opened, watched, let go."""
