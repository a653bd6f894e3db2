"""Reference pictures: opened, seen, and ready to be attended to beside a denoiser."""
