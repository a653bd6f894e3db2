"""Every option and variable, what each can be, and the files that say them."""
