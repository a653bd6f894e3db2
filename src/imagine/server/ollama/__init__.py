"""The image API that Ollama had until its release 0.32.6, for the programs that were written for it."""
