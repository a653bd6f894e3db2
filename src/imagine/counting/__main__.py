"""`python -m imagine.counting`: started by a gateway, never by hand."""

import sys

from .process import main

sys.exit(main(sys.argv[1:]))
