# shellcheck shell=bash
# tests/peers/tap.sh: TAP for the peer tests, on top of scripts/guest/lib.sh. A test is a function
# that returns 0 (passed), 1 (failed, $why says it) or 77 (skipped, $why says what it wants).
set -u
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=scripts/guest/lib.sh
. "$repo/scripts/guest/lib.sh"

# What vq blk verify wants to hear before it overwrites a disk.
# shellcheck disable=SC2034 # used by those who source this
vq_verify=(--overwrite)

tap_count=0 tap_passed=0 tap_failed=0 tap_skipped=0
why=""

# test_case SENTENCE FUNCTION [ARGUMENT...]: runs it with a fresh directory as the current one.
test_case() {
    local sentence=$1 status=0 begun
    shift
    # ONLY=PATTERN picks cases by their sentence.
    [[ $sentence == *${ONLY:-}* ]] || return 0
    tap_count=$((tap_count + 1))
    begun=$(now)
    mkdir "$work/$tap_count"
    cd "$work/$tap_count" || exit 2
    why=""
    "$@" || status=$?
    guest_kill
    server_kill
    case $status in
    0)
        tap_passed=$((tap_passed + 1))
        echo "ok $tap_count - $sentence ($(since "$begun") s)"
        ;;
    77)
        tap_skipped=$((tap_skipped + 1))
        echo "ok $tap_count - $sentence # SKIP wanted ${why:-$PEER_SERVER to have this option}"
        ;;
    *)
        tap_failed=$((tap_failed + 1))
        echo "not ok $tap_count - $sentence"
        echo "# ${why:-no reason given}"
        show_tail console 15
        show_tail qemu.log 5
        show_tail server.log 5
        show_tail threads 20
        ;;
    esac
    cd "$work" || exit 2
    [ -n "${KEEP:-}" ] || rm -rf "${work:?}/$tap_count"
}

show_tail() { # FILE LINES
    [ -s "$1" ] || return 0
    echo "# --- the end of $1:"
    tail -n "$2" "$1" | tr -d '\r' | cut -c1-200 | sed 's/^/#   /'
}

note() { echo "#   $*"; }

# expect WHAT GOT WANTED
expect() {
    [ "$2" = "$3" ] && return 0
    why="$1: got '$2', expected '$3'"
    return 1
}

tap_end() {
    echo "1..$tap_count"
    echo "$tap_passed passed, $tap_failed failed, $tap_skipped skipped"
    [ "$tap_failed" -eq 0 ]
}

# needs_vq SPLIT|PACKED|LEGACY: is this a ring that only vq serves, and another server in its place?
needs_vq() {
    [ "${PEER_SERVER:-vq}" != vq ] && [ "$1" != split ] || return 1
    why="a server with $1 rings"
}

# --- What every disk test does -------------------------------------------------------------------

# random_disk FILE MIB
random_disk() { head -c "$(($2 << 20))" /dev/urandom >"$1"; }

# After a raw job: the guest read what the host had put there, and the host finds what it wrote.
same_both_ways() { # DISK SUM-BEFORE
    expect "checksum of the disk in the guest before writing" "$(fact sum-before)" "$2" || return 1
    local after written
    after=$(sum_of "$1")
    expect "checksum of the disk on the host after the guest's writes" "$after" "$(fact sum-after)" || return 1
    [ "$after" != "$2" ] || { why="the guest wrote nothing"; return 1; }
    written=$(dd if="$1" bs=1M skip=1 count=4 status=none | sha256sum | cut -c1-64)
    expect "the 4 MiB that the guest wrote" "$written" "$(fact wrote sum | head -n 1)" || return 1
    expect "the data that the guest drew by lot" "$(printf %s "$written" | wc -c)" 64
}

# negotiated_is split|packed|legacy EVENT-INDEX INDIRECT (1 or 0 each): what the driver says it has,
# not what it was asked to.
negotiated_is() {
    local bit name modern=1 packed=0
    [ "$1" != legacy ] || modern=0
    [ "$1" != packed ] || packed=1
    note "negotiated: $(negotiated), $(fact disk requests) requests; bits $(fact driver bits)"
    for bit in 29:$2:event_idx 28:$3:indirect_desc 32:$modern:version_1 34:$packed:ring_packed; do
        name=${bit##*:}
        if has_bit "${bit%%:*}"; then
            [[ $bit == *:1:* ]] || { why="$name was negotiated and should not have been"; return 1; }
        else
            [[ $bit == *:0:* ]] || { why="$name was not negotiated"; return 1; }
        fi
    done
}
