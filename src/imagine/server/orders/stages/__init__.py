"""What a request goes through before its jobs, and a picture after its own: a file each, in the order of `table`."""
