"""What a model is made of while it is loaded: text encoders, VAEs, and how their work is cut into slices."""
