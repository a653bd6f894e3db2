"""`python -m imagine.training`: started by `imagine train`, never by hand."""

import sys

from .process import main

sys.exit(main(sys.argv[1:]))
