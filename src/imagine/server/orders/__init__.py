"""From a request to jobs, and what happens to them."""
