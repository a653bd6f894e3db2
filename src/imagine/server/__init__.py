"""The gateway's HTTP side: translates, guards, streams; never draws."""
