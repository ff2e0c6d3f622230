#!/bin/bash
# tests/peers/qemu.sh: QEMU's vhost-user front end and Debian's cloud kernel inside it, against
# vq serve blk. QEMU translates (TCG), so no KVM is needed and a boot takes 4 to 12 seconds.
# Prints TAP. QUICK=1 takes a few cases, ONLY=text those whose name has it.
# shellcheck source=tests/peers/tap.sh
. "$(dirname "$0")/tap.sh"
guest_workdir
limit=60

missing=""
prepare() {
    local cache=$BUILD/guests/kernel
    if ! command -v qemu-system-x86_64 >/dev/null; then
        missing="qemu-system-x86_64 (install qemu-system-x86)"
    elif ! command -v busybox >/dev/null; then
        missing="busybox (install busybox-static)"
    elif ! "$repo/scripts/guest/cloud-kernel" "$cache" 2>"$work/kernel.log"; then
        missing="Debian's cloud kernel: $(tail -n 1 "$work/kernel.log")"
    elif ! "$repo/scripts/initramfs" "$work/initramfs" "$cache/modules" virtio_pci virtio_blk ext4 2>"$work/kernel.log"; then
        missing="an initramfs: $(tail -n 1 "$work/kernel.log")"
    fi
    QEMU_KERNEL=$cache/vmlinuz QEMU_INITRD=$work/initramfs
}
prepare

# One boot. Arguments NAME=VALUE say what is asked of whom, and what must come of it:
#   device=OPTIONS  for QEMU's vhost-user-blk-pci      server=OPTIONS  for vq serve blk
#   smp=N           processors of the guest            queues=N        the guest must use so many
#   size=N          entries of the ring, to be seen in the guest
#   memory=SIZE     of the guest (256M)
#   kind=split|packed|legacy  event=0|1  indirect=0|1  what the guest's driver must say
boot() {
    local device="" server="" smp=1 queues=1 size="" kind=split event=1 indirect=1 memory="" id before option attempt
    for option; do
        case ${option%%=*} in
        device | server | smp | queues | size | kind | event | indirect | memory) local "$option" ;;
        *) why="no such parameter: $option"; return 1 ;;
        esac
    done
    [ -z "$missing" ] || { why=$missing; return 77; }
    ! needs_vq "$kind" || return 77
    random_disk disk 16
    before=$(sum_of disk)
    for attempt in first second; do
        # shellcheck disable=SC2086 # a list of options
        server_start disk $server || return
        QEMU_MEMORY=$memory qemu_start raw "$device" -smp "$smp" || return
        guest_wait $limit && break
        [ $attempt = first ] && guest_clock_stopped || return 1
        note "the guest's clock stopped; once more"
        sed 's/^/#   /' threads
        server_stop || return 1
        before=$(sum_of disk)
    done
    negotiated_is "$kind" "$event" "$indirect" || return 1

    # A transitional PCI device has id 0x1001, a modern-only one 0x1042.
    id=$(fact pci device)
    [[ $device == *disable-legacy=on* ]] && { expect "PCI device id" "$id" 0x1042 || return 1; }
    [[ $device == *disable-modern=on* ]] && { expect "PCI device id" "$id" 0x1001 || return 1; }
    expect "queues in the guest" "$(fact disk queues)" "$queues" || return 1
    if [ -n "$size" ]; then
        # Without indirect descriptors Linux counts two descriptors for a request.
        [ "$indirect" = 1 ] || size=$((size / 2))
        expect "requests that the guest's ring takes" "$(fact disk requests)" "$size" || return 1
    fi
    if [ "$queues" -gt 1 ]; then
        note "interrupts: $(sed -n 's/^interrupts //p' facts | tr '\n' ';')"
        expect "queues that took interrupts" \
            "$(grep -c '^interrupts virtio[0-9]*-req\.[0-9]* [1-9]' facts)" "$queues" || return 1
    fi
    server_stop || return 1
    same_both_ways disk "$before"
}

# A guest at work while DISTURBANCE is done to it, again and again; then all must be as it should.
disturbed() { # DISTURBANCE split|packed DEVICE-OPTIONS QEMU-CHARDEV-OPTIONS
    local times=0 before
    [ -z "$missing" ] || { why=$missing; return 77; }
    ! needs_vq "$2" || return 77
    random_disk disk 16
    before=$(sum_of disk)
    server_start disk || return
    # One for each direction; nobody reads what the monitor says.
    mkfifo monitor.in monitor.out
    exec 8<>monitor.in 9<>monitor.out
    QEMU_MONITOR=monitor QEMU_CHARDEV=$4 qemu_start long "$3,num-queues=2" -smp 2 || return
    wait_until $limit grep -qs '^M round 2' console || { why="the guest did not get to write"; exec 8>&- 9>&-; return 1; }
    while alive "$guest_pid" && ! grep -qs '^M rounds' console && [ $times -lt 20 ]; do
        "$1" || { exec 8>&- 9>&-; return 1; }
        times=$((times + 1))
        sleep 0.3
    done
    guest_wait $limit || { exec 8>&- 9>&-; why="$why (after $times times)"; return 1; }
    exec 8>&- 9>&-
    negotiated_is "$2" 1 1 || return
    note "done $times times to a guest that made $(fact rounds) rounds"
    server_stop || return 1
    expect "checksum of the disk in the guest before writing" "$(fact sum-before)" "$before" || return
    expect "checksum of the disk on the host after the guest's writes" "$(sum_of disk)" "$(fact sum-after)" || return
    [ "$times" -ge 3 ] || { why="done only $times times"; return 1; }
}
pause() { echo stop >&8; sleep 0.1; echo cont >&8; }
restart() {
    server_stop || return 1
    sleep 0.1
    server_start disk
}

modern=disable-legacy=on
packed=$modern,packed=on
legacy=disable-modern=on,disable-legacy=off

test_case "QEMU, modern device" boot device=$modern
test_case "QEMU, packed rings" boot device=$packed kind=packed
test_case "QEMU, legacy device" boot device=$legacy kind=legacy
test_case "QEMU, modern device, 4 queues for 4 processors" boot device=$modern,num-queues=4 smp=4 queues=4
if [ -z "${QUICK:-}" ]; then
    test_case "QEMU, memory in two regions" boot device=$modern memory=4G
    test_case "QEMU, stopped and continued while the guest writes" disturbed pause split $modern ""
    test_case "QEMU, stopped and continued while the guest writes, packed rings" disturbed pause packed $packed ""
    test_case "QEMU, the server ended and started again while the guest writes" disturbed restart split $modern ,reconnect=1
    test_case "QEMU, transitional device" boot device=disable-modern=off,disable-legacy=off
    test_case "QEMU, modern device, ring of 8" boot device=$modern,queue-size=8 size=8
    test_case "QEMU, modern device, ring of 1024" boot device=$modern,queue-size=1024 server="--queue-size 1024" size=1024
    test_case "QEMU, legacy device, ring of 8" boot device=$legacy,queue-size=8 size=8 kind=legacy
    test_case "QEMU, legacy device, ring of 1024, 4 queues" boot device=$legacy,queue-size=1024,num-queues=4 \
        server="--queue-size 1024" smp=4 queues=4 size=1024 kind=legacy
    test_case "QEMU, event_idx=off" boot device=$modern,event_idx=off event=0
    test_case "QEMU, indirect_desc=off" boot device=$modern,indirect_desc=off indirect=0 size=128
    test_case "QEMU, both off, ring of 8" boot device=$modern,event_idx=off,indirect_desc=off,queue-size=8 \
        server="--queue-size 8" event=0 indirect=0 size=8
    test_case "QEMU, legacy device, both off" boot device=$legacy,event_idx=off,indirect_desc=off kind=legacy event=0 indirect=0
    test_case "QEMU, packed rings of 8, 4 queues" boot device=$packed,queue-size=8,num-queues=4 smp=4 queues=4 size=8 kind=packed
    test_case "QEMU, packed rings of 1024" boot device=$packed,queue-size=1024 server="--queue-size 1024" size=1024 kind=packed
    test_case "QEMU, packed rings, event_idx=off" boot device=$packed,event_idx=off event=0 kind=packed
    test_case "QEMU, packed rings of 8, both off" boot device=$packed,event_idx=off,indirect_desc=off,queue-size=8 \
        server="--queue-size 8" event=0 indirect=0 size=8 kind=packed
    test_case "QEMU, modern device, without MSI-X" boot device=$modern,vectors=0
fi
tap_end
