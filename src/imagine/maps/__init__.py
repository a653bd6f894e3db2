"""Maps of pictures that controls hold a denoiser to: edges, lines, tones, without a network."""
