#!/bin/bash
# The one-file form: vq.h and vq.c compile alone, as C11 and as C++17, on this machine and for
# smaller ones, without a warning; they hold every function that the headers declare; and an
# example runs with them.
. "$(dirname "$0")/lib.sh"

strict="-Wall -Wextra -Wconversion -Wshadow -Werror"
example=$(realpath "$1")
cd "$work" || exit 1

check "the two files are made" "$root/scripts/amalgamation" "$work/one" || finish
again() { "$root/scripts/amalgamation" two && diff -r one two; }
check "they are the same each time" again
alone() { ! grep -nE '^[[:space:]]*#[[:space:]]*include[[:space:]]*(<vq/|"[^v])' one/vq.h one/vq.c; }
check "nothing else of the project is included" alone

# compiles NAME COMPILER FLAG...
compiles() {
    local name=$1 compiler=$2
    shift 2
    if command -v "$compiler" >/dev/null; then
        # shellcheck disable=SC2086 # a list of words
        check "$name without a warning" "$compiler" "$@" $strict -c one/vq.c -o "$compiler.o"
    else
        without "$name without a warning" "$compiler"
    fi
}
compiles "C11, gcc" gcc -std=c11 -Wstrict-prototypes -Wmissing-prototypes
compiles "C11, clang" clang -std=c11 -Wstrict-prototypes -Wmissing-prototypes
compiles "C++17, gcc" g++ -std=c++17 -x c++
compiles "C++17, clang" clang++ -std=c++17 -x c++

# What the headers declare and vq.c lacks.
all_there() {
    local headers=()
    for header in "$root"/include/vq/*.h; do
        case $header in */vhost_user_*) ;; *) headers+=("$header") ;; esac
    done
    "$root/scripts/export-map" - "${headers[@]}" | sort >declared
    nm --defined-only "$1" | awk '$2 == "T" || $2 == "R" { print $3 }' | sort >defined
    ! comm -23 declared defined | grep .
}
check "all that the headers declare is in it" all_there gcc.o
if [ -e g++.o ]; then
    check "... under the same names in C++" all_there g++.o
else
    without "... under the same names in C++" g++
fi

# Firmware: no libc, nothing but memcpy and its like is asked for.
firmware() {
    local compiler=$1
    shift
    # shellcheck disable=SC2086 # a list of words
    "$compiler" -std=c11 -Os -ffreestanding -nostdlib "$@" $strict -c one/vq.c -o firmware.o &&
        ! "${compiler%-gcc}-nm" -u firmware.o | grep -vE ' (memcpy|memset|memmove|memcmp)$'
}
while read -r name compiler flags; do
    if command -v "$compiler" >/dev/null; then
        # shellcheck disable=SC2086 # a list of words
        check "$name: compiles without libc" firmware "$compiler" $flags
    else
        without "$name: compiles without libc" "$compiler"
    fi
done <<END
cortex-m0 arm-none-eabi-gcc -mcpu=cortex-m0 -mthumb
cortex-m3 arm-none-eabi-gcc -mcpu=cortex-m3 -mthumb
riscv32 riscv64-unknown-elf-gcc -march=rv32imc -mabi=ilp32
riscv64 riscv64-unknown-elf-gcc -march=rv64imac -mabi=lp64
END

# The example, which includes headers one by one, with the one that has them all.
sed -e 's|^#include <vq/.*>|#include "vq.h"|' "$root/examples/echo.c" >echo.c
echoes() {
    gcc -std=c11 -Ione echo.c "$1" -o echo && ./echo >said && diff said expected
}
"$example" >expected
check "an example runs with it" echoes gcc.o
if [ -e g++.o ]; then
    check "... and with what C++ made of it" echoes g++.o
else
    without "... and with what C++ made of it" g++
fi
finish
