#!/bin/sh
# Four machines of one: network namespaces on a bridge without a way out, and bench/machines.py in the first, which has
# a server work in each of the others. As root: `PYTHON=.venv/bin/python sh bench/machines.sh [--rounds N]`.
named=m
. "$(dirname "$0")/namespaces.sh"
export PYTHONPATH=$PWD/src:$PWD
ip netns exec m0 "$PYTHON" -m bench.machines "$IN_NAMESPACE" "$@" || {
    status=$?
    tail -n 5 "$IN_NAMESPACE"/*.log
    exit $status
}
