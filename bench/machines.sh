#!/bin/sh
# Four machines of one: network namespaces on a bridge without a way out, and bench/machines.py in the first, which has
# a server work in each of the others. As root: `PYTHON=.venv/bin/python sh bench/machines.sh [--rounds N]`.
# Everything is in a namespace of processes of its own, and ends with it.
set -e
if [ "$IN_NAMESPACE" = "" ]; then
    IN_NAMESPACE=$(mktemp -d /tmp/machinesXXXX)
    export IN_NAMESPACE
    unshare -n -m -p -f --mount-proc sh "$0" "$@" || status=$?
    rm -rf "$IN_NAMESPACE"
    exit ${status:-0}
fi
mkdir -p /run/netns
mount -t tmpfs tmpfs /run/netns
ip link set lo up
ip link add br0 type bridge
ip link set br0 up
for i in 0 1 2 3; do
    ip netns add m$i
    ip link add v$i type veth peer name eth0 netns m$i
    ip link set v$i master br0 up
    ip -n m$i addr add 10.77.0.$((i + 1))/24 dev eth0
    ip -n m$i link set eth0 up
    ip -n m$i link set lo up
done
export PYTHONPATH=$PWD/src:$PWD
ip netns exec m0 "$PYTHON" -m bench.machines "$IN_NAMESPACE" "$@" || {
    status=$?
    tail -n 5 "$IN_NAMESPACE"/*.log
    exit $status
}
