"""A diffusers pipeline that runs its own loop, held between its steps."""
