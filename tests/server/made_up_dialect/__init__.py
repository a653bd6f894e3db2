"""A dialect that nobody speaks, made from outside: what one has to bring, and nothing in `src/` knows of it."""
