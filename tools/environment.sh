#!/bin/sh
# Makes the virtual environment in .venv: Imagine, editable, with what its tests need.
#
# Without an NVIDIA GPU it takes torch's CPU build (200 MB), not the CUDA one (several GB): pip prefers a version marked
# `+cpu`, wherever it finds one: among the files it already knows of, or in torch's own index of CPU builds. TORCH_INDEX
# names an index to take it from instead, such as that of its ROCm builds.
set -eu
TORCH=2.13.0
PYTHON=${PYTHON:-python3}

"$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "Imagine needs Python 3.11 or newer; $PYTHON is $("$PYTHON" -V). Say which one to use: make PYTHON=python3.12" >&2
    exit 1
}
[ -x .venv/bin/python ] || "$PYTHON" -m venv .venv || {
    echo "Python's venv module is missing; on Debian and Ubuntu: apt install python3-venv" >&2
    exit 1
}
pip() { .venv/bin/python -m pip --disable-pip-version-check "$@"; }

if [ -n "${TORCH_INDEX:-}" ]; then
    echo "torch $TORCH from $TORCH_INDEX"
    pip install -q --index-url "$TORCH_INDEX" "torch==$TORCH"
elif command -v nvidia-smi >/dev/null 2>&1 && nvidia-smi -L 2>/dev/null | grep -q GPU; then
    echo "torch $TORCH with CUDA, since nvidia-smi shows a GPU"
    pip install -q "torch==$TORCH"
else
    echo "torch $TORCH for the CPU, since no NVIDIA GPU is to be seen"
    [ ! -e /dev/kfd ] || echo "For an AMD GPU name an index with ROCm: make TORCH_INDEX=https://download.pytorch.org/whl/rocm… demo"
    pip install -q --retries 0 --extra-index-url https://download.pytorch.org/whl/cpu "torch==$TORCH" 2>&1 |
        grep -v WARNING || true
    .venv/bin/python -W ignore -c 'import torch'
fi
pip install -q -e '.[test,toybox]' 2>&1 | grep -v WARNING || true
.venv/bin/python -c 'import imagine, diffusers, pytest'
touch .venv/ready
