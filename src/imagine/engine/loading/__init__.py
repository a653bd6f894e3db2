"""From a file or folder to a family ready to denoise."""
