"""The owner's own rules of what may be drawn, whichever dialect it is asked for in."""
