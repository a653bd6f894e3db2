"""Our own API's routes."""
