#!/usr/bin/env python3
"""
Runs the boards: every machine, over every transport that it has, with every set of
options that makes sense there, and all devices in each run. Checks what a board says
of itself, what is on its disk afterwards, and what it echoed.

    matrix.py [--quick] [--readme] [--only WORD...] [--verbose] DIR

DIR holds MACHINE.elf. --quick leaves out what differs only from machine to machine.
--readme writes the tables into README.md and boards/README.md, between their markers,
if nothing failed. --only takes the runs whose name contains all the words. Prints a line
for each device of each run, tables, and as last line "N passed, N failed, N skipped".
"""
import argparse
import collections
import concurrent.futures
import hashlib
import json
import os
import random
import re
import select
import socket
import subprocess
import sys
import tempfile
import threading

SECTOR = 512
COPIED = 256 * SECTOR  # boards/test_block.c
CHANGE = 0x5A
DISK = 4 * COPIED
ID = "vq.board"
PORT = "vq.port"
MAC = "52:54:00:76:71:01"
LIMIT = 120  # seconds that a run may take on a machine that is busy with other things

INDIRECT, EVENT_IDX, VERSION_1, PLATFORM, PACKED, IN_ORDER = 28, 29, 32, 33, 34, 35

# --- what is run -----------------------------------------------------------------------

Machine = collections.namedtuple("Machine", "name elf command options good transports")
VIRT = ["mmio-legacy", "mmio", "pci-legacy", "pci-as-legacy", "pci-transitional", "pci"]
SEMIHOSTING = ["-semihosting-config", "enable=on,target=native"]
EXIT = ["-device", "isa-debug-exit,iobase=0xf4,iosize=4"]


def riscv(bits):
    name = f"riscv{bits}"
    return Machine(name, name, [f"qemu-system-{name}", "-M", "virt", "-bios", "none"],
                   0x82000000, 0, VIRT)


def arm(name):
    # A processor of 32 bits reaches no configuration space beyond 4 GiB.
    return Machine(name, name, ["qemu-system-arm", "-M", "virt,highmem=off", "-cpu", "cortex-a15"]
                   + SEMIHOSTING, 0x42000000, 0, VIRT)


def pc(name, elf, machine, transports):
    return Machine(name, elf, ["qemu-system-x86_64", "-M", machine] + EXIT, 0x2000000, 33,
                   transports)


# microvm has no I/O space on PCI, and so no legacy devices there.
MICROVM = ["mmio-legacy", "mmio", "pci-transitional", "pci"]
MACHINES = [
    riscv(64), riscv(32), arm("arm"), arm("arm-be"),
    Machine("aarch64", "aarch64",
            ["qemu-system-aarch64", "-M", "virt", "-cpu", "cortex-a53"] + SEMIHOSTING,
            0x42000000, 0, VIRT),
    pc("i386 q35", "i386", "q35", VIRT[2:]),
    pc("i386 microvm", "i386", "microvm,pcie=on", MICROVM),
    pc("x86-64 q35", "x86-64", "q35", VIRT[2:]),
    pc("x86-64 microvm", "x86-64", "microvm,pcie=on", MICROVM),
]

# Name: text for people, bus, properties of each device, options for QEMU, for the board.
Transport = collections.namedtuple("Transport", "title bus properties qemu board")
TRANSPORTS = {
    "mmio-legacy": Transport("MMIO legacy", "device", "",
                             ["-global", "virtio-mmio.force-legacy=true"], ""),
    "mmio": Transport("MMIO", "device", "", ["-global", "virtio-mmio.force-legacy=false"], ""),
    "pci-legacy": Transport("PCI legacy", "pci", ",disable-modern=on,disable-legacy=off", [], ""),
    "pci-as-legacy": Transport("PCI transitional, driven as legacy", "pci",
                               ",disable-modern=off,disable-legacy=off", [], "legacy"),
    "pci-transitional": Transport("PCI transitional", "pci",
                                  ",disable-modern=off,disable-legacy=off", [], ""),
    "pci": Transport("PCI", "pci", ",disable-modern=off,disable-legacy=on", [], ""),
}
LEGACY = {"mmio-legacy", "pci-legacy", "pci-as-legacy"}
FIXED = {"pci-legacy", "pci-as-legacy"}
MAX = 1024  # of any queue of QEMU's devices

# size: what the driver wants at most. without: what it does not accept. offers: bits that the
# device must offer for the run to mean anything.
# only: properties of one device. interrupts: what the drivers wait for.
Option = collections.namedtuple(
    "Option", "title size without properties offers legacy only interrupts")


def option(title, size=8, without=(), properties="", offers=(), legacy=True, only=None,
           interrupts=""):
    return Option(title, size, without, properties, offers, legacy, only or {}, interrupts)


OPTIONS = {
    "all": option("everything that is offered"),
    "size-1": option("queue of 1", size=1),
    "size-2": option("queue of 2", size=2),
    "size-4": option("queue of 4", size=4),
    "size-max": option("largest queue", size=MAX),
    "no-event": option("without EVENT_IDX", without=[EVENT_IDX]),
    "no-indirect": option("without INDIRECT_DESC", without=[INDIRECT]),
    "bare": option("without either", size=16, without=[INDIRECT, EVENT_IDX]),
    "not-offered": option("neither offered", properties=",event_idx=off,indirect_desc=off"),
    "other-sizes": option("devices with queues of other sizes", size=MAX,
                          only={"block": ",queue-size=16", "network": ",rx_queue_size=512"}),
    "platform": option("ACCESS_PLATFORM", properties=",iommu_platform=on", offers=[PLATFORM],
                       legacy=False),
    "interrupts": option("interrupts", interrupts="interrupts"),
    "interrupts-no-event": option("interrupts, without EVENT_IDX", without=[EVENT_IDX],
                                  interrupts="interrupts"),
    "interrupts-packed": option("interrupts, packed", properties=",packed=on", offers=[PACKED],
                                legacy=False, interrupts="interrupts"),
    "msix": option("MSI-X", interrupts="msix"),
    "packed": option("packed", properties=",packed=on", offers=[PACKED], legacy=False),
    "packed-5": option("packed, queue of 5", size=5, properties=",packed=on", offers=[PACKED],
                       legacy=False),
    "packed-max": option("packed, largest queue", size=MAX, properties=",packed=on",
                         offers=[PACKED], legacy=False),
    "packed-no-event": option("packed, without EVENT_IDX", without=[EVENT_IDX],
                              properties=",packed=on", offers=[PACKED], legacy=False),
    "packed-no-indirect": option("packed, without INDIRECT_DESC", without=[INDIRECT],
                                 properties=",packed=on", offers=[PACKED], legacy=False),
    "packed-not-taken": option("packed offered, split taken", without=[PACKED],
                               properties=",packed=on", offers=[PACKED], legacy=False),
    "device": option("as the device sees it", size=4),
    "packed-device": option("packed, as the device sees it", properties=",packed=on",
                            offers=[PACKED], legacy=False),
    "guide": option("the example of docs/firmware.md", legacy=False),
    "in-order": option("IN_ORDER", offers=[IN_ORDER], legacy=False),
}

QEMU_NAMES = {"block": "virtio-blk", "entropy": "virtio-rng", "console": "virtio-serial",
              "network": "virtio-net"}
DEVICES = ["block", "entropy", "console", "network"]


def devices(transport, o, disk, ports):
    """The arguments that give a machine its devices."""
    t = TRANSPORTS[transport]
    more = t.properties + o.properties
    rom = ",romfile=" if t.bus == "pci" else ""
    return t.qemu + [
        "-drive", f"if=none,id=disk,file={disk},format=raw,cache=unsafe",
        "-device", f"virtio-blk-{t.bus},drive=disk,serial={ID}{more}{o.only.get('block', '')}",
        "-object", "rng-builtin,id=entropy",
        "-device", f"virtio-rng-{t.bus},rng=entropy{more}",
        "-chardev", f"socket,id=first,fd={ports[0]}",
        "-chardev", f"socket,id=second,fd={ports[1]}",
        "-device", f"virtio-serial-{t.bus},max_ports=2{more}",
        "-device", "virtconsole,chardev=first,nr=0",
        "-device", f"virtserialport,chardev=second,nr=1,name={PORT}",
        "-netdev", "user,id=net,ipv6=off",
        "-device", f"virtio-net-{t.bus},netdev=net,mac={MAC}{rom}{more}"
        f"{o.only.get('network', '')}",
    ]


Run = collections.namedtuple("Run", "machine transport option")


def name_of(run):
    return f"{run.machine.name}, {TRANSPORTS[run.transport].title}, {OPTIONS[run.option].title}"


# Machines whose interrupts the boards take; the others poll.
INTERRUPTS = {"riscv64": {"interrupts"}, "riscv32": {"interrupts"},
              "arm": {"interrupts", "msix"}, "arm-be": {"interrupts", "msix"},
              "aarch64": {"interrupts", "msix"}}

# Another program, which knows one device on one transport.
GUIDE = "guide"

# The board leaves its devices running, and QEMU is asked where their queues are.
HELD = {"device", "packed-device"}


def runs(quick):
    for machine in MACHINES:
        for transport in machine.transports:
            for key, o in OPTIONS.items():
                if transport in LEGACY and not o.legacy:
                    continue
                if key == GUIDE and transport != "mmio":
                    continue
                if o.interrupts and (o.interrupts not in INTERRUPTS.get(machine.elf, ()) or
                                     (key == "msix" and transport.startswith("mmio"))):
                    continue
                # Transitional devices of QEMU cannot have it.
                if key == "platform" and transport == "pci-transitional":
                    continue
                # QEMU 7.2 offers it nowhere; newer ones may.
                if key == "in-order" and machine.name != "riscv64":
                    continue
                # The size of a queue of legacy PCI is the device's.
                if transport in FIXED and o.size < MAX and key.startswith("size-"):
                    continue
                if quick and machine.name not in QUICK and key not in QUICK_OPTIONS:
                    continue
                yield Run(machine, transport, key)


QUICK = {"riscv64", "i386 q35", "arm-be"}
QUICK_OPTIONS = {"all", "size-4", "packed"}

# --- one run ---------------------------------------------------------------------------


class Talker:
    """The host's end of a port: says a line of some hundred characters, and hears the echo."""

    def __init__(self, seed):
        letters = random.Random(seed)
        text = b"abcdefghijklmnopqrstuvwxyz0123456789 "
        self.line = bytes(letters.choice(text) for _ in range(300)) + b"\n"
        self.heard = b""
        self.ours, self.theirs = socket.socketpair()
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.talk)

    def talk(self):
        left = self.line
        while not self.stop.is_set() and len(self.heard) < len(self.line):
            readable, writable, _ = select.select([self.ours], [self.ours] if left else [], [], 0.05)
            try:
                if writable:
                    left = left[self.ours.send(left):]
                if readable:
                    data = self.ours.recv(4096)
                    if not data:
                        return
                    self.heard += data
            except OSError:
                return

    def start(self):
        self.theirs.close()
        self.thread.start()

    def finish(self):
        """What was said last may still be on its way."""
        self.thread.join(2)
        self.stop.set()
        self.thread.join()
        self.ours.close()


def look(path):
    """Asks QEMU for the queues of its devices, by name of the device, and ends it."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(LIMIT)
        s.connect(path)
        stream = s.makefile("rw", encoding="utf-8")

        def ask(command, **arguments):
            json.dump({"execute": command, "arguments": arguments}, stream)
            stream.flush()
            while True:
                answer = json.loads(stream.readline())
                if "return" in answer or "error" in answer:
                    return answer.get("return")

        json.loads(stream.readline())
        ask("qmp_capabilities")
        seen = {}
        for device in ask("x-query-virtio"):
            queues = []
            for i in range(8):
                q = ask("x-query-virtio-queue-status", path=device["path"], queue=i)
                if q and q["vring-desc"]:
                    queues.append((q["vring-num"], q["vring-desc"], q["vring-avail"],
                                   q["vring-used"]))
            seen[device["name"]] = sorted(queues)
        ask("quit")
        return seen


Launched = collections.namedtuple(
    "Launched", "command said status wanted_disk disk talkers seen")


def launch(run, folder, directory):
    """Starts a machine, and returns all that can be said of it when it has ended."""
    machine, o, t = run.machine, OPTIONS[run.option], TRANSPORTS[run.transport]
    size = MAX if run.transport in FIXED else o.size
    words = [f"size={size}"]
    if o.without:
        words.append("without=" + ",".join(map(str, o.without)))
    if t.board:
        words.append(t.board)
    if run.option in HELD:
        words.append("hold")
    if o.interrupts:
        words.append(o.interrupts)
    text = os.path.join(directory, "options")
    with open(text, "w", encoding="ascii") as f:
        f.write(" ".join(words))

    disk = os.path.join(directory, "disk")
    content = bytearray(random.Random(name_of(run)).randbytes(DISK))
    with open(disk, "wb") as f:
        f.write(content)
    if run.option == GUIDE:
        content[SECTOR:2 * SECTOR] = content[:SECTOR]
    else:
        content[COPIED:2 * COPIED] = bytes(b ^ CHANGE for b in content[:COPIED])

    program = "-firmware" if run.option == GUIDE else ""
    talkers = [Talker(name_of(run) + port) for port in ("first", "second")]
    ends = [t.theirs.fileno() for t in talkers]
    command = machine.command + [
        "-kernel", os.path.join(folder, machine.elf + program + ".elf"), "-m", "64M", "-nodefaults",
        "-display", "none", "-serial", "stdio", "-monitor", "none", "-no-reboot",
        "-qmp", f"unix:{directory}/qmp,server=on,wait=off",
        "-device", f"loader,file={text},addr={machine.options:#x},force-raw=on",
    ] + devices(run.transport, o, disk, ends)
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, pass_fds=ends) as process:
        for talker in talkers:
            talker.start()
        watchdog = threading.Timer(LIMIT, process.kill)
        watchdog.start()
        lines, seen = [], {}
        for line in process.stdout:
            lines.append(line.decode("ascii", "replace").strip())
            if lines[-1] == "board ok" and run.option in HELD:
                seen = look(os.path.join(directory, "qmp"))
        status = process.wait()
        if not watchdog.is_alive():
            status = f"killed after {LIMIT} seconds"
        watchdog.cancel()
    for talker in talkers:
        talker.finish()
    with open(disk, "rb") as f:
        found = f.read()
    return Launched(command, "\n".join(lines), status, content, found, talkers, seen)


# --- what is checked -------------------------------------------------------------------

Queue = collections.namedtuple("Queue", "wanted format offered fixed size address bytes legacy")
QUEUE = re.compile(r"queue \d+ wanted=(\d+) (split|packed|legacy) offered=(\d+) (fixed|choice) size=(\d+) "
                   r"descriptor=(\w+) driver=(\w+) device=(\w+) bytes=(\d+) legacy=(\d+)")


def sections(said):
    """Splits what a board said into its devices."""
    device, found = None, {}
    for line in said.splitlines():
        if line.startswith("device "):
            device = line.split()[1]
            found.setdefault(device, [])
        if device is not None:
            found[device].append(line)
    return found


def queues_of(lines):
    for line in lines:
        m = QUEUE.match(line)
        if m:
            yield Queue(int(m[1]), m[2], int(m[3]), m[4] == "fixed", int(m[5]),
                        [int(m[i], 16) for i in (6, 7, 8)], int(m[9]), int(m[10]))


def up(n, align):
    return (n + align - 1) // align * align


def check_queue(q, run):
    """What is wrong with where a queue is; None if nothing is."""
    o = OPTIONS[run.option]
    want = "legacy" if run.transport in LEGACY else \
        "packed" if PACKED in o.offers and PACKED not in o.without else "split"
    if q.format != want:
        return f"the queue is {q.format}, not {want}"
    if q.fixed != (run.transport in FIXED):
        return "the size is a choice where there is none, or none where there is"
    size = q.offered if q.fixed else min(q.wanted, q.offered)
    if q.size != size:
        return f"size {q.size} instead of {size} (offered {q.offered})"
    descriptor, driver, device = q.address
    if q.format == "legacy":
        if descriptor % 4096 or driver != descriptor + 16 * size or \
                device != descriptor + up(18 * size + 6, 4096):
            return "the parts are not where the legacy layout has them"
        if q.bytes != up(18 * size + 6, 4096) + up(8 * size + 6, 4096):
            return f"{q.bytes} bytes for a legacy queue of {size}"
        return None
    parts = [(16 * size, 16), (6 + 2 * size, 2), (6 + 8 * size, 4)] if q.format == "split" else \
        [(16 * size, 16), (4, 4), (4, 4)]
    for at, (_, align) in zip(q.address, parts):
        if at % align or not at % (2 * align):
            return f"{at:#x} should be aligned to {align} and no more"
    spans = sorted((at // 4096, (at + bytes_ - 1) // 4096) for at, (bytes_, _) in
                   zip(q.address, parts))
    if any(a[1] >= b[0] for a, b in zip(spans, spans[1:])):
        return "two parts share a page"
    if q.bytes != sum(bytes_ for bytes_, _ in parts):
        return f"{q.bytes} bytes are more than the parts take"
    return None


def number(name, text):
    m = re.search(rf" {name}=(\w+)", text)
    return int(m[1], 0) if m else 0


def check_features(test, run):
    o = OPTIONS[run.option]
    offered, accepted = number("offered", test), number("accepted", test)
    for bit in (EVENT_IDX, INDIRECT, VERSION_1, PLATFORM, PACKED, IN_ORDER):
        taken = offered >> bit & 1 and bit not in o.without and \
            not (run.transport in LEGACY and bit >= VERSION_1)
        if (accepted >> bit & 1) != taken:
            return f"feature {bit}: offered {offered:#x}, accepted {accepted:#x}"
    if (run.transport not in LEGACY) != (accepted >> VERSION_1 & 1):
        return "VERSION_1 does not match the transport"
    return None


def check_guide(run, launched):
    """The same for the example of the guide, which says no more than how it ended."""
    if launched.status != run.machine.good:
        return "not ok", f"it ended with {launched.status}"
    if hashlib.sha256(launched.disk).digest() != hashlib.sha256(launched.wanted_disk).digest():
        return "not ok", "the disk has another sha256 than it should have"
    return "ok", ""


def check_device(device, lines, run, launched):
    """(outcome, reason) of one device in one run."""
    o = OPTIONS[run.option]
    test = next((line for line in lines if line.startswith("test ")), None)
    if test is None:
        return "not ok", f"no test ran (status {launched.status})"
    missing = [bit for bit in o.offers if not number("offered", test) >> bit & 1]
    if missing:
        return "skip", f"feature {missing[0]} is not offered"
    if not test.endswith(" ok"):
        return "not ok", test[test.find("failed"):] if "failed" in test else test
    reason = check_features(test, run)
    if reason is None and (number("interrupts", test) != 0) != bool(o.interrupts):
        reason = "no interrupt came" if o.interrupts else "an interrupt came"
    if reason is None and (number("vectors", lines[0]) != 0) != (o.interrupts == "msix"):
        reason = "MSI-X was not used" if o.interrupts == "msix" else "MSI-X was used"
    queues = list(queues_of(lines))
    if reason is None and not queues:
        reason = "no queue"
    if reason is None and run.transport not in FIXED and queues[0].wanted != o.size:
        reason = f"a queue of {queues[0].wanted} was wanted"
    for q in queues:
        reason = reason or check_queue(q, run)
    if device == "block" and reason is None and number("sectors", test) != DISK // SECTOR:
        reason = f"the disk has {number('sectors', test)} sectors instead of {DISK // SECTOR}"
    if device == "network" and reason is None and f" mac={MAC} " not in test:
        reason = "the MAC is another one"
    if device == "block" and " small" not in test and reason is None:
        digests = [hashlib.sha256(d).hexdigest() for d in (launched.disk, launched.wanted_disk)]
        if digests[0] != digests[1]:
            reason = "the disk has sha256 {}, which should be {}".format(*digests)
    if device == "console" and reason is None:
        for talker in launched.talkers:
            if talker.heard != talker.line:
                reason = f"the echo is {talker.heard!r}"
    if run.option in HELD and reason is None:
        ours = sorted((q.size, *q.address) for q in queues)
        if launched.seen.get(QEMU_NAMES[device]) != ours:
            reason = f"QEMU sees queues at {launched.seen}, which should be {ours}"
    return ("ok", "") if reason is None else ("not ok", reason)


def perform(run, folder):
    with tempfile.TemporaryDirectory(prefix="boards-") as directory:
        launched = launch(run, folder, directory)
    if run.option == GUIDE:
        return run, {"block": check_guide(run, launched)}, {"block": []}, launched
    found = sections(launched.said)
    results = {d: check_device(d, found.get(d, []), run, launched) for d in DEVICES}
    if all(outcome != "not ok" for outcome, _ in results.values()) and \
            (launched.status != (0 if run.option in HELD else run.machine.good) or
             "board ok" not in launched.said):
        results[DEVICES[0]] = ("not ok", f"the board ended with {launched.status}")
    used = {d: list(queues_of(found.get(d, []))) for d in DEVICES}
    return run, results, used, launched


# --- tables ----------------------------------------------------------------------------


def table(head, rows):
    yield "| " + " | ".join(head) + " |"
    yield "| --- |" + " ---: |" * (len(head) - 1)
    for row in rows:
        yield "| " + " | ".join(row) + " |"


def cell(outcomes):
    counts = collections.Counter(outcomes)
    if not outcomes:
        return "–"
    if counts["not ok"]:
        return f"{counts['ok']} of {counts['ok'] + counts['not ok']}"
    return str(counts["ok"]) if counts["ok"] else "not offered"


def tables(done):
    """How many tests passed, by machine and transport, and by options and device."""
    by = collections.defaultdict(list)
    for run, results, _ in done:
        for device, (outcome, _) in results.items():
            by[run.machine.name, run.transport].append(outcome)
            by[run.option, device].append(outcome)
    yield from table(["Tests passed"] + [t.title for t in TRANSPORTS.values()],
                     [[m.name] + [cell(by[m.name, t]) for t in TRANSPORTS] for m in MACHINES])
    yield ""
    yield from table(["Tests passed"] + DEVICES,
                     [[o.title] + [cell(by[key, d]) for d in DEVICES]
                      for key, o in OPTIONS.items()])


def places(done):
    """Where the parts of a queue were."""
    rows = []
    for run, _, used in done:
        if run.machine.name == "riscv64" and run.option in ("size-4", "size-max", "packed"):
            for q in used["block"][:1]:
                rows.append([f"{TRANSPORTS[run.transport].title}, {OPTIONS[run.option].title}",
                             f"{q.offered}", f"{q.size}", *(f"{a:#x}" for a in q.address),
                             f"{q.bytes}", f"{q.legacy}"])
    yield from table(["The block device's queue, riscv64", "offered", "size", "descriptor area",
                      "driver area", "device area", "bytes", "legacy layout"], rows)


def write_between(path, name, lines):
    with open(path, encoding="utf-8") as f:
        text = f.read()
    first, last = f"<!-- {name} -->\n", f"<!-- end of {name} -->\n"
    start, end = text.index(first) + len(first), text.index(last)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text[:start] + "\n".join(lines) + "\n" + text[end:])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--readme", action="store_true")
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("folder")
    arguments = parser.parse_args()
    chosen = [r for r in runs(arguments.quick)
              if all(word in name_of(r) for word in arguments.only)]
    counts, done, n = collections.Counter(), [], 0
    print(f"1..{sum(1 if r.option == GUIDE else len(DEVICES) for r in chosen)}", flush=True)
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        for run, results, used, launched in pool.map(
                lambda r: perform(r, arguments.folder), chosen):
            done.append((run, results, used))
            for device, (outcome, reason) in results.items():
                n += 1
                counts[outcome] += 1
                line = f"{'not ok' if outcome == 'not ok' else 'ok'} {n} - {name_of(run)}: {device}"
                if reason:
                    line += f" # SKIP {reason}" if outcome == "skip" else f" # {reason}"
                print(line)
            if arguments.verbose or any(o == "not ok" for o, _ in results.values()):
                print("# " + " ".join(launched.command))
                for line in launched.said.splitlines():
                    print("#   " + line)
            sys.stdout.flush()
    print("\n".join(["", *tables(done), "", *places(done), ""]))
    if arguments.readme and not counts["not ok"]:
        here = os.path.dirname(os.path.abspath(__file__))
        write_between(os.path.join(here, "..", "README.md"), "boards", tables(done))
        write_between(os.path.join(here, "README.md"), "places", places(done))
    print(f"{counts['ok']} passed, {counts['not ok']} failed, {counts['skip']} skipped")
    return 1 if counts["not ok"] or not counts["ok"] else 0


if __name__ == "__main__":
    sys.exit(main())
