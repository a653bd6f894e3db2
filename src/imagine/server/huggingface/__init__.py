"""Hugging Face's inference endpoints for pictures: `inputs` and `parameters` in, the bytes of a picture out."""
