"""AUTOMATIC1111's dialect, `/sdapi/v1`, and what its ControlNet extension added to it."""
