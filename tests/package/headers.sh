#!/bin/bash
# Each public header compiles alone and twice, in C11 and in C++17, without a warning.
. "$(dirname "$0")/lib.sh"

for header in "$root"/include/vq/*.h; do
    name=vq/$(basename "$header")
    printf '#include <%s>\n#include <%s>\n' "$name" "$name" >"$work/one.c"
    check "$name alone in C11" cc -std=c11 -Wall -Wextra -Wpedantic -Werror -I"$root/include" \
        -fsyntax-only "$work/one.c"
    if command -v g++ >/dev/null; then
        check "$name alone in C++17" g++ -std=c++17 -Wall -Wextra -Wpedantic -Werror \
            -I"$root/include" -fsyntax-only -x c++ "$work/one.c"
    else
        without "$name alone in C++17" g++
    fi
    listed() { grep -qF "'$(basename "$header")'" "$root/include/vq/meson.build"; }
    check "$name is installed" listed
done
finish
