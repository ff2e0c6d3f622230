#!/bin/bash
# An installation below DESTDIR, and a program that finds it by pkg-config alone.
#     install.sh BUILD
. "$(dirname "$0")/lib.sh"
build=$1

check "installs below DESTDIR" env DESTDIR="$work/root" meson install -C "$build" --no-rebuild ||
    finish
pc=$(find "$work/root" -name vq.pc)
check "installs vq.pc" [ -f "$pc" ]
for pattern in '*/include/vq/device.h' '*/libvq.a' '*/libvq.so' '*/libvq.so.0'; do
    found() { [ -n "$(find "$work/root" -path "$pattern")" ]; }
    check "installs ${pattern#\*/}" found
done
outside() { ! find "$work/root" -path '*/include/*' -name '*.h' ! -path '*/include/vq/*' | grep .; }
check "installs no header outside of vq/" outside

export PKG_CONFIG_SYSROOT_DIR=$work/root PKG_CONFIG_PATH=${pc%/*}
# shellcheck disable=SC2046 # lists of words
compile() { "$1" -Wall -Wextra -Wpedantic -Werror "${@:2}" $(pkg-config --cflags --libs $static vq); }
library_dir=$(dirname "$(find "$work/root" -name libvq.a)")

static=
for try in "cc -std=c11" "g++ -std=c++17"; do
    if ! command -v "${try%% *}" >/dev/null; then
        without "a program builds and runs with '$try'" "${try%% *}"
        continue
    fi
    language=c
    [ "${try%% *}" = cc ] || language=c++
    # shellcheck disable=SC2086 # a list of words
    check "a program builds with '$try'" \
        compile $try -x $language "$root/tests/package/consumer/consumer.c" -x none -o "$work/consumer" &&
        check "and runs with the shared library" env LD_LIBRARY_PATH="$library_dir" "$work/consumer"
done
uses_shared() { readelf -d "$work/consumer" | grep -q 'NEEDED.*libvq\.so\.0'; }
check "it names the shared library by its soname" uses_shared

static=--static
find "$work/root" -name 'libvq.so*' -delete
check "the same program links with the static library" \
    compile cc -std=c11 "$root/tests/package/consumer/consumer.c" -o "$work/static" &&
    check "and runs" "$work/static"
finish
