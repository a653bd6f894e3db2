"""How another process of this program is started, and what it makes of itself."""
