#!/bin/sh
# Makes the virtual environment in .venv: Imagine, editable, with what its tests need.
#
# Without an NVIDIA GPU it takes torch's CPU build (200 MB), not the CUDA one (several GB), wherever pip finds it: among
# the files it already knows of, or in torch's own index of CPU builds. Where neither has it, it says so and takes the
# build that there is; which one came is told in the end. TORCH_INDEX names an index to take it from instead, such as
# that of its ROCm builds.
#
# Where .venv is a link it is another checkout's, which it stays: nothing is installed there, neither this package.
set -eu
TORCH=2.13.0
CPU_INDEX=https://download.pytorch.org/whl/cpu
PYTHON=${PYTHON:-python3}

if [ -L .venv ] && [ -x .venv/bin/python ]; then
    echo ".venv is $(readlink .venv): it is taken as it is"
    exit 0
fi
"$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "Imagine needs Python 3.11 or newer; $PYTHON is $("$PYTHON" -V). Say which one to use: make PYTHON=python3.12" >&2
    exit 1
}
[ -x .venv/bin/python ] || "$PYTHON" -m venv .venv || {
    echo "Python's venv module is missing; on Debian and Ubuntu: apt install python3-venv" >&2
    exit 1
}
pip() { .venv/bin/python -m pip --disable-pip-version-check "$@"; }
export PIP_NO_COMPILE=1  # it compiles file by file, for longer than it takes to unpack them: see the end

# As pip, with what it says only where it fails, since it warns of every index that it can't reach.
quietly() {
    said=$(pip "$@" 2>&1) || {
        printf '%s\n' "$said" >&2
        return 1
    }
}

has_torch() {
    .venv/bin/python -c "from importlib.metadata import version; assert version('torch').split('+')[0] == '$TORCH'" 2>/dev/null
}

# torch's CPU build, which has no name of its own on macOS, where there is no other.
take_cpu_build() {
    [ "$(uname -s)" = Darwin ] || wanted=+cpu
    if said=$(pip install -q --retries 0 --extra-index-url "$CPU_INDEX" "torch==$TORCH${wanted:-}" 2>&1); then
        return
    fi
    printf '%s\n' "$said" >&2
    echo "pip found no CPU build of torch $TORCH, as told above: taking the one that it finds, with CUDA's libraries" \
        "several GB. It draws on the CPU too" >&2
    pip install -q "torch==$TORCH"
}

if [ -n "${TORCH_INDEX:-}" ]; then
    echo "Taking torch $TORCH from $TORCH_INDEX"
    pip install -q --index-url "$TORCH_INDEX" "torch==$TORCH"
elif has_torch; then
    :
elif command -v nvidia-smi >/dev/null 2>&1 && nvidia-smi -L 2>/dev/null | grep -q GPU; then
    echo "Taking torch $TORCH with CUDA, since nvidia-smi shows a GPU"
    pip install -q "torch==$TORCH"
else
    echo "Looking for torch $TORCH for the CPU, since no NVIDIA GPU is to be seen"
    [ ! -e /dev/kfd ] || echo "For an AMD GPU name an index with ROCm: make TORCH_INDEX=https://download.pytorch.org/whl/rocm… demo"
    take_cpu_build
fi
quietly install -q -e '.[test,toybox]'
.venv/bin/python -m compileall -qq -j 0 .venv/lib || true  # what is written for another Python can't be compiled
.venv/bin/python -W ignore -c 'import imagine, diffusers, pytest'
.venv/bin/python -W ignore -c '
import torch
cuda, rocm = torch.version.cuda, torch.version.hip
build = f"with CUDA {cuda}" if cuda else f"with ROCm {rocm}" if rocm else "without CUDA or ROCm"
print(f".venv has torch {torch.__version__}, built {build}")
'
touch .venv/ready
