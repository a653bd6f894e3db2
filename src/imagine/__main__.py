"""`python -m imagine`: the command line."""

from .cli.early import main

if __name__ == "__main__":
    main()
