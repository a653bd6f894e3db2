"""The process that owns a device: inbox in, engine steps, events out."""
