/*
 * A guest by hand for the echoing device: its memory, one ring in it whose parts lie
 * apart, and a request that is sent and looked for. Whoever includes this carries
 * addresses to the device by the registers that he tests.
 */
#ifndef VQ_TESTS_ECHO_GUEST_H
#define VQ_TESTS_ECHO_GUEST_H

#include <string.h>

#include <vq/driver.h>
#include <vq/layout.h>
#include <vq/model_state.h>

#include "echo.h"

enum { RAM_BYTES = 65536, RAM_DATA = 60000 };
#define RAM_BASE UINT64_C(0x80000000)
#define BIT(n)   (UINT64_C(1) << (n))
#define MODERN   (BIT(VQ_F_VERSION_1) | BIT(VQ_F_EVENT_IDX))
#define LEGACY   (BIT(VQ_F_EVENT_IDX) | BIT(VQ_F_ANY_LAYOUT))
#define EITHER   (MODERN | BIT(VQ_F_ANY_LAYOUT)) /* of a device that serves both */

struct echo_guest {
    struct echo echo;
    struct vq_region region;
    struct vq_memory memory;
    struct vq_model_queue queues[ECHO_QUEUES];
    struct vq_driver_queue ring;
    struct vq_driver_slot slots[ECHO_SIZE];
    uint64_t address[VQ_PARTS]; /* of the ring */
    _Alignas(4096) uint8_t ram[RAM_BYTES];
};

static inline uint8_t *ram_at(struct echo_guest *g, uint64_t address)
{
    return g->ram + (address - RAM_BASE);
}

static inline void guest_init(struct echo_guest *g, uint64_t features)
{
    memset(g, 0, sizeof *g);
    echo_init(&g->echo, features);
    g->region = (struct vq_region){RAM_BASE, RAM_BYTES, g->ram, VQ_READ | VQ_WRITE};
    assert_int_equal(vq_memory_init(&g->memory, &g->region, 1), VQ_OK);
}

static inline struct vq_model_config guest_device(struct echo_guest *g)
{
    return (struct vq_model_config){.model = &g->echo.model,
                                    .memory = &g->memory,
                                    .queues = g->queues,
                                    .queue_count = ECHO_QUEUES};
}

/* Makes the ring anew: legacy ones in one block at `block`, others with each part on its page. */
static inline void guest_ring(struct echo_guest *g, enum vq_format format, uint16_t size,
                              uint64_t block, uint32_t align, uint64_t features, bool big)
{
    struct vq_layout layout;
    struct vq_driver_config config = {.features = vq_features_from64(features),
                                      .size = size,
                                      .big_endian = big,
                                      .slots = g->slots};

    assert_int_equal(vq_layout_init(&layout, format, size, align), VQ_OK);
    for (unsigned i = 0; i < VQ_PARTS; i++) {
        g->address[i] =
            format == VQ_FORMAT_LEGACY ? block + layout.part[i].offset : RAM_BASE + 4096 * (1 + i);
        memset(ram_at(g, g->address[i]), 0, layout.part[i].bytes);
    }
    config.descriptor_area = ram_at(g, g->address[VQ_DESCRIPTOR_AREA]);
    config.driver_area = ram_at(g, g->address[VQ_DRIVER_AREA]);
    config.device_area = ram_at(g, g->address[VQ_DEVICE_AREA]);
    assert_int_equal(vq_driver_init(&g->ring, &config), VQ_OK);
}

/* Makes a request available. */
static inline void guest_add(struct echo_guest *g)
{
    struct vq_element e[2] = {{RAM_BASE + RAM_DATA, 8}, {RAM_BASE + RAM_DATA + 16, 8}};

    memcpy(g->ram + RAM_DATA, "requests", 8);
    memset(g->ram + RAM_DATA + 16, 0, 8);
    assert_true(vq_driver_add(&g->ring, e, 1, 1) >= 0);
    (void)vq_driver_publish(&g->ring);
}

/* Has it been answered? Of the next answer the guest wants to be told. */
static inline bool guest_got(struct echo_guest *g)
{
    struct vq_done done;

    if (vq_driver_get(&g->ring, &done, 1) != 1)
        return false;
    (void)vq_driver_enable_notifications(&g->ring);
    if (!g->echo.hold) {
        assert_int_equal(done.written, 8);
        assert_memory_equal(g->ram + RAM_DATA + 16, "requests", 8);
    }
    return true;
}

/* A queue that runs, and what nothing that a driver writes may change of it. */
struct guest_frozen {
    struct vq_device_config started;
    struct vq_model_queue queue;
};

/* Features with which this is to be tried. */
static const uint64_t guest_frozen_features[] = {
    MODERN,
    MODERN | BIT(VQ_F_RING_PACKED),
    MODERN | BIT(VQ_F_IN_ORDER) | BIT(VQ_F_RING_PACKED),
};

/* Compared byte by byte later, gaps between members included. */
static inline void guest_freeze(const struct echo_guest *g, struct guest_frozen *f)
{
    memcpy(&f->started, &g->echo.started[0], sizeof f->started);
    memcpy(&f->queue, &g->queues[0], sizeof f->queue);
}

static inline void guest_still_frozen(const struct echo_guest *g, const struct guest_frozen *f)
{
    assert_memory_equal(f->queue.address, g->queues[0].address, sizeof f->queue.address);
    assert_int_equal(f->queue.size, g->queues[0].size);
    assert_memory_equal(&f->started, &g->echo.started[0], sizeof f->started);
}

#endif
