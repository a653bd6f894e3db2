"""The assistant: a server of language models is asked to look at a picture and to understand a wish."""
