"""`python -m imagine.worker`: started by a gateway, never by hand."""

import sys

from .main import main

sys.exit(main(sys.argv[1:]))
