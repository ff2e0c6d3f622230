#!/bin/bash
# tests/peers/torn.sh: front ends that are torn off in the middle of writes, and servers that are
# told to end or are killed. The server must serve the next one, and keep nothing of the last: its
# descriptors, mappings and memory are counted, by the kernel. Prints TAP.
# shellcheck source=tests/peers/tap.sh
. "$(dirname "$0")/tap.sh"
guest_workdir
times=100
[ -z "${QUICK:-}" ] || times=25

blk() { timeout -k 5 60 "$VQ" blk --socket-path socket "$@"; }

descriptors() { find "/proc/$server_pid/fd" -mindepth 1 2>/dev/null | wc -l; }
mappings() { wc -l <"/proc/$server_pid/maps"; }
# The kernel's own helpers for io_uring come and go as they like.
threads() { cat "/proc/$server_pid"/task/*/comm | grep -vc '^iou-'; }
memory() { sed -n 's/^RssAnon:[\t ]*\([0-9]*\) kB/\1/p' "/proc/$server_pid/status"; }
count_all() { echo "descriptors=$(descriptors) mappings=$(mappings) threads=$(threads) private-memory=$(memory)KiB"; }

idle_descriptors=0
idle() { [ "$(descriptors)" -le "$idle_descriptors" ]; }
connected() { [ "$(descriptors)" -gt "$idle_descriptors" ] || ! alive "$1"; }

# One front end, killed after it connected and had some milliseconds to write. Returns 1 if it was
# faster than we.
tear_off() {
    local pid status=0
    "$VQ" blk --socket-path socket verify "${vq_verify[@]}" </dev/null >verify.log 2>&1 &
    pid=$!
    local left=400
    until connected "$pid" || [ "$left" -eq 0 ]; do left=$((left - 1)); sleep 0.005; done
    sleep "0.0$((RANDOM % 80 + 10))"
    kill -KILL "$pid" 2>/dev/null
    quietly_wait "$pid" || status=$?
    [ "$status" -eq 137 ]
}

torn() { # DISK SERVER-OPTION...
    local disk=$1 killed=0 i before after served
    shift
    [[ $disk == memory:* ]] || truncate -s 256M "$disk"
    server_start "$disk" "$@" || return
    idle_descriptors=$(descriptors)
    # A whole run fills a disk in memory, the first ones the caches of the C library; what comes
    # after them must stay level.
    blk verify "${vq_verify[@]}" >verify.log 2>&1 || { why="vq blk verify: status $?: $(tail -n 2 verify.log)"; return 1; }
    for i in 1 2 3 4 5; do tear_off; done
    wait_until 5 idle
    before="$(descriptors) $(mappings) $(threads) $(memory)"
    note "before: $(count_all)"
    for ((i = 0; i < times; i++)); do
        tear_off && killed=$((killed + 1))
        alive "$server_pid" || { why="the server died after $i front ends"; return 1; }
    done
    wait_until 5 idle || { why="descriptors when idle: $idle_descriptors, after: $(count_all)"; return 1; }
    sleep 0.3
    after="$(descriptors) $(mappings) $(threads) $(memory)"
    note "after:  $(count_all)"
    served=$(grep -cE 'disconnected: .* [1-9][0-9]* requests? served' server.log)
    note "of $times front ends $killed were killed at work; $served connections had requests served"
    [ "$killed" -ge $((times * 9 / 10)) ] || { why="only $killed of $times were still at work when they were killed: $(tail -n 1 verify.log)"; return 1; }
    blk verify "${vq_verify[@]}" >verify.log 2>&1 || { why="the next one was not served: status $?: $(tail -n 2 verify.log)"; return 1; }
    server_stop || return
    # shellcheck disable=SC2086 # four numbers each
    set -- $before $after
    [ "$5" -le "$1" ] || { why="descriptors went from $1 to $5"; return 1; }
    [ "$6" -le $(($2 + 4)) ] || { why="mappings went from $2 to $6"; return 1; }
    [ "$7" -le "$3" ] || { why="threads went from $3 to $7"; return 1; }
    # A sanitizer keeps freed memory for a while.
    [ -n "${SERVER_WRAP:-}${SANITIZED:-}" ] || [ "$8" -le $(($4 + 1024)) ] || { why="private memory went from $4 to $8 KiB"; return 1; }
}

# A signal while a front end is writing: the server finishes what it has and ends; the front end
# learns of it, and says so.
signalled() { # SIGNAL
    local pid status=0
    truncate -s 1G disk
    server_start disk || return
    idle_descriptors=$(descriptors)
    "$VQ" blk --socket-path socket verify "${vq_verify[@]}" </dev/null >verify.log 2>&1 &
    pid=$!
    wait_until 5 connected "$pid"
    sleep 0.1
    alive "$pid" || { why="the front end ended before the server: $(tail -n 1 verify.log)"; return 1; }
    kill "-$1" "$server_pid"
    wait_until 10 gone "$server_pid" || { kill -KILL "$pid"; why="no end within 10 s of SIG$1"; return 1; }
    quietly_wait "$server_pid" || status=$?
    server_pid=""
    if ! wait_until 10 gone "$pid"; then
        kill -KILL "$pid"
        quietly_wait "$pid"
        why="vq blk waits for ever for a server that has gone"
        return 1
    fi
    expect "exit status of the server" "$status" 0 || return
    [ ! -e socket ] || { why="the socket was left behind"; return 1; }
    if quietly_wait "$pid"; then
        why="vq blk verify passed, though the server went away"
        return 1
    fi
    note "the front end: $(tail -n 1 verify.log)"
}

# A server killed outright leaves its socket file; the next one must not stumble over it. It may have
# to be started more than once: until the kernel has done away with the dead one's rings, which took
# some seconds on a busy machine, the image is locked.
killed_server() {
    local begun
    truncate -s 64M disk
    server_start disk || return
    kill -KILL "$server_pid"
    quietly_wait "$server_pid"
    server_pid=""
    [ -S socket ] || { why="there is no socket file to stumble over"; return 1; }
    begun=$(now)
    wait_until 30 starts_again || { why="no answer after a restart: $(tail -n 1 server.log)"; return 1; }
    note "serving again after $(since "$begun") s"
    server_stop
}
starts_again() {
    if [ -z "$server_pid" ] || ! alive "$server_pid"; then
        "$VQ" serve blk --socket-path socket --blk-file disk </dev/null >server.log 2>&1 &
        server_pid=$!
    fi
    blk info >info.log 2>&1
}

# Garbage instead of a front end.
garbage() {
    truncate -s 64M disk
    server_start disk || return
    idle_descriptors=$(descriptors)
    local i
    for i in 1 2 3 4 5 6 7 8 9 10; do
        # busybox nc speaks no Unix sockets: python is what the build needs anyway.
        timeout 5 python3 - "$i" <<'PYTHON' >garbage.log 2>&1 || true
import os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
s.settimeout(0.3)
s.connect("socket")
n = int(sys.argv[1])
fds = [os.open("/dev/zero", os.O_RDWR) for _ in range(n)]
socket.send_fds(s, [os.urandom(7 * n) if n % 2 else b"\x05\0\0\0\1\0\0\0\xff\xff\xff\xff"], fds)
try:
    s.recv(4096)
except OSError:
    pass
PYTHON
    done
    wait_until 5 idle || { why="descriptors when idle: $idle_descriptors, after garbage: $(count_all)"; return 1; }
    blk verify "${vq_verify[@]}" >verify.log 2>&1 || { why="the next one was not served: status $?: $(tail -n 2 verify.log)"; return 1; }
    server_stop
}

test_case "$times front ends killed in mid-write leave nothing in the server (file)" torn disk
test_case "SIGTERM in mid-write: exit status 0, no socket left" signalled TERM
if [ -z "${QUICK:-}" ]; then
    test_case "$times front ends killed in mid-write leave nothing in the server (memory)" torn memory:256M
    test_case "SIGINT in mid-write: exit status 0, no socket left" signalled INT
    test_case "a server killed and started again on its old socket" killed_server
    test_case "garbage on the socket ends that connection only" garbage
fi
tap_end
