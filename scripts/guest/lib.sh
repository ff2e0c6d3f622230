# shellcheck shell=bash
# scripts/guest/lib.sh: what scripts/run and tests/peers/*.sh share: a work directory, a server, and
# a Linux that boots on it, under User-mode Linux or QEMU.
#
# Everything runs with the work directory as its current directory and names its socket and files
# relative to it: a socket's path must stay below 108 bytes, and neither commas nor blanks in $TMPDIR
# may reach a kernel command line or a QEMU option. Processes are ended by their id, and only those
# that were started here. A guest has a time limit of its own: Linux waits for ever for a request
# that the disk never completes.

# mke2fs and its like are in sbin, which is not in everyone's path.
PATH=$PATH:/usr/sbin:/sbin
export LC_ALL=C
# Job control messages ("Killed") are no news to those who did the killing.
set +m

# BUILD is the build directory, below the repository or absolute.
BUILD=${BUILD:-build}
[[ $BUILD == /* ]] || BUILD=$repo/$BUILD
VQ=${VQ:-$BUILD/vq}

# --- Work directory ------------------------------------------------------------------------------

work=""
server_pid=""
guest_pid=""

guest_workdir() {
    work=$(mktemp -d "${TMPDIR:-/tmp}/vq-guest.XXXXXX") || exit 2
    cd "$work" || exit 2
    trap 'guest_cleanup' EXIT
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 141' PIPE
    trap 'exit 143' TERM
}

guest_cleanup() {
    local status=$?
    trap - EXIT
    guest_kill
    server_kill
    cd / || true
    if [ -n "${KEEP:-}" ]; then
        echo "# kept $work"
    else
        rm -rf "$work"
    fi
    exit "$status"
}

now() { date +%s.%N; }
since() { awk -v a="$1" -v b="$(now)" 'BEGIN { printf "%.1f", b - a }'; }
sum_of() { sha256sum <"$1" | cut -c1-64; }
alive() { kill -0 "$1" 2>/dev/null; }

# quietly_wait PID: its exit status; the shell's remark on a killed child is dropped.
quietly_wait() { wait "$1" 2>/dev/null; }

# wait_until SECONDS COMMAND...: true as soon as COMMAND is.
wait_until() {
    local left=$(($1 * 20))
    shift
    until "$@"; do
        [ "$left" -gt 0 ] || return 1
        left=$((left - 1))
        sleep 0.05
    done
}
gone() { ! alive "$1"; }

# --- The server ----------------------------------------------------------------------------------

# server_start DISK [vq serve blk option...]: serves ./DISK ("memory:SIZE" for memory) on ./socket.
# PEER_SERVER=qemu-storage-daemon puts another implementation in its place, to tell a fault of the
# server from one of a guest; it returns 77 for options that it does not have.
server_start() {
    local disk=$1
    shift
    rm -f socket
    case ${PEER_SERVER:-vq} in
    vq)
        local backing=(--blk-file "$disk")
        [[ $disk == memory:* ]] && backing=(--memory "${disk#memory:}")
        # shellcheck disable=SC2086 # a wrapper such as valgrind may have arguments
        ${SERVER_WRAP:-} "$VQ" serve blk --socket-path socket "${backing[@]}" "$@" </dev/null >server.log 2>&1 &
        ;;
    qemu-storage-daemon)
        local writable=on more=",num-queues=4"
        while [ $# -gt 0 ]; do
            case $1 in
            --read-only) writable=off ;;
            --num-queues) more=${more/=4/=$2}; shift ;;
            --logical-block-size) more+=",logical-block-size=$2"; shift ;;
            --queue-size) shift ;; # a limit, which is the front end's matter there
            --disable)
                [ "$2" = ring_packed ] || return 77 # which it never offers
                shift
                ;;
            *) return 77 ;;
            esac
            shift
        done
        [[ $disk == memory:* ]] && return 77
        qemu-storage-daemon --blockdev "driver=file,node-name=f0,filename=$disk,discard=unmap" --export \
            "type=vhost-user-blk,id=e0,node-name=f0,writable=$writable,addr.type=unix,addr.path=socket$more" \
            </dev/null >server.log 2>&1 &
        ;;
    esac
    server_pid=$!
    wait_until 10 server_ready && alive "$server_pid" && return 0
    why="the server did not come up: $(tail -n 3 server.log)"
    return 1
}
server_ready() { [ -S socket ] || ! alive "$server_pid"; }

# server_stop: SIGTERM must end it soon, with status 0 and no socket left behind. $why says what not.
server_stop() {
    local status=0
    alive "$server_pid" || { quietly_wait "$server_pid"; why="the server was gone before its end, status $?: $(tail -n 3 server.log)"; server_pid=""; return 1; }
    kill -TERM "$server_pid"
    if ! wait_until 10 gone "$server_pid"; then
        why="the server did not end within 10 s of SIGTERM"
        server_kill
        return 1
    fi
    quietly_wait "$server_pid" || status=$?
    server_pid=""
    [ "$status" -eq 0 ] || { why="the server ended with status $status: $(tail -n 3 server.log)"; return 1; }
    [ ! -e socket ] || { why="the server left its socket behind"; return 1; }
    if grep -q ' is broken: ' server.log; then
        why="the server called a queue broken: $(grep -m 1 ' is broken: ' server.log)"
        return 1
    fi
    # Sanitizers speak on standard error, and need not change the status.
    if grep -qE 'AddressSanitizer|LeakSanitizer|ThreadSanitizer|runtime error:' server.log; then
        why="a sanitizer spoke: $(grep -m 1 -E 'Sanitizer|runtime error:' server.log)"
        return 1
    fi
}

server_kill() {
    [ -n "$server_pid" ] || return 0
    kill -KILL "$server_pid" 2>/dev/null
    quietly_wait "$server_pid"
    server_pid=""
}

# --- A guest -------------------------------------------------------------------------------------

# guest_wait SECONDS: for the end of the guest. Sets guest_rc to what its last line said, or to
# "none" ($why says whether it hung or fell). The console is in ./console, one fact a line in ./facts.
guest_wait() {
    local hung=""
    if ! wait_until "$1" gone "$guest_pid"; then
        hung=yes
        { threads_of guest "$guest_pid"; threads_of server "$server_pid"; } >threads
    fi
    guest_kill
    guest_facts
    guest_rc=$(sed -n 's/^done rc=\([0-9]*\).*/\1/p' facts | tail -n 1)
    if [ -z "$guest_rc" ]; then
        guest_rc=none
        why="the guest ended before its work was done"
        [ -z "$hung" ] || why="the guest hung: no end within $1 s"
        return 1
    fi
    if [ -n "$hung" ]; then
        why="the guest did its work, then hung on the way out"
        return 1
    fi
    if [ "$guest_rc" != 0 ] || grep -q '^bad ' facts; then
        why="the guest found a fault: $(grep -m 1 '^bad ' facts)"
        return 1
    fi
    if grep -q '^kernel ' facts; then
        why="the guest's kernel complained: $(grep -m 1 '^kernel ' facts)"
        return 1
    fi
}

# threads_of WHO PID: what each thread of a process that came to no end was at: its state, the ticks it
# ran in user and kernel mode, where in the kernel it sleeps.
threads_of() {
    local task stat
    for task in "/proc/${2:-none}/task"/*; do
        [ -r "$task/stat" ] || continue
        stat=$(<"$task/stat")
        # shellcheck disable=SC2086 # its fields; the name before them may hold blanks
        set -- "$1" ${stat##*) }
        echo "$1 ${task##*/} $(<"$task/comm"): ${2}, ${13} + ${14} ticks, $(cat "$task/wchan" 2>/dev/null)"
    done
}

# After a hang: did the guest's own clock stop, so that the hang says nothing of its disk? Its kernel
# says so, or has not come to its first program.
guest_clock_stopped() {
    [ ! -s console ] || grep -q "timer wakeup didn't happen" console
}

guest_facts() { tr -d '\r' <console 2>/dev/null | sed -n 's/^M //p' >facts; }

# SIGKILL for the guest's whole process group: User-mode Linux has several processes, and takes
# SIGTERM for a panic.
guest_kill() {
    [ -n "$guest_pid" ] || return 0
    kill -KILL -- "-$guest_pid" 2>/dev/null
    quietly_wait "$guest_pid"
    guest_pid=""
}

# fact LINE KEY: the value of KEY=... in the fact that begins with LINE; without KEY, the rest of it.
fact() {
    if [ $# -gt 1 ]; then
        sed -n "s/^$1 .*\b$2=\([^ ]*\).*/\1/p" facts | head -n 1
    else
        sed -n "s/^$1 //p" facts | head -n 1
    fi
}

# has_bit N: did the guest's driver negotiate feature bit N?
has_bit() { [[ $(fact driver bits) == *,$1,* ]]; }

# What the driver negotiated, in words.
negotiated() {
    local text="a legacy driver"
    has_bit 32 && text="a modern driver"
    has_bit 34 && text+=", packed ring"
    has_bit 28 && text+=", indirect descriptors"
    has_bit 29 && text+=", event index"
    echo "$text, $(fact disk queues) queue(s)"
}

# --- User-mode Linux -----------------------------------------------------------------------------

# Why there is no User-mode Linux on this machine; nothing and true when there is.
uml_missing() {
    if ! command -v linux.uml >/dev/null; then
        if [ "$(uname -m)" != x86_64 ]; then
            echo "User-mode Linux runs on x86-64 only, this is $(uname -m)"
        elif [ ! -e /etc/debian_version ]; then
            echo "no linux.uml, which Debian has as package user-mode-linux"
        else
            echo "no linux.uml (install user-mode-linux)"
        fi
        return 1
    fi
    command -v busybox >/dev/null || { echo "no busybox (install busybox-static)"; return 1; }
    [ -d "$(uml_modules)" ] || { echo "no modules for it in $(uml_modules)"; return 1; }
}
uml_modules() { echo "/usr/lib/uml/modules/$(linux.uml --version 2>/dev/null)"; }

# The guest's memory is a sparse file that is mapped executable: not every directory will do, and
# containers often have a /dev/shm too small for it.
uml_memory_dir() {
    local dir probe
    for dir in /dev/shm "${TMPDIR:-/tmp}" /tmp "$work" /var/tmp "${XDG_RUNTIME_DIR:-/tmp}"; do
        if [ ! -d "$dir" ] || [ ! -w "$dir" ]; then continue; fi
        [ "$(df -Pk "$dir" | awk 'NR == 2 { print $4 }')" -ge 200000 ] || continue
        probe=$(mktemp "$dir/vq-exec.XXXXXX" 2>/dev/null) || continue
        printf '#!/bin/sh\nexit 0\n' >"$probe"
        chmod 700 "$probe"
        if "$probe" 2>/dev/null; then
            rm -f "$probe"
            echo "$dir"
            return 0
        fi
        rm -f "$probe"
    done
    return 1
}

# uml_initramfs OUT
uml_initramfs() { "$repo/scripts/initramfs" "$1" "$(uml_modules)" virtio_blk ext4; }

# uml-exec hides register state that User-mode Linux cannot handle. What it hides is not kept over a
# page fault: the guest's C library is told, in its environment, to do without.
uml=(linux.uml)
[ -x "$BUILD/scripts/guest/uml-exec" ] && uml=("$BUILD/scripts/guest/uml-exec" linux.uml)
uml_libc="GLIBC_TUNABLES=glibc.cpu.hwcaps=-AVX,-AVX2,-AVX512F,-AVX512VL,-AVX512BW"

# uml_start INITRAMFS JOB [kernel parameter...]: boots on ./socket; guest_pid is its process group.
uml_start() {
    local initramfs=$1 job=$2 memory
    shift 2
    memory=$(uml_memory_dir) || { why="no directory with room for the guest's memory that allows executable mappings (looked in /dev/shm, \$TMPDIR, /tmp, /var/tmp)"; return 1; }
    [ "$initramfs" = initramfs ] || ln -sf "$initramfs" initramfs
    rm -rf uml.dir
    mkdir uml.dir
    : >console
    TMPDIR=$memory setsid "${uml[@]}" mem=128M initrd=initramfs virtio_uml.device=socket:2 con=null \
        con0=null,fd:1 quiet panic=-1 uml_dir=uml.dir "$uml_libc" vq.do="$job" "$@" </dev/null >console 2>&1 &
    guest_pid=$!
}

# --- QEMU ----------------------------------------------------------------------------------------

# qemu_start JOB DEVICE-OPTIONS [QEMU argument...]: boots $QEMU_KERNEL with $QEMU_INITRD and a
# vhost-user-blk-pci on ./socket, by QEMU's own translator (no KVM needed). The guest's memory is a
# memfd, which is what gets shared with the server. $QEMU_MEMORY is its size (256M), $QEMU_CHARDEV
# may have more options for the socket, $QEMU_MONITOR the name of two fifos, .in and .out, for the monitor.
# A guest with several processors, translated on a busy host, now and then loses the one timer that it
# waits for, and all its processors sleep for ever: hence the periodic tick.
qemu_start() {
    local job=$1 options=$2 memory=${QEMU_MEMORY:-256M} monitor=(-monitor none)
    shift 2
    [ -z "${QEMU_MONITOR:-}" ] || monitor=(-chardev "pipe,id=hmp,path=$QEMU_MONITOR" -mon chardev=hmp)
    : >console
    setsid qemu-system-x86_64 -nodefaults -no-user-config -machine q35,memory-backend=mem -accel tcg -m "$memory" \
        -object "memory-backend-memfd,id=mem,size=$memory,share=on" -display none "${monitor[@]}" -no-reboot \
        -serial file:console -kernel "$QEMU_KERNEL" -initrd "$QEMU_INITRD" \
        -append "console=ttyS0 no_timer_check nohz=off highres=off panic=-1 quiet vq.do=$job" -chardev "socket,id=vu,path=socket${QEMU_CHARDEV:-}" \
        -device "vhost-user-blk-pci,chardev=vu${options:+,$options}" "$@" </dev/null >qemu.log 2>&1 &
    guest_pid=$!
}
