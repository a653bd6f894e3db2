"""The Model Context Protocol, over HTTP: a few tools by which agents draw, change and look at pictures."""
