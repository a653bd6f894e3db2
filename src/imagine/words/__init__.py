"""What every part speaks: errors, events, recipes, frames, the table of samplers."""
