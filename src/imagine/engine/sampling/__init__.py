"""One picture's way from noise to latents."""
