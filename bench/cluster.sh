#!/bin/sh
# Three machines of one: network namespaces on a bridge without a way out, a Ray node in each, and bench/cluster.py beside
# the head. As root: `PYTHON=VENV/bin/python sh bench/cluster.sh [--rounds N]`, of an environment that has imagine[cluster].
named=r
. "$(dirname "$0")/namespaces.sh"
mount -t tmpfs -o size=2g tmpfs /dev/shm
export PYTHONPATH=$PWD/src:$PWD RAY_AUTH_MODE=token RAY_AUTH_TOKEN=0123456789abcdef0123456789abcdef
export RAY_USAGE_STATS_ENABLED=0 RAY_DISABLE_IMPORT_WARNING=1 RAY_health_check_initial_delay_ms=0
export RAY_health_check_period_ms=1000 RAY_health_check_timeout_ms=2000 RAY_health_check_failure_threshold=3
ray="$PYTHON -m ray.scripts.scripts start --block --disable-usage-stats --object-store-memory 80000000"
ip netns exec r0 $ray --head --node-ip-address 10.77.0.1 --port 6379 --num-cpus 0 --num-gpus 0 \
    --include-dashboard=false --temp-dir "$IN_NAMESPACE/r" > "$IN_NAMESPACE/head.log" 2>&1 &
until ip netns exec r0 "$PYTHON" -c 'import socket; socket.create_connection(("10.77.0.1", 6379), 5)' 2> /dev/null; do
    sleep 0.5
done
for i in 1 2 3; do
    ip netns exec r$i $ray --address 10.77.0.1:6379 --node-ip-address 10.77.0.$((i + 1)) --num-cpus 0 --num-gpus 0 \
        --resources '{"imagine": 1}' > "$IN_NAMESPACE/$i.log" 2>&1 &
    until grep -q "ray stop" "$IN_NAMESPACE/$i.log"; do  # two at once on one disk get into each other's way
        sleep 0.5
    done
done
ip netns exec r0 "$PYTHON" -m bench.cluster 10.77.0.1:6379 "$@" || {
    status=$?
    tail -n 5 "$IN_NAMESPACE"/*.log
    exit $status
}
