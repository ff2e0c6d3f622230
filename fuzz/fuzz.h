/*
 * What the fuzz targets share: an input that is eaten from both ends, the fetch
 * hook that lies, and guest memory made of what the input says.
 *
 * Operations come from the front of the input, lies from its back, so that a change
 * of the one leaves the other as it was. Whoever reads beyond the input gets zeros.
 *
 * A check that fails ends the process: that is what a fuzzer looks for. Everything
 * shared has an allocation of exactly its size, so that a sanitizer sees one step
 * beyond.
 */
#ifndef VQ_FUZZ_H
#define VQ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vq/memory.h>

/* Of each target: one input, from begin to end. Always 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

_Noreturn void fuzz_fail(const char *what, const char *file, int line);
#define FUZZ_CHECK(what)                                                                           \
    do {                                                                                           \
        if (!(what))                                                                               \
            fuzz_fail(#what, __FILE__, __LINE__);                                                  \
    } while (0)

struct fuzz_input {
    const uint8_t *front;
    const uint8_t *back;
};

static inline bool fuzz_more(const struct fuzz_input *in)
{
    return in->front < in->back;
}

static inline uint8_t fuzz_byte(struct fuzz_input *in)
{
    return fuzz_more(in) ? *in->front++ : 0;
}

static inline uint8_t fuzz_byte_back(struct fuzz_input *in)
{
    return fuzz_more(in) ? *--in->back : 0;
}

/* Little-endian, `bytes` of them. */
uint64_t fuzz_number(struct fuzz_input *in, unsigned bytes);
/* Below `n`, which is not 0; takes as many bytes as `n` needs. */
uint32_t fuzz_below(struct fuzz_input *in, uint32_t n);
static inline uint16_t fuzz_u16(struct fuzz_input *in)
{
    return (uint16_t)fuzz_number(in, 2);
}

/* A queue size: mostly small; any up to 32768 if `any`, else a power of two. */
uint16_t fuzz_queue_size(struct fuzz_input *in, bool any);

/* An allocation of exactly so many bytes, zeroed, aligned to 16; never NULL. */
void *fuzz_new(size_t bytes);

/*
 * Fetches. With `lie`, each fetch from shared memory may give another value, as the
 * back of the input says; `fetches` counts them all.
 */
struct fuzz_hook {
    struct fuzz_input *lies; /* NULL: every fetch is honest */
    uint32_t honest;         /* so many more, then a lie */
    uint8_t kind;            /* of the next lie */
    uint64_t fetches;
};
extern struct fuzz_hook fuzz_hook;
void fuzz_hook_start(struct fuzz_input *in, bool lie);

/* Guest memory: one to four regions with any address, size, access and place here. */
enum { FUZZ_REGIONS = 4, FUZZ_HUGE = 1 << 30 };
struct fuzz_guest {
    struct vq_region regions[FUZZ_REGIONS];
    uint8_t *blocks[FUZZ_REGIONS];
    uint32_t count;
    struct vq_memory memory;
};
void fuzz_guest_open(struct fuzz_guest *g, struct fuzz_input *in);
void fuzz_guest_close(struct fuzz_guest *g);
/* Is this the region that cannot be written here? */
bool fuzz_guest_huge(const struct vq_region *region);
/* Addresses and lengths that are likely to mean something in this memory, or nearly do. */
uint64_t fuzz_guest_address(const struct fuzz_guest *g, struct fuzz_input *in);
uint32_t fuzz_guest_length(const struct fuzz_guest *g, struct fuzz_input *in, uint64_t address);
/* The region of a byte, by looking at each; NULL: none. */
const struct vq_region *fuzz_guest_region(const struct fuzz_guest *g, uint64_t address);
/* Copies out of it; false if a byte may not be read. */
bool fuzz_guest_read(const struct fuzz_guest *g, uint64_t address, void *to, uint32_t bytes);
/* Copies into it what is there, whatever its access. */
void fuzz_guest_write(const struct fuzz_guest *g, uint64_t address, const void *from,
                      uint32_t bytes);

/* Numbers in memory, in either order, byte by byte: nothing in common with the ring's own. */
uint64_t fuzz_get(const void *at, unsigned bytes, bool big);
void fuzz_put(void *at, uint64_t v, unsigned bytes, bool big);

struct fuzz_descriptor {
    uint64_t address;
    uint32_t bytes;
    uint16_t flags;
    uint16_t next; /* packed: the id and the flags have changed places, see fuzz_describe */
};
enum { FUZZ_NEXT = 1, FUZZ_WRITE = 2, FUZZ_INDIRECT = 4 };
void fuzz_describe(void *at, const struct fuzz_descriptor *d, bool packed, bool big);
struct fuzz_descriptor fuzz_described(const void *at, bool packed, bool big);

#endif
