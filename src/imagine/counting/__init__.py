"""How many tokens prompts are, counted by the engine's own tokenizers in a process without torch."""
