"""`imagine`, or `python -m imagine`: the command line."""

from imagine.cli.early import quiet


def main() -> None:
    """Runs the command line; what Ctrl-C means while that is imported, and once it is done, is settled here."""
    quiet()
    from imagine.cli.main import main as run

    try:
        run()
    finally:
        quiet()


if __name__ == "__main__":
    main()
