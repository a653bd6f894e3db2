# Read by machines.sh and cluster.sh, which say in `named` what their machines' names begin with: goes on in namespaces of its
# own with four machines 0 to 3 on a bridge without a way out, at 10.77.0.1 to 10.77.0.4, and a folder IN_NAMESPACE. Everything,
# processes too, ends with the script.
set -e
if [ "$IN_NAMESPACE" = "" ]; then
    IN_NAMESPACE=$(mktemp -d "/tmp/${named}XXXX")
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
    ip netns add "$named$i"
    ip link add v$i type veth peer name eth0 netns "$named$i"
    ip link set v$i master br0 up
    ip -n "$named$i" addr add 10.77.0.$((i + 1))/24 dev eth0
    ip -n "$named$i" link set eth0 up
    ip -n "$named$i" link set lo up
done
