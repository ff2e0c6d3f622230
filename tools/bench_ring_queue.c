/*
 * A queue of vq bench ring: its parts, both ends, and the memory that they speak
 * of, which is one region, as a guest has it.
 */
#include "bench_ring.h"

#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

static void *block(struct ring_bench *b, size_t bytes)
{
    void *p = NULL;
    if (posix_memalign(&p, 4096, bytes) != 0)
        return NULL;
    memset(p, 0, bytes);
    b->blocks[b->block_count++] = p;
    return p;
}

bool ring_make(struct ring_bench *b)
{
    const struct ring_options *o = b->o;
    uint16_t size = (uint16_t)o->size;
    struct vq_layout layout;
    struct vq_driver_config driver = {.size = size, .big_endian = o->big};
    struct vq_device_config device = {.size = size, .big_endian = o->big, .memory = &b->memory};
    uint16_t start = o->format == VQ_FORMAT_PACKED ? 0x8000 : 0;
    uint8_t *data;

    if (vq_layout_init(&layout, o->format, size, 0) != VQ_OK)
        return false;
    if (!o->big)
        vq_feature_set(&driver.features, VQ_F_VERSION_1);
    if (o->format == VQ_FORMAT_PACKED)
        vq_feature_set(&driver.features, VQ_F_RING_PACKED);
    if (o->notify == NOTIFY_EVENT_IDX)
        vq_feature_set(&driver.features, VQ_F_EVENT_IDX);
    driver.descriptor_area = block(b, layout.part[VQ_DESCRIPTOR_AREA].bytes);
    driver.driver_area = block(b, layout.part[VQ_DRIVER_AREA].bytes);
    driver.device_area = block(b, layout.part[VQ_DEVICE_AREA].bytes);
    driver.slots = block(b, size * sizeof(*driver.slots));
    device.in_flight = block(b, size * sizeof(*device.in_flight));
    /* Buffer data first, then the tables: one region, as a guest has it. */
    data = block(b, 4096 + 32u * (size_t)size);
    if (!data || !device.in_flight || !driver.slots || !driver.device_area || !driver.driver_area ||
        !driver.descriptor_area)
        return false;
    if (o->in_order) {
        vq_feature_set(&driver.features, VQ_F_IN_ORDER);
        device.order = block(b, size * sizeof(*device.order));
        if (!device.order)
            return false;
    }
    if (o->indirect) {
        vq_feature_set(&driver.features, VQ_F_INDIRECT_DESC);
        driver.indirect_tables = data + 4096;
        driver.indirect_address = 0x100000 + 4096;
        driver.indirect_entries = 2;
    }
    b->region = (struct vq_region){0x100000, 4096 + 32u * (uint64_t)size, data, VQ_READ | VQ_WRITE};
    b->elements[0] = (struct vq_element){0x100000, DATA_BYTES};
    b->elements[1] = (struct vq_element){0x100000 + DATA_BYTES, DATA_BYTES};
    device.features = driver.features;
    device.descriptor_area = driver.descriptor_area;
    device.driver_area = driver.driver_area;
    device.device_area = driver.device_area;
    device.next_available = device.next_used = start;
    if (vq_memory_init(&b->memory, &b->region, 1) != VQ_OK ||
        vq_driver_init(&b->driver, &driver) != VQ_OK ||
        vq_device_init(&b->device, &device) != VQ_OK)
        return false;
    b->kick = eventfd(0, EFD_CLOEXEC);
    b->signal = eventfd(0, EFD_CLOEXEC);
    return b->kick >= 0 && b->signal >= 0;
}

void ring_unmake(struct ring_bench *b)
{
    for (unsigned i = 0; i < b->block_count; i++)
        free(b->blocks[i]);
    if (b->kick > 0)
        close(b->kick);
    if (b->signal > 0)
        close(b->signal);
}

void ring_prepare(struct ring_batch *d)
{
    for (unsigned i = 0; i < BATCH_MAX; i++) {
        d->buffer[i] = (struct vq_buffer){.segments = d->segments[i], .room = 2};
        d->buffers[i] = &d->buffer[i];
    }
}

bool ring_push(struct ring_bench *b, struct ring_batch *d, size_t n)
{
    for (size_t i = 0; i < n; i++)
        d->used[i] = (struct vq_used){d->buffer[i].id, DATA_BYTES};
    return vq_device_push(&b->device, d->used, n) == VQ_OK;
}
