#!/bin/bash
# tests/peers/uml.sh: User-mode Linux, a real Linux whose virtio driver speaks vhost-user itself,
# against vq serve blk. Prints TAP. QUICK=1 takes a few cases, ONLY=text those whose name has it.
# shellcheck source=tests/peers/tap.sh
. "$(dirname "$0")/tap.sh"
guest_workdir
limit=40

missing=$(uml_missing) || missing=${missing:-no User-mode Linux}
if [ -z "$missing" ]; then
    uml_initramfs "$work/initramfs" || missing="an initramfs"
fi
wanted() { [ -z "$missing" ] || { why=$missing; return 1; }; }

# raw split|packed|legacy EVENT-INDEX INDIRECT: the driver takes what it is offered, so that the
# server decides which it is.
raw() {
    local kind=$1 event=$2 indirect=$3 before disabled=()
    shift 3
    wanted || return 77
    ! needs_vq "$kind" || return 77
    [ "$kind" != split ] || disabled+=(ring_packed)
    [ "$kind" != legacy ] || disabled+=(version_1)
    [ "$event" = 1 ] || disabled+=(event_idx)
    [ "$indirect" = 1 ] || disabled+=(indirect_desc)
    [ ${#disabled[@]} -eq 0 ] || set -- "$@" --disable "$(IFS=, && echo "${disabled[*]}")"
    random_disk disk 16
    before=$(sum_of disk)
    server_start disk "$@" || return
    uml_start "$work/initramfs" raw || return
    guest_wait $limit || return 1
    negotiated_is "$kind" "$event" "$indirect" || return
    server_stop || return 1
    same_both_ways disk "$before"
}

# As raw, and the guest must see blocks of this size.
block_size() {
    raw split 1 1 --logical-block-size "$1" || return
    expect "logical block size in the guest" "$(fact disk logical)" "$1"
}

serial() {
    raw split 1 1 --serial "vq-0123456789" || return
    expect "serial in the guest" "$(fact serial)" "vq-0123456789"
}

read_only() {
    local before
    wanted || return 77
    random_disk disk 16
    before=$(sum_of disk)
    chmod a-w disk
    server_start disk --read-only || return
    uml_start "$work/initramfs" readonly || return
    guest_wait $limit || return 1
    server_stop || return 1
    has_bit 5 || { why="the guest's driver does not see VIRTIO_BLK_F_RO"; return 1; }
    expect "read-only in the guest" "$(fact disk ro)" 1 || return
    [ -n "$(fact refused)" ] || { why="the guest's write was not refused"; return 1; }
    expect "checksum in the guest" "$(fact sum-after)" "$before" || return
    expect "checksum on the host" "$(sum_of disk)" "$before"
}

in_memory() {
    wanted || return 77
    server_start memory:16M || return
    uml_start "$work/initramfs" raw || return
    guest_wait $limit || return 1
    local first
    first=$(fact sum-after)
    # The second guest finds what the first one left.
    uml_start "$work/initramfs" raw || return
    guest_wait $limit || return 1
    server_stop || return 1
    expect "what the second guest found" "$(fact sum-before)" "$first"
}

# The same disk, with someone in between who counts the messages and hides protocol features.
#   in-band: ring notifications are messages (35); else they are event descriptors (12)
notified() { # in-band|descriptors HIDDEN-PROTOCOL-FEATURES
    local before between
    wanted || return 77
    random_disk disk 16
    before=$(sum_of disk)
    server_start disk || return
    mv socket server.socket
    python3 "$repo/tests/peers/between.py" socket server.socket "$2" >between.log 2>&1 &
    between=$!
    wait_until 5 test -S socket || { why="nobody stands between: $(tail -n 1 between.log)"; return 1; }
    uml_start "$work/initramfs" raw || return
    guest_wait $limit || { kill "$between"; return 1; }
    wait_until 5 gone "$between" || kill "$between"
    quietly_wait "$between"
    note "notified by $(sed -n 's/^request 12 /descriptors: /p; s/^request 35 /messages: /p' between.log | tr '\n' ' ')protocol features $(sed -n 's/^set 16 //p' between.log)"
    if [ "$1" = in-band ]; then
        if ! grep -q '^request 35 ' between.log || grep -q '^request 12 ' between.log; then
            why="in-band notifications were not used"
            return 1
        fi
    elif ! grep -q '^request 12 ' between.log || grep -q '^request 35 ' between.log; then
        why="event descriptors were not used"
        return 1
    fi
    mv server.socket socket
    server_stop || return 1
    same_both_ways disk "$before"
}

# The plug is pulled in the middle of writes; the next guest must find a server that works and a
# disk of which nothing but what was being written has changed.
killed() {
    local before
    wanted || return 77
    random_disk disk 16
    local descriptors untouched
    untouched=$(head -c 4194304 disk | sum_of /dev/stdin)
    server_start disk || return
    descriptors=$(find "/proc/$server_pid/fd" -mindepth 1 | wc -l)
    uml_start "$work/initramfs" storm || return
    wait_until 20 grep -qs '^M storm 3' console || { why="the guest did not get to write"; return 1; }
    guest_kill
    # Completions of what was in flight come after the end of the guest; then the disk rests.
    sleep 0.5
    alive "$server_pid" || { why="the server died with its guest"; return 1; }
    before=$(sum_of disk)
    expect "the part of the disk that nobody wrote" "$(head -c 4194304 disk | sum_of /dev/stdin)" "$untouched" || return
    uml_start "$work/initramfs" raw || return
    guest_wait $limit || return 1
    wait_until 5 at_rest "$descriptors" || { why="descriptors of the server before its guests: $descriptors, after: $(find "/proc/$server_pid/fd" -mindepth 1 | wc -l)"; return 1; }
    server_stop || return 1
    same_both_ways disk "$before"
}
at_rest() { [ "$(find "/proc/$server_pid/fd" -mindepth 1 | wc -l)" -le "$1" ]; }

test_case "Linux over packed rings" raw packed 1 1
test_case "Linux over split rings" raw split 1 1
test_case "Linux as a legacy driver (version_1 withheld)" raw legacy 1 1
test_case "a guest killed in mid-write leaves the server serving the next one" killed
test_case "a read-only disk stays as it is" read_only
test_case "Linux notifies by event descriptors" notified descriptors 0x4000
if [ -z "${QUICK:-}" ]; then
    test_case "Linux notifies in-band" notified in-band 0
    test_case "Linux notifies by event descriptors, without REPLY_ACK" notified descriptors 0x4008
    for kind in packed split; do
        test_case "Linux over $kind rings without event_idx" raw $kind 0 1
        test_case "Linux over $kind rings without indirect_desc" raw $kind 1 0
        test_case "Linux over $kind rings without both" raw $kind 0 0
    done
    test_case "Linux as a legacy driver without both" raw legacy 0 0
    test_case "Linux with a single queue" raw packed 1 1 --num-queues 1
    test_case "Linux with blocks of 512 bytes" block_size 512
    test_case "Linux with blocks of 4096 bytes" block_size 4096
    test_case "Linux reads the serial" serial
    test_case "Linux on a disk in memory, twice" in_memory
fi
tap_end
