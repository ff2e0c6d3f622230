/*
 * A bus that writes down what a driver does to the registers of a device which the test
 * plays. For the drivers' ends of PCI and MMIO.
 */
#ifndef VQ_REGISTER_LOG_H
#define VQ_REGISTER_LOG_H

#include "test.h"

#include <string.h>

#include <vq/registers.h>

struct access {
    char kind; /* 'r' or 'w', of a register; others as the test likes */
    uint8_t bytes;
    uint32_t address;
    uint32_t value;
};

enum { LOG_ROOM = 8192 };
struct register_log {
    struct access list[LOG_ROOM];
    unsigned count;
};

static inline void log_access(struct register_log *log, char kind, uint32_t address, unsigned bytes,
                              uint32_t value)
{
    assert_true(log->count < LOG_ROOM);
    log->list[log->count++] = (struct access){kind, (uint8_t)bytes, address, value};
}

/* From `from` on, are these the accesses, one by one? Prints the first that is not. */
static inline bool log_is(const struct register_log *log, unsigned from,
                          const struct access expected[], unsigned count)
{
    for (unsigned i = 0; i < count || from + i < log->count; i++) {
        const struct access *seen = from + i < log->count ? &log->list[from + i] : NULL;
        const struct access *want = i < count ? &expected[i] : NULL;
        if (seen && want && seen->kind == want->kind && seen->bytes == want->bytes &&
            seen->address == want->address && seen->value == want->value)
            continue;
        print_message("# access %u: ", i);
        if (seen)
            print_message("%c%u at %#x: %#x", seen->kind, seen->bytes * 8u, seen->address,
                          seen->value);
        print_message(", expected ");
        if (want)
            print_message("%c%u at %#x: %#x", want->kind, want->bytes * 8u, want->address,
                          want->value);
        print_message("\n");
        return false;
    }
    return true;
}

/* How often registers of a range were accessed. */
static inline unsigned log_count(const struct register_log *log, char kind, uint32_t first,
                                 uint32_t last)
{
    unsigned count = 0;
    for (unsigned i = 0; i < log->count; i++)
        if (log->list[i].kind == kind && log->list[i].address >= first &&
            log->list[i].address <= last)
            count++;
    return count;
}

/* The index of the first such access from `from` on; `count` if there is none. */
static inline unsigned log_find(const struct register_log *log, unsigned from, char kind,
                                uint32_t address, uint32_t value)
{
    while (from < log->count &&
           (log->list[from].kind != kind || log->list[from].address != address ||
            log->list[from].value != value))
        from++;
    return from;
}

#endif
