/*
 * What the tests of the drivers' ends of MMIO and PCI ask alike, whatever the registers are: the
 * transport is open, and every access to its device is written down in a log.
 */
#ifndef VQ_TESTS_DRIVER_RIG_H
#define VQ_TESTS_DRIVER_RIG_H

#include "register_log.h"

#include <vq/layout.h>
#include <vq/transport.h>

/* Through the handshake with all features and nothing set up, then with a clean log. */
static inline void driver_handshake(struct vq_transport *t, struct register_log *log)
{
    static const struct vq_features all = {{UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX}};
    struct vq_plan plan = {.wanted = all, .patience = 100};
    assert_int_equal(vq_transport_init_device(t, &plan, NULL), VQ_OK);
    log->count = 0;
}

/* A queue with its parts at addresses that no two registers could mix up. */
static inline struct vq_place driver_place(enum vq_format format, uint32_t size)
{
    struct vq_place place = {.address = {UINT64_C(0x123450000), 0x8000, 0x9004}};
    assert_int_equal(vq_layout_init(&place.layout, format, size, 0), VQ_OK);
    if (format == VQ_FORMAT_LEGACY)
        for (unsigned i = 0; i < VQ_PARTS; i++)
            place.address[i] = UINT64_C(0x123450000) + place.layout.part[i].offset;
    return place;
}

/* Queue 0 of a legacy device, as a plan sets it up. */
struct driver_legacy_queue {
    struct vq_constraints constraints;
    struct vq_place place;
};

static inline enum vq_error driver_legacy_setup(void *context, struct vq_transport *t)
{
    struct driver_legacy_queue *q = context;
    struct vq_fragment fragment = {0x40001000, 0x8000};
    assert_int_equal(vq_transport_queue_constraints(t, 0, &q->constraints), VQ_OK);
    assert_int_equal(q->constraints.format, VQ_FORMAT_LEGACY);
    assert_int_equal(vq_place_find(&q->constraints, 16, &fragment, 1, &q->place, NULL), VQ_OK);
    return vq_transport_queue_enable(t, 0, &q->place);
}

/* Where a page frame number of 32 bits does not reach. */
static inline void driver_refuses_pages(struct vq_transport *t, uint32_t size)
{
    static const uint64_t wrong[] = {
        0x40000800,        /* in the middle of a page */
        0,                 /* page 0 */
        UINT64_C(1) << 44, /* page 2^32 */
    };
    struct vq_place place = driver_place(VQ_FORMAT_LEGACY, size);
    for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        place.address[VQ_DESCRIPTOR_AREA] = wrong[i];
        assert_int_equal(vq_transport_queue_enable(t, 0, &place), VQ_ERR_ALIGN);
    }
}

struct driver_field {
    uint32_t offset, count;
    unsigned width, accesses;
};

/* A field of `config`, the device's, is read between two looks at the generation, and written, in
 * accesses of its width. */
static inline void driver_config_field(struct vq_transport *t, struct register_log *log,
                                       const uint8_t *config, uint32_t generation,
                                       const struct driver_field *field)
{
    uint8_t bytes[32];
    log->count = 0;
    assert_int_equal(vq_transport_read_config(t, field->offset, bytes, field->count), VQ_OK);
    assert_memory_equal(bytes, config + field->offset, field->count);
    assert_int_equal(log->count, field->accesses + 2);
    assert_int_equal(log->list[0].address, generation);
    assert_int_equal(log->list[field->accesses + 1].address, generation);
    for (unsigned k = 1; k <= field->accesses; k++)
        assert_int_equal(log->list[k].bytes, field->width);

    memset(bytes, 0x5a, sizeof(bytes));
    log->count = 0;
    assert_int_equal(vq_transport_write_config(t, field->offset, bytes, field->count), VQ_OK);
    assert_memory_equal(bytes, config + field->offset, field->count);
    assert_int_equal(log->count, field->accesses);
    for (unsigned k = 0; k < field->accesses; k++)
        assert_int_equal(log->list[k].bytes, field->width);
}

#endif
