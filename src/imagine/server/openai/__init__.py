"""OpenAI's Images API: `fields` is what can be asked, `requests` and `replies` translate, `routes` answers."""
