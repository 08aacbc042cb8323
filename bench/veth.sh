#!/bin/sh
# Runs a benchmark in one network namespace and its servers in another, connected by a veth pair.
# As root: bench/veth.sh target/release/tftp
set -e
ip netns add bench-server
trap 'ip netns del bench-server; ip netns del bench-client' EXIT
ip netns add bench-client
ip link add bench0 netns bench-client type veth peer name bench1 netns bench-server
for side in 'client bench0 2' 'server bench1 1'; do
    network=bench-${side%% *} rest=${side#* }
    ip -n "$network" address add "10.213.0.${rest#* }/24" dev "${rest% *}"
    ip -n "$network" link set "${rest% *}" up
    ip -n "$network" link set lo up
done
SERVER_NETNS=bench-server SERVER_HOST=10.213.0.1 ip netns exec bench-client "$@"
