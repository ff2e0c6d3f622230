/*
 * Both ends of one queue over memory of their own, for tests.
 *
 * Each part of the queue, each private array and each region of guest memory is
 * an allocation of exactly its size, so that a sanitizer sees one step beyond.
 * The shared memory can be read and written raw, in the order of bytes that the
 * ring has: by code that has nothing in common with the ring's own.
 *
 * An expectation that fails prints the parameters and indices of the pair.
 */
#ifndef VQ_TEST_QUEUE_PAIR_H
#define VQ_TEST_QUEUE_PAIR_H

#include "test.h"

#include <vq/device.h>
#include <vq/driver.h>

enum pair_format {
    PAIR_SPLIT,
    PAIR_PACKED,
};

enum {
    PAIR_NEXT = 1,
    PAIR_WRITE = 2,
    PAIR_INDIRECT = 4,
    PAIR_ROOM = 64, /* segments of a buffer that pair_pop takes */
};

#define PAIR_DATA   UINT64_C(0x40000000)   /* guest address of the first byte of data */
#define PAIR_TABLES UINT64_C(0x8000000000) /* of the driver's indirect tables */

/* What is left 0 takes the default. */
struct pair_options {
    enum pair_format format;
    bool big;
    bool event_idx;
    bool indirect; /* the feature; tables come with indirect_entries */
    bool in_order;
    bool strict;               /* of the driver's end */
    uint16_t size;             /* 8 */
    uint16_t start;            /* split: free-running index that both ends begin with; packed:
                                * slots that went round before, below two rounds */
    uint32_t legacy_align;     /* a legacy queue: one block, with this Queue Align; 0: no */
    uint16_t indirect_entries; /* of the driver's tables; 0: it has none */
    uint32_t regions;          /* of guest data, adjacent in addresses, apart here; 1 */
    uint32_t region_bytes;     /* 64 KiB */
};

struct queue_pair {
    struct pair_options options;
    struct vq_driver_queue driver;
    struct vq_device_queue device;
    struct vq_driver_config driver_config;
    struct vq_device_config device_config;
    size_t descriptor_bytes, driver_bytes, device_bytes;
    void *block; /* of a legacy queue */
    struct vq_region *regions;
    struct vq_memory memory;
    /* Where the raw helpers below make available and use. Split: indices; packed: slots, from
     * bit 15 on the wrap counter. */
    uint16_t raw_available;
    uint16_t raw_used;
    /* What pair_pop fills. */
    struct vq_buffer buffer;
    struct vq_segment segments[PAIR_ROOM];
};

void pair_open(struct queue_pair *p, struct pair_options options);
void pair_close(struct queue_pair *p);

/* A device's end over the same parts, that goes on at these indices. */
void pair_reopen_device(struct queue_pair *p, uint16_t next_available, uint16_t next_used);

/* Calls `fn` with a fresh pair for every combination of order, features, size and start. */
void pair_each(void (*fn)(struct queue_pair *p));
/* The same, with these sizes only (a list that 0 ends). */
void pair_each_size(void (*fn)(struct queue_pair *p), const uint16_t *sizes);

/* Packed queues; their sizes need not be powers of two. */
void pair_each_packed(void (*fn)(struct queue_pair *p));

/* Guest memory: the byte at a guest address, NULL if there is none. */
uint8_t *pair_host(const struct queue_pair *p, uint64_t address);

/* Takes one buffer into p->buffer; false when there is none. */
bool pair_pop(struct queue_pair *p);
bool pair_push(struct queue_pair *p, uint16_t id, uint32_t written);
/* One readable element, made available and published: its id. */
uint16_t pair_add_one(struct queue_pair *p);

/* Raw access to a split ring. */
uint16_t pair_get16(const struct queue_pair *p, const void *at);
uint32_t pair_get32(const struct queue_pair *p, const void *at);
uint64_t pair_get64(const struct queue_pair *p, const void *at);
void pair_put16(const struct queue_pair *p, void *at, uint16_t v);
void pair_put32(const struct queue_pair *p, void *at, uint32_t v);
void pair_put64(const struct queue_pair *p, void *at, uint64_t v);

enum pair_field {
    PAIR_AVAIL_FLAGS,
    PAIR_AVAIL_IDX,
    PAIR_USED_EVENT,
    PAIR_USED_FLAGS,
    PAIR_USED_IDX,
    PAIR_AVAIL_EVENT,
};
void *pair_at(const struct queue_pair *p, enum pair_field field);
uint16_t pair_get(const struct queue_pair *p, enum pair_field field);
void pair_put(const struct queue_pair *p, enum pair_field field, uint16_t v);

/* Descriptor `i` of the table at `table`. */
struct pair_descriptor {
    uint64_t address;
    uint32_t bytes;
    uint16_t flags;
    uint16_t next;
};
void pair_describe(const struct queue_pair *p, void *table, uint32_t i, uint64_t address,
                   uint32_t bytes, uint16_t flags, uint16_t next);
struct pair_descriptor pair_descriptor(const struct queue_pair *p, const void *table, uint32_t i);
/* In the queue's own table. */
void pair_chain(const struct queue_pair *p, uint16_t i, uint64_t address, uint32_t bytes,
                uint16_t flags, uint16_t next);

/* A driver without a mind: puts a head into the ring, and publishes it. */
void pair_offer(struct queue_pair *p, uint16_t head);
uint16_t pair_head(const struct queue_pair *p, uint16_t slot);
/* A device without a mind. */
void pair_use(struct queue_pair *p, uint32_t id, uint32_t bytes);
void pair_used(const struct queue_pair *p, uint16_t slot, uint32_t *id, uint32_t *bytes);

/* Raw access to a packed ring. */
struct pair_slot {
    uint64_t address;
    uint32_t bytes;
    uint16_t id;
    uint16_t flags;
};
enum {
    PAIR_AVAIL = 0x0080,
    PAIR_USED = 0x8000,
    PAIR_WRAP = 0x8000, /* in a position */
};
struct pair_slot pair_slot(const struct queue_pair *p, uint32_t i);
void pair_put_slot(const struct queue_pair *p, uint32_t i, struct pair_slot slot);
/* The position after `by` more slots, one at a time. */
uint16_t pair_after(const struct queue_pair *p, uint16_t at, uint32_t by);
/* AVAIL and USED as a slot has them that is available, or used, at this position. */
uint16_t pair_available_flags(uint16_t at);
uint16_t pair_used_flags(uint16_t at);
/* A driver without a mind: the next slot, and a device without one. The flags are those beside
 * AVAIL and USED. `pair_use_slot` goes on by the `slots` that it stands for. */
void pair_offer_slot(struct queue_pair *p, uint64_t address, uint32_t bytes, uint16_t id,
                     uint16_t flags);
void pair_use_slot(struct queue_pair *p, uint16_t id, uint32_t bytes, uint16_t flags,
                   uint32_t slots);
/* The wish of the driver and of the device to be notified: flags << 16 | position. */
uint32_t pair_wish(const struct queue_pair *p, bool of_the_driver);
void pair_put_wish(const struct queue_pair *p, bool of_the_driver, uint32_t wish);

/* Has the step from `before` to `now` touched the entry `event`? One index at a time. */
bool pair_stepped_over(uint16_t event, uint16_t before, uint16_t now);

void pair_expect(const struct queue_pair *p, uintmax_t is, uintmax_t should, const char *what,
                 const char *file, int line);
#define EXPECT_EQ(p, is, should)                                                                   \
    pair_expect((p), (uintmax_t)(is), (uintmax_t)(should), #is " == " #should, __FILE__, __LINE__)
#define EXPECT(p, what) pair_expect((p), !!(what), 1, #what, __FILE__, __LINE__)

#endif
