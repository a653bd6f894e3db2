"""Checkpoints and parameters in, steps and pictures out."""

import os

# Unless it is told otherwise, what MKL computes depends on how its operands are aligned, and scratch buffers of
# different threads aren't aligned alike: a picture's bits would depend on its slot in a batch. MKL reads this at its
# first product; it costs no time (measured: 1.00 × the products per second on an AMD EPYC).
os.environ.setdefault("MKL_CBWR", "AUTO")
