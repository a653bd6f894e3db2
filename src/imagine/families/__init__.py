"""What is known of each model family: one row of facts a family."""
