#!/bin/sh
# The freestanding floors ask nobody for memory, locks or output: what their library leaves
# undefined is four memory functions at most, and what a sanitizer or a compiler adds.
set -eu
library=$1
echo 1..1
name="the freestanding library calls four memory functions and nothing else"
strange=$(${NM:-nm} -u "$library" | awk '$1 == "U" { print $2 }' | sort -u |
    grep -vE '^(vq_|memcpy$|memset$|memmove$|memcmp$|_GLOBAL_OFFSET_TABLE_$|__stack_chk_|__asan_|__ubsan_|__tsan_|__msan_|__sanitizer_|__gcov|__gcda)' || true)
if [ -z "$strange" ]; then
    echo "ok 1 - $name"
else
    echo "not ok 1 - $name"
    echo "$strange" | sed 's/^/# undefined: /'
fi
