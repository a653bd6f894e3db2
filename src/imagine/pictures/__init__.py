"""Input pictures: looked at in a process of their own, and what a mask says."""
