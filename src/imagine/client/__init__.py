"""What a program needs to ask a server: its address, and the requests themselves."""
