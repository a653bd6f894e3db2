"""Who shares what: seconds between clients, and who counts as one."""
