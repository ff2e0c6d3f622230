#!/bin/sh
# Counts with callgrind the instructions that each function of the ring takes for one buffer of
# one readable and one writable element, and prints them as a table:
#
#     bench/ring_callgrind.sh [VQ] [OPTION OF "vq bench ring"...]
#
# A count of instructions is the same on a busy machine and on an idle one.
set -eu
vq=${1:-build/vq}
[ $# -eq 0 ] || shift
count=65536
processor=$(taskset -pc $$ | sed 's/.*: //; s/[-,].*//')

command -v valgrind >/dev/null || {
    echo "ring_callgrind: needs valgrind (Debian: apt-get install valgrind)" >&2
    exit 1
}
dir=$(mktemp -d "${TMPDIR:-/tmp}/callgrind.XXXXXX")
trap 'rm -rf "$dir"' EXIT

# Instructions of a function and all that it calls, by buffer.
count() {
    batch=$1
    shift
    # On one processor no cache line's round trip is measured, which takes long in an emulation.
    taskset -c "$processor" valgrind --quiet --tool=callgrind --callgrind-out-file="$dir/$batch" \
        "$vq" bench ring --threads 1 --batch "$batch" --count $count "$@" >"$dir/log" 2>&1 || {
        cat "$dir/log" >&2
        exit 1
    }
    callgrind_annotate --inclusive=yes --auto=no --threshold=100 "$dir/$batch" |
        awk -v count=$count -v batch="$batch" '
            match($0, /:vq_(driver|device)_(add|publish|pop|push|get|enable_notifications)( |$)/) {
                name = substr($0, RSTART + 1, RLENGTH - 1)
                sub(/ $/, "", name)
                cost = $1
                gsub(/,/, "", cost)
                if (cost + 0 > most[name]) most[name] = cost + 0
            }
            END { for (name in most) print name, batch, most[name] / count }'
}

{
    count 1 "$@"
    count 32 "$@"
} | awk '
    { cost[$1, $2] = $3; sum[$2] += $3 }
    END {
        n = split("vq_driver_add vq_driver_publish vq_device_pop vq_device_push " \
            "vq_device_publish vq_device_enable_notifications vq_driver_get " \
            "vq_driver_enable_notifications", order, " ")
        print "| instructions per buffer | batches of 1 | batches of 32 |"
        print "| --- | ---: | ---: |"
        for (i = 1; i <= n; i++)
            printf "| `%s` | %.1f | %.1f |\n", order[i], cost[order[i], 1], cost[order[i], 32]
        printf "| all | %.1f | %.1f |\n", sum[1], sum[32]
    }'
