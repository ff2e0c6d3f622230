/*
 * What can go wrong, in two kinds.
 *
 * `enum vq_error` is an answer to the caller: its own request could not be done.
 * `enum vq_broken` says how the *other end* broke the protocol. It is kept in a
 * queue, is never cleared but by a new initialisation, and leaves every other
 * queue alone.
 */
#ifndef VQ_ERROR_H
#define VQ_ERROR_H

#ifdef __cplusplus
extern "C" {
#endif

enum vq_error {
    VQ_OK = 0,
    VQ_ERR_INVALID = -1,     /* an argument makes no sense */
    VQ_ERR_SIZE = -2,        /* a queue size that the format does not allow */
    VQ_ERR_ALIGN = -3,       /* an address or alignment that the format does not allow */
    VQ_ERR_RANGE = -4,       /* an address, offset or index outside what exists */
    VQ_ERR_FULL = -5,        /* not enough free descriptors now; try after a get */
    VQ_ERR_BROKEN = -6,      /* the queue or the connection is broken */
    VQ_ERR_UNSUPPORTED = -7, /* the other end, or this build, lacks what this needs */
    VQ_ERR_TIMEOUT = -8,     /* the other end did not answer in the stated time */
    VQ_ERR_IO = -9,          /* the machine below failed (a system call, a back end) */
    VQ_ERR_NO_MEMORY = -10,  /* the memory given is too small */
    VQ_ERR_STATE = -11,      /* not now: the object is in a state that forbids it */
};

enum vq_broken {
    VQ_NOT_BROKEN = 0,
    /* Seen by the device's end, about what the driver wrote. */
    VQ_BROKEN_AVAILABLE_JUMP,   /* more was made available than the queue can hold */
    VQ_BROKEN_HEAD_RANGE,       /* head of a chain, or buffer id, outside the queue */
    VQ_BROKEN_HEAD_IN_FLIGHT,   /* a buffer made available again before it was used */
    VQ_BROKEN_NEXT_RANGE,       /* next outside its table */
    VQ_BROKEN_CHAIN_LOOP,       /* more hops than the table has descriptors */
    VQ_BROKEN_CHAIN_SEGMENTS,   /* more mapped segments than the device takes */
    VQ_BROKEN_CHAIN_BYTES,      /* a chain of more than 2^32 bytes */
    VQ_BROKEN_CHAIN_ORDER,      /* a device-readable element after a device-writable one */
    VQ_BROKEN_INDIRECT_REFUSED, /* INDIRECT without the feature */
    VQ_BROKEN_INDIRECT_NEXT,    /* INDIRECT together with NEXT */
    VQ_BROKEN_INDIRECT_NESTED,  /* INDIRECT inside an indirect table */
    VQ_BROKEN_INDIRECT_LENGTH,  /* table length zero, not a multiple of 16, or too long */
    VQ_BROKEN_ADDRESS,          /* an address or length that no memory region covers */
    /* Seen by the driver's end, about what the device wrote. */
    VQ_BROKEN_USED_JUMP,          /* used idx ran ahead of what is outstanding */
    VQ_BROKEN_USED_ID,            /* used id outside the queue */
    VQ_BROKEN_USED_NOT_IN_FLIGHT, /* used id that the driver does not wait for */
    VQ_BROKEN_USED_LENGTH,        /* used length beyond the buffer (strict queues only) */
    /* Declared from outside. */
    VQ_BROKEN_BY_OWNER, /* the owner of the queue gave it up */
};

/* One short sentence, without a full stop; never NULL. */
const char *vq_error_text(enum vq_error error);
const char *vq_broken_text(enum vq_broken reason);

/* The requirement that the other end broke, e.g. "SPLIT-DRV-INDIR-04"; "" if none says it. */
const char *vq_broken_requirement(enum vq_broken reason);

#ifdef __cplusplus
}
#endif
#endif
