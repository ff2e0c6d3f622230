#!/bin/bash
# The examples in README.md are those of examples/, to the letter, and they run.
. "$(dirname "$0")/lib.sh"

# section FILE NAME: what stands between "README: NAME" and the next "README: end".
section() {
    awk -v begin="/* README: $2 */" '$0 == "/* README: end */" { on = 0 }
        on { print }
        $0 == begin { on = 1 }' "$1"
}

quoted() {
    section "$root/examples/echo.c" "$1" >"$work/section"
    [ -s "$work/section" ] || { echo "examples/echo.c has no section '$1'"; return 1; }
    python3 - "$work/section" "$root/README.md" <<'END'
import sys
section, readme = (open(name).read() for name in sys.argv[1:])
sys.exit(0 if "```c\n" + section + "```\n" in readme else "README.md does not quote it")
END
}

check "the driver's end in README.md is the one that runs" quoted "the driver's end"
check "the device's end in README.md is the one that runs" quoted "the device's end"
check "the example runs" "$1"
drawn() {
    "$1" layout 4 256 --svg "$work/layout.svg" && cmp "$work/layout.svg" "$root/docs/layout.svg"
}
check "the picture in README.md is what vq draws" drawn "$2"
finish
