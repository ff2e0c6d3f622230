#!/bin/bash
# The shared library exports what the public headers declare: all of it and nothing else.
#     exports.sh LIBRARY
. "$(dirname "$0")/lib.sh"
library=$1

nm -D --defined-only "$library" | awk '$2 ~ /[TDBRVWi]/ { sub(/@.*/, "", $3); print $3 }' |
    grep -vx 'VQ_0' | LC_ALL=C sort -u >"$work/exported"
"$root/scripts/export-map" - "$root"/include/vq/*.h | LC_ALL=C sort -u >"$work/declared"

something() { [ -s "$work/exported" ]; }
no_more() { ! LC_ALL=C comm -23 "$work/exported" "$work/declared" | grep .; }
no_less() { ! LC_ALL=C comm -13 "$work/exported" "$work/declared" | grep .; }
soname() { readelf -d "$library" | grep -q 'SONAME.*\[libvq\.so\.0\]'; }
check "the shared library exports something" something
check "it exports nothing that no public header declares" no_more
check "it defines all that the public headers declare" no_less
check "it carries a soname" soname
finish
