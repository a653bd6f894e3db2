"""What goes beside a model's layers: a file a kind, and how it is kept apart from other pictures' rows."""
