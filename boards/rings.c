/*
 * A pool that only grows, and a placer that takes from it. The device sees memory at
 * the addresses that the processor uses, caches included, so nothing is translated.
 */
#include "rings.h"

#include "board.h"
#include "text.h"

#define PAGE   4096u
#define QUEUES 8u

VQ_ALIGNAS(4096) static uint8_t pool[4u << 20];
static size_t used;

/* What was asked for, for the report. */
static struct {
    struct vq_constraints constraints;
    struct vq_place place;
    uint32_t wanted;
} queues[QUEUES];
static unsigned queue_count;

static struct vq_queue_piece whole = {.host = pool, .bytes = sizeof(pool)};

void rings_reset(bool hold)
{
    if (!hold)
        used = 0;
    queue_count = 0;
    whole.address = (uintptr_t)pool;
}

static void *take(size_t bytes, size_t align)
{
    size_t start = (used + align - 1) & ~(align - 1);
    if (start > sizeof(pool) || bytes > sizeof(pool) - start)
        return NULL;
    used = start + bytes;
    return pool + start;
}

void *rings_take(size_t bytes)
{
    void *memory = take(bytes, 16);
    if (memory == NULL) {
        say("board out of memory\n");
        board_exit(false);
    }
    return memory;
}

/* A part begins its alignment behind a page's start, so that it has that alignment only. */
static enum vq_error apart(const struct vq_layout *layout, struct vq_fragment fragments[VQ_PARTS])
{
    for (unsigned i = 0; i < VQ_PARTS; i++) {
        const struct vq_part_layout *part = &layout->part[i];
        uint8_t *page = take(part->align + part->bytes, PAGE);
        if (page == NULL)
            return VQ_ERR_NO_MEMORY;
        fragments[i] = (struct vq_fragment){(uintptr_t)page + part->align, part->bytes};
    }
    return VQ_OK;
}

static enum vq_error place(const struct vq_queue_memory *memory,
                           const struct vq_constraints *constraints, uint32_t wanted,
                           struct vq_place *place)
{
    uint32_t most = constraints->size_max != 0 ? constraints->size_max : VQ_SIZE_MAX;
    uint32_t size = constraints->size_fixed || wanted > most ? most : wanted;
    struct vq_layout layout;
    struct vq_fragment fragments[VQ_PARTS];
    size_t count = VQ_PARTS;
    (void)memory;
    enum vq_error error = vq_layout_init(&layout, constraints->format, size, constraints->align);
    if (error != VQ_OK)
        return error;
    if (layout.format == VQ_FORMAT_LEGACY || constraints->contiguous) {
        void *block = take(layout.total, layout.align);
        if (block == NULL)
            return VQ_ERR_NO_MEMORY;
        fragments[0] = (struct vq_fragment){(uintptr_t)block, layout.total};
        count = 1;
    } else {
        error = apart(&layout, fragments);
        if (error != VQ_OK)
            return error;
    }
    error = vq_place_find(constraints, size, fragments, count, place, NULL);
    if (error == VQ_OK && queue_count < QUEUES) {
        queues[queue_count].wanted = wanted;
        queues[queue_count].constraints = *constraints;
        queues[queue_count++].place = *place;
    }
    return error;
}

const struct vq_queue_memory rings_memory = {.pieces = &whole, .count = 1, .placer = place};

static void report(const struct vq_constraints *constraints, const struct vq_place *place)
{
    static const char *const formats[] = {[VQ_FORMAT_SPLIT] = " split",
                                          [VQ_FORMAT_LEGACY] = " legacy",
                                          [VQ_FORMAT_PACKED] = " packed"};
    struct vq_layout block;
    say(formats[place->layout.format]);
    say_number(" offered=", constraints->size_max);
    say(constraints->size_fixed ? " fixed" : " choice");
    say_number(" size=", place->layout.size);
    say_hex(" descriptor=", place->address[VQ_DESCRIPTOR_AREA]);
    say_hex(" driver=", place->address[VQ_DRIVER_AREA]);
    say_hex(" device=", place->address[VQ_DEVICE_AREA]);
    say_number(" bytes=", place->layout.total);
    /* What one page-aligned block would take, which is what there was before 1.0. */
    uint32_t size = 1;
    while (size < place->layout.size)
        size *= 2;
    if (vq_layout_init(&block, VQ_FORMAT_LEGACY, size, 0) == VQ_OK)
        say_number(" legacy=", block.total);
    say("\n");
}

void rings_report(void)
{
    for (unsigned i = 0; i < queue_count; i++) {
        say_number("queue ", i);
        say_number(" wanted=", queues[i].wanted);
        report(&queues[i].constraints, &queues[i].place);
    }
}
