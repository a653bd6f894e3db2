"""`python -m imagine`: the command line."""

from imagine.cli.early import main

if __name__ == "__main__":
    main()
