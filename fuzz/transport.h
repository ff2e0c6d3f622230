/*
 * What the targets of the drivers' transports share: answers of a device that may be honest,
 * and a program of calls of the transport and of a block driver on it.
 *
 * The front of the input is the program; its back is for lies, as everywhere. Registers
 * remember what was written; each read may give something else.
 */
#ifndef VQ_FUZZ_TRANSPORT_H
#define VQ_FUZZ_TRANSPORT_H

#include "fuzz.h"

#include <vq/transport.h>

enum {
    FUZZ_QUEUES = 3,
    /* Accesses that one call may make, whatever it is answered: patience, and 65 readings of a
     * configuration, byte by byte, with four accesses for each where they are indirect. */
    FUZZ_PATIENCE = 16,
    FUZZ_ACCESSES = 100000,
};

struct fuzz_transport {
    struct fuzz_input in;
    struct vq_transport *t;
    /* Calls that only this transport has; NULL: none. */
    void (*own)(struct fuzz_transport *f, uint8_t which);
    /* Called when a queue was enabled: is it what the device was told? NULL: not looked at. */
    void (*enabled)(struct fuzz_transport *f, uint16_t index, const struct vq_place *place);
    uint32_t accesses; /* since the call began */
};

/* The value, or a lie. */
uint32_t fuzz_answer(struct fuzz_input *in, uint32_t value, unsigned bytes);
/* One access of the driver, to be counted; checks its width and alignment. */
void fuzz_access(struct fuzz_transport *f, uint32_t offset, unsigned bytes);
/* Makes the calls that the input says. */
void fuzz_transport_run(struct fuzz_transport *f);

#endif
