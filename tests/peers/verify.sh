#!/bin/bash
# tests/peers/verify.sh: vq blk, the driver's end as a tool, against another implementation of the
# device's end (qemu-storage-daemon) and against vq serve blk. Prints TAP.
# shellcheck source=tests/peers/tap.sh
. "$(dirname "$0")/tap.sh"
guest_workdir

blk() { timeout -k 5 60 "$VQ" blk --socket-path socket "$@"; }
verify() { blk verify "${vq_verify[@]}" "$@" >verify.log 2>&1 || { why="vq blk verify: status $?: $(tail -n 2 verify.log)"; return 1; }; }

with_daemon() { # FUNCTION...: with qemu-storage-daemon as the server
    command -v qemu-storage-daemon >/dev/null || { why="qemu-storage-daemon (install qemu-system-common)"; return 77; }
    local PEER_SERVER=qemu-storage-daemon
    "$@"
}

# Everything vq blk can do, each step checked in the file itself.
all_verbs() { # SERVER-OPTION...
    random_disk disk 16
    cp disk wanted
    server_start disk "$@" || return
    blk info >info.log 2>&1 || { why="vq blk info: status $?: $(tail -n 2 info.log)"; return 1; }
    # The size must be in it, in bytes or sectors or words.
    grep -qE '16777216|32768|16(\.0*)? MiB' info.log || { why="vq blk info does not tell the size: $(head -n 5 info.log)"; return 1; }
    sed 's/^/#   info: /' info.log | head -n 24

    blk read --offset 0 --length 16777216 >whole 2>read.log || { why="vq blk read: status $?: $(tail -n 2 read.log)"; return 1; }
    expect "what vq blk read" "$(sum_of whole)" "$(sum_of disk)" || return
    blk read --offset 512 --length 1536 2>read.log >part || { why="vq blk read of a part: status $?: $(tail -n 2 read.log)"; return 1; }
    expect "a part in the middle" "$(sum_of part)" "$(dd if=disk bs=512 skip=1 count=3 status=none | sha256sum | cut -c1-64)" || return

    random_disk data 3
    blk write --offset 1049088 <data 2>write.log || { why="vq blk write: status $?: $(tail -n 2 write.log)"; return 1; }
    blk flush >flush.log 2>&1 || { why="vq blk flush: status $?: $(tail -n 2 flush.log)"; return 1; }
    dd if=data of=wanted bs=512 seek=2049 conv=notrunc status=none
    expect "the disk after vq blk write" "$(sum_of disk)" "$(sum_of wanted)" || return

    # Beyond the end is an error, and changes nothing.
    if blk write --offset 16777216 <data >beyond.log 2>&1; then
        why="vq blk wrote beyond the end of the disk"
        return 1
    fi
    if blk read --offset 16776704 --length 1024 >part 2>beyond.log; then
        why="vq blk read beyond the end of the disk"
        return 1
    fi
    expect "the disk after writing beyond its end" "$(sum_of disk)" "$(sum_of wanted)" || return
    if [ "${PEER_SERVER:-vq}" = vq ]; then
        blk discard --offset 4194304 --length 1048576 >discard.log 2>&1 || { why="vq blk discard: status $?: $(tail -n 2 discard.log)"; return 1; }
        cmp -s <(head -c 4194304 disk) <(head -c 4194304 wanted) && cmp -s <(tail -c 11534336 disk) <(tail -c 11534336 wanted) ||
            { why="vq blk discard changed what lies beside"; return 1; }
    fi
    server_stop
}

# What ends inside of a block leaves the rest of that block as it is, and the input after it alone.
writes_parts() {
    random_disk disk 4
    random_disk data 1
    cp disk wanted
    server_start disk --logical-block-size 65536 || return
    # The end of the length, of the input, and both at once.
    blk write --offset 65536 --length 100000 <data 2>write.log &&
        head -c 70001 data | blk write --offset 262144 2>write.log &&
        head -c 1000 data | blk write --offset 524288 --length 1000 2>write.log &&
        blk write --offset 1048576 --chunk 96k <data 2>write.log ||
        { why="vq blk write: status $?: $(tail -n 2 write.log)"; return 1; }
    local part
    for part in '65536 100000' '262144 70001' '524288 1000' '1048576 1048576'; do
        head -c "${part#* }" data | dd of=wanted bs=65536 seek="${part% *}" oflag=seek_bytes conv=notrunc status=none
    done
    server_stop || return
    expect "the disk after parts of blocks were written" "$(sum_of disk)" "$(sum_of wanted)"
}

# A disk may refuse what is no whole block: such blocks are read in full.
reads_parts() {
    random_disk disk 4
    server_start disk --logical-block-size 65536 || return
    local part
    for part in '0 1' '512 512' '65535 2' '70000 400000' '4128769 65535' '0 4194304'; do
        blk read --offset "${part% *}" --length "${part#* }" --chunk 128k >part 2>read.log ||
            { why="vq blk read of $part: status $?: $(tail -n 2 read.log)"; return 1; }
        expect "$part" "$(sum_of part)" "$(tail -c "+$((${part% *} + 1))" disk | head -c "${part#* }" | sum_of /dev/stdin)" || return
    done
    if blk read --chunk 32k >part 2>read.log; then
        why="a block was read in parts"
        return 1
    fi
    grep -q "must hold a block of the disk, 65536" read.log || { why="not said what --chunk must be: $(cat read.log)"; return 1; }
    server_stop
}

# Where the device cannot write zeroes by itself, they are written, in whole blocks as well.
zeroes_parts() {
    random_disk disk 4
    cp disk wanted
    server_start disk --logical-block-size 65536 --disable write_zeroes || return
    if blk zero --length 65536 --chunk 32k 2>zero.log; then
        why="a block was written in parts"
        return 1
    fi
    grep -q "must hold a block of the disk, 65536" zero.log || { why="not said what --chunk must be: $(cat zero.log)"; return 1; }
    blk zero --offset 65536 --length 262144 --chunk 96k 2>zero.log || { why="vq blk zero: status $?: $(tail -n 2 zero.log)"; return 1; }
    server_stop || return
    dd if=/dev/zero of=wanted bs=65536 seek=1 count=4 conv=notrunc status=none
    expect "the disk after zeroes were written" "$(sum_of disk)" "$(sum_of wanted)"
}

verifies() { # DISK SERVER-OPTION... [-- BLK-OPTION...]
    local disk=$1 options=()
    shift
    while [ $# -gt 0 ] && [ "$1" != -- ]; do
        options+=("$1")
        shift
    done
    [ $# -eq 0 ] || shift
    [[ $disk == memory:* ]] || truncate -s 64M "$disk"
    server_start "$disk" "${options[@]}" || return
    # Twice: the second one finds a server that has served, and a disk that is not empty.
    verify "$@" || return
    verify "$@" || return
    # Not from nothing: the pattern is in the file now.
    if [[ $disk != memory:* ]]; then
        [ "$(head -c 1048576 "$disk" | sum_of /dev/stdin)" != "$(head -c 1048576 /dev/zero | sum_of /dev/stdin)" ] ||
            { why="the first MiB is still zero after vq blk verify"; return 1; }
    fi
    note "$(tail -n 1 verify.log)"
    server_stop
}

# What the server does not take ends in words, not in waiting.
refused() {
    truncate -s 16M "$1"
    server_start "$1" || return
    shift 2
    if blk --timeout 5 verify "${vq_verify[@]}" "$@" >verify.log 2>&1; then
        why="it passed: $(tail -n 1 verify.log)"
        return 1
    fi
    note "$(tail -n 1 verify.log)"
    grep -q '^vq blk: ' verify.log || { why="not a word about why"; return 1; }
    server_kill
}

# A disk that lies must be caught.
catches_lies() {
    server_start memory:16M || return
    server_stop || return
    "$VQ" serve blk --socket-path socket --null 16M </dev/null >server.log 2>&1 &
    server_pid=$!
    wait_until 10 server_ready
    if blk verify "${vq_verify[@]}" >verify.log 2>&1; then
        why="vq blk verify passed on a disk that forgets: $(tail -n 1 verify.log)"
        return 1
    fi
    note "$(tail -n 1 verify.log)"
    server_stop
}

refuses_read_only() {
    random_disk disk 4
    local before
    before=$(sum_of disk)
    server_start disk --read-only || return
    if blk write --offset 0 <disk >write.log 2>&1; then
        why="vq blk wrote to a read-only disk"
        return 1
    fi
    if blk verify "${vq_verify[@]}" >verify.log 2>&1; then
        why="vq blk verify passed on a read-only disk"
        return 1
    fi
    server_stop || return
    expect "the read-only disk" "$(sum_of disk)" "$before"
}

nobody_there() {
    if blk info >info.log 2>&1; then
        why="vq blk info passed without a server"
        return 1
    fi
    [ -s info.log ] || { why="vq blk info failed without a word"; return 1; }
    note "$(tail -n 1 info.log)"
}

test_case "vq blk verify against qemu-storage-daemon" with_daemon verifies disk
test_case "vq blk verify against vq serve blk over a file" verifies disk
test_case "vq blk verify against vq serve blk over memory" verifies memory:64M
test_case "vq blk info, read, write, flush, discard against vq serve blk" all_verbs
test_case "vq blk read begins and ends anywhere inside of a block" reads_parts
test_case "vq blk write ends anywhere inside of a block" writes_parts
test_case "vq blk zero writes whole blocks" zeroes_parts
if [ -z "${QUICK:-}" ]; then
    test_case "vq blk info, read, write, flush against qemu-storage-daemon" with_daemon all_verbs
    test_case "vq blk read of parts of blocks, against qemu-storage-daemon" with_daemon reads_parts
    test_case "vq blk verify, blocks of 4096 bytes" verifies disk --logical-block-size 4096
    test_case "vq blk verify, ring of 4" verifies disk --queue-size 4 -- --queue-size 4
    test_case "vq blk verify, ring of 4, no indirect_desc" \
        verifies disk --queue-size 4 --disable indirect_desc -- --queue-size 4
    test_case "vq blk verify, ring of 1024, small requests, many at once" \
        verifies disk -- --queue-size 1024 --chunk 4k --depth 256
    test_case "vq blk verify, no event_idx, no indirect_desc" verifies disk --disable event_idx,indirect_desc
    test_case "vq blk verify, features that the driver leaves" \
        verifies disk -- --disable event_idx,indirect_desc,mq
    test_case "vq blk verify, legacy device" verifies disk --disable version_1
    test_case "vq blk verify, legacy driver" verifies disk -- --disable version_1
    test_case "vq blk verify, 16 queues" verifies disk --num-queues 16 -- --queues 16
    test_case "vq blk verify, legacy driver against qemu-storage-daemon is refused" \
        with_daemon refused disk -- --disable version_1
    test_case "vq blk verify finds out a disk that forgets" catches_lies
    test_case "a read-only disk is refused, and stays as it is" refuses_read_only
    test_case "vq blk says so when nobody is there" nobody_there
fi
tap_end
