"""Networks that hold a picture to a map, and what they add to its denoiser."""
