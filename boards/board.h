/*
 * What a machine supplies to the programs of this folder: a way to write a
 * character, to end, to see time pass, and where its devices are. Everything
 * above this line is the same on every machine.
 *
 * A port to another machine is a folder beside this file: start code, a linker
 * script that defines board_options, and these functions.
 */
#ifndef BOARD_H
#define BOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Places that may hold a virtio device each, `step` bytes apart. */
struct board_slots {
    uintptr_t base;
    uint32_t step;
    uint32_t count;
};

/* Addresses to hand out; bytes 0: firmware has handed them out already. */
struct board_window {
    uint64_t first;
    uint64_t bytes;
};

/* A PCI host bridge, of which bus 0 is looked at. */
struct board_pci {
    bool present;
    uintptr_t ecam; /* configuration space in memory; 0: ports 0xcf8 and 0xcfc */
    uintptr_t io;   /* where port 0 appears in memory; unused if ports are ports */
    bool ports;     /* I/O space is reached by the processor's own instructions */
    struct board_window ports_free;
    struct board_window memory_free;
};

/* Numbers of interrupts; 0: there are none, and everything is polled. */
struct board_interrupts {
    uint32_t slots;       /* of the first slot; the others follow */
    uint32_t pci;         /* of the first of the four lines that PCI functions share */
    uint64_t msi_address; /* a device that writes `msi` + n here causes that interrupt */
    uint32_t msi;
};

struct board {
    const char *name;
    struct board_slots slots;
    struct board_pci pci;
    struct board_interrupts interrupts;
};

/* Called once, before anything else. */
const struct board *board_init(void);

void board_put(char c);

/* Ends the machine: a status that says whether all went well. */
_Noreturn void board_exit(bool good);

/* Counts up, wraps, one step being one to four milliseconds: good for bounds, not for clocks. */
uint32_t board_clock(void);

/*
 * The interrupt controller, which is asked and never interrupts: enables an interrupt, takes
 * one that is pending (0: none is), and says that it was dealt with. An `edge` is remembered, a
 * level is there as long as the device holds it.
 */
void board_interrupt_enable(uint32_t number, bool edge);
uint32_t board_interrupt_take(void);
void board_interrupt_done(uint32_t number);

/* Accesses of 1, 2 or 4 bytes, little-endian as devices are, whatever the processor is. */
uint32_t board_load(uintptr_t address, unsigned bytes);
void board_store(uintptr_t address, unsigned bytes, uint32_t value);

#if defined(__i386__) || defined(__x86_64__)
/* The same for ports, where they are not memory. */
uint32_t board_in(uint16_t port, unsigned bytes);
void board_out(uint16_t port, unsigned bytes, uint32_t value);
#endif

/* One line of text, "name=value name=value", that whoever starts the machine may put there. */
extern char board_options[];
#define BOARD_OPTIONS_BYTES 4096u

/* Where start code goes when stack and memory are ready. */
_Noreturn void board_main(void);

/* Where it goes when the processor met what it cannot do. */
_Noreturn void board_trap(uintptr_t cause, uintptr_t where);

#endif
