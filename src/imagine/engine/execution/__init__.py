"""How a network's forward is run: by which kernels, on how many threads, eagerly or recorded."""
