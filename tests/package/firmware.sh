#!/bin/bash
# The code of docs/firmware.md is that of examples/firmware.c, which is compiled with the tests and
# run by `make boards`: every block of the one is a section of the other, and the other way round.
. "$(dirname "$0")/lib.sh"

same() {
    python3 - "$root/examples/firmware.c" "$root/docs/firmware.md" <<'END'
import re
import sys

source, guide = (open(name, encoding="utf-8").read() for name in sys.argv[1:])
sections = re.findall(r"/\* README: (?!end)[a-z]+ \*/\n(.*?)/\* README: end \*/\n", source, re.S)
blocks = re.findall(r"^```c\n(.*?)^```$", guide, re.S | re.M)
for block in blocks:
    if block not in sections:
        sys.exit("examples/firmware.c does not have:\n" + block)
for section in sections:
    if section not in blocks:
        sys.exit("docs/firmware.md does not quote:\n" + section)
if not sections:
    sys.exit("there is nothing to compare")
END
}

# What is not quoted is a comment, an empty line or a declaration.
nothing_else() {
    ! awk '/^\/\* README: end/ { on = 0 } !on { print } /^\/\* README: [a-z]+ \*\/$/ && !/end/ { on = 1 }' \
        "$root/examples/firmware.c" | grep -vE '^(/\*| \*|$|enum vq_error [a-z_]+\(.*\);$)'
}

check "the code of docs/firmware.md is that of the example" same
check "the example has no code that the guide lacks" nothing_else
finish
