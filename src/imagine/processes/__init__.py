"""How another process of this program is started, what it makes of itself, and what main memory there is for it."""
