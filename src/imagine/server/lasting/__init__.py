"""What is written on disk of orders that last, in one database: the book that outlives the process."""
