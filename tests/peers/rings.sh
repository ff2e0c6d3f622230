#!/bin/bash
# tests/peers/rings.sh: vq blk against vq serve blk over every kind of ring: packed or split, with and
# without event_idx, indirect_desc and in_order, of several sizes. Prints TAP; needs nothing but vq,
# which may be named as its argument.
[ $# -eq 0 ] || VQ=$(realpath "$1")
# shellcheck source=tests/peers/tap.sh
. "$(dirname "$0")/tap.sh"
guest_workdir

blk() { timeout -k 5 60 "$VQ" blk --socket-path socket "$@"; }

# verify SIZE REQUIRED LEFT: the driver must get the first features, and leave the second.
verify() {
    local options=(--queue-size "$1" --depth "$1" --chunk 4k --passes 1)
    [ -z "$2" ] || options+=(--require "$2")
    [ -z "$3" ] || options+=(--disable "$3")
    blk verify "${vq_verify[@]}" "${options[@]}" >verify.log 2>&1 || { why="queues of $1: status $?: $(tail -n 2 verify.log)"; return 1; }
}

# One server for all sizes, so that each is also a ring after another.
rings() { # DISK REQUIRED LEFT
    local size
    [[ $1 == memory:* ]] || truncate -s 2M "$1"
    server_start "$1" --num-queues 2 || return
    for size in 8 100 1024; do
        verify $size "$2" "$3" || return
        # Only packed rings need no power of two.
        [ $size != 100 ] || [[ ,$2, == *,ring_packed,* ]] || size=64
        grep -q "over 2 queues of $size," verify.log || { why="no queues of $size: $(tail -n 1 verify.log)"; return 1; }
    done
    server_stop
}

# The other way round: it is the server that leaves one out.
not_offered() { # FEATURE
    server_start memory:2M --disable "$1" || return
    verify 128 version_1 "" || return
    if verify 128 "$1" ""; then
        why="$1 was accepted without being offered"
        return 1
    fi
    grep -q "$1" verify.log || { why="not said what is missing: $(tail -n 1 verify.log)"; return 1; }
    why=""
    server_stop
}

# A ring changes its format from one driver to the next, and its server with it.
in_turn() {
    server_start memory:2M || return
    for _ in 1 2 3; do
        verify 100 ring_packed,in_order "" || return
        verify 128 in_order ring_packed || return
        verify 4 ring_packed indirect_desc,in_order || return
        verify 4 "" version_1 || return
    done
    server_stop
}

features=(ring_packed event_idx indirect_desc in_order)
for disk in memory:2M disk; do
    for mask in {15..0}; do
        required=() left=()
        for bit in 0 1 2 3; do
            if ((mask >> bit & 1)); then required+=("${features[bit]}"); else left+=("${features[bit]}"); fi
        done
        have=$(IFS=, && echo "${required[*]}")
        test_case "over ${disk%%:*}, with ${have:-none of the four}" rings $disk "$have" "$(IFS=, && echo "${left[*]}")"
    done
done
for feature in "${features[@]}"; do
    test_case "a server that does not offer $feature" not_offered "$feature"
done
test_case "packed, split and legacy drivers in turn on one server" in_turn
tap_end
