"""Learning from pictures: the loop, which the shipped model was trained by too, and LoRAs of a user's own."""
