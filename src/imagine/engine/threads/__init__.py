"""Threads that work alone, and what is dealt among them."""
