/*
 * Setting a driver's queue up: from pieces of memory and a transport's answers to a
 * ring that the device was told about. The transport here says what a test wants, and
 * records where the parts went.
 */
#include "test.h"

#include <string.h>

#include <vq/queue.h>

#define OFFSET UINT64_C(0x700000000) /* what the device adds to a pointer */

static struct bus {
    struct vq_transport transport;
    struct vq_constraints constraints;
    enum vq_error enable_error;
    struct vq_place place;
    unsigned enabled;
    unsigned notified;
    uint32_t data;
    enum vq_error wait_error;
} bus;

static enum vq_error queue_constraints(struct vq_transport *t, uint16_t index,
                                       struct vq_constraints *constraints)
{
    (void)t;
    if (index != 3)
        return VQ_ERR_RANGE;
    *constraints = bus.constraints;
    return VQ_OK;
}

static enum vq_error queue_enable(struct vq_transport *t, uint16_t index,
                                  const struct vq_place *place)
{
    (void)t;
    assert_int_equal(index, 3);
    bus.place = *place;
    bus.enabled++;
    return bus.enable_error;
}

static enum vq_error notify(struct vq_transport *t, uint16_t index, uint32_t data)
{
    (void)t;
    assert_int_equal(index, 3);
    bus.notified++;
    bus.data = data;
    return VQ_OK;
}

static enum vq_error wait(struct vq_transport *t, uint16_t index, int timeout_ms)
{
    (void)t;
    assert_int_equal(index, 3);
    assert_int_equal(timeout_ms, 77);
    return bus.wait_error;
}

static const struct vq_transport_ops ops = {
    .name = "test",
    .queue_constraints = queue_constraints,
    .queue_enable = queue_enable,
    .notify = notify,
    .wait = wait,
};

VQ_SPLIT_STORAGE(parts, 8);
VQ_PACKED_STORAGE(odd, 5);
VQ_LEGACY_STORAGE(old, 8, 4096);
static struct vq_driver_slot slots[8];
static struct vq_driver_queue ring;

static int set_up(void **state)
{
    (void)state;
    memset(&bus, 0, sizeof bus);
    bus.transport.ops = &ops;
    bus.transport.status = VQ_STATUS_ACKNOWLEDGE | VQ_STATUS_DRIVER | VQ_STATUS_FEATURES_OK;
    vq_feature_set(&bus.transport.accepted, VQ_F_VERSION_1);
    bus.constraints.size_max = 256;
    return 0;
}

static enum vq_error open_ring(const struct vq_queue_piece *pieces, uint16_t count,
                               vq_queue_placer *placer)
{
    struct vq_queue_memory memory = {.pieces = pieces, .count = count, .placer = placer};
    struct vq_queue_setup setup = {.index = 3, .size = 8, .memory = &memory, .slots = slots};
    return vq_queue_open(&ring, &bus.transport, &setup);
}

static void exactly_the_parts(void **state)
{
    struct vq_queue_piece pieces[] = {VQ_QUEUE_PARTS(parts, OFFSET)};
    struct vq_place placed;
    struct vq_queue_memory memory = {.pieces = pieces, .count = 3, .placed = &placed};
    struct vq_queue_setup setup = {.index = 3, .size = 8, .memory = &memory, .slots = slots};
    (void)state;
    assert_int_equal(pieces[0].bytes + pieces[1].bytes + pieces[2].bytes, 26 * 8 + 12);
    memset(parts_device_area, 0xaa, sizeof parts_device_area);
    assert_int_equal(vq_queue_open(&ring, &bus.transport, &setup), VQ_OK);
    assert_int_equal(bus.enabled, 1);
    assert_int_equal(ring.size, 8);
    assert_ptr_equal(ring.descriptors, parts_descriptor_area);
    assert_ptr_equal(ring.driver_area, parts_driver_area);
    assert_ptr_equal(ring.device_area, parts_device_area);
    for (unsigned i = 0; i < VQ_PARTS; i++) {
        assert_int_equal(bus.place.address[i], pieces[i].address);
        assert_int_equal(placed.address[i], pieces[i].address);
    }
    assert_int_equal(bus.place.address[0], (uintptr_t)parts_descriptor_area + OFFSET);
    for (unsigned i = 0; i < sizeof parts_device_area; i++)
        assert_int_equal(parts_device_area[i], 0);
}

static void as_small_as_the_device_wants(void **state)
{
    const struct vq_queue_piece pieces[] = {VQ_QUEUE_PARTS(parts, OFFSET)};
    (void)state;
    for (uint16_t max = 1; max <= 8; max = (uint16_t)(max * 2)) {
        bus.constraints.size_max = max;
        assert_int_equal(open_ring(pieces, 3, NULL), VQ_OK);
        assert_int_equal(ring.size, max);
        assert_int_equal(open_ring(pieces, 3, vq_queue_search), VQ_OK);
        assert_int_equal(ring.size, max);
    }
    /* A fixed size that the private memory has no room for. */
    bus.constraints = (struct vq_constraints){.size_max = 16, .size_fixed = true};
    static _Alignas(16) uint8_t room[4096];
    const struct vq_queue_piece large = VQ_QUEUE_PIECE(room, OFFSET);
    assert_int_equal(open_ring(&large, 1, NULL), VQ_ERR_SIZE);
    assert_int_equal(open_ring(pieces, 3, NULL), VQ_ERR_NO_MEMORY);
}

static void packed_and_legacy(void **state)
{
    const struct vq_queue_piece five[] = {VQ_QUEUE_PARTS(odd, 0)};
    const struct vq_queue_piece block = VQ_QUEUE_BLOCK(old, 0);
    (void)state;
    vq_feature_set(&bus.transport.accepted, VQ_F_RING_PACKED);
    assert_int_equal(open_ring(five, 3, NULL), VQ_OK);
    assert_int_equal(ring.size, 5);
    assert_int_equal(bus.place.layout.format, VQ_FORMAT_PACKED);
    assert_ptr_equal(ring.descriptors, odd_descriptor_area);

    (void)set_up(NULL);
    bus.transport.accepted = (struct vq_features){{0}};
    bus.constraints = (struct vq_constraints){.format = VQ_FORMAT_LEGACY,
                                              .size_max = 8,
                                              .size_fixed = true,
                                              .page_shift = 12,
                                              .pfn_bits = 32};
    const struct vq_queue_piece low = {old_block, 0x5000, sizeof old_block};
    assert_int_equal(open_ring(&low, 1, NULL), VQ_OK);
    assert_int_equal(bus.place.address[VQ_DEVICE_AREA], 0x6000);
    assert_ptr_equal(ring.device_area, old_block + 4096);
    /* Above what a page-frame number reaches, or in parts: not for a legacy device. */
    const struct vq_queue_piece high = {old_block, UINT64_C(1) << 44, sizeof old_block};
    assert_int_equal(open_ring(&high, 1, NULL), VQ_ERR_NO_MEMORY);
    const struct vq_queue_piece pieces[] = {VQ_QUEUE_PARTS(parts, 0)};
    assert_int_equal(open_ring(pieces, 3, NULL), VQ_ERR_NO_MEMORY);
    (void)block;
}

static void a_pool(void **state)
{
    static _Alignas(16) uint8_t room[512];
    /* The search finds the place that first fit misses: the driver area before the others. */
    const struct vq_queue_piece odd_start = {room + 2, OFFSET + 2, 14 + 64 + 38};
    const struct vq_queue_piece many[VQ_QUEUE_PIECES_MAX + 1] = {{0}};
    (void)state;
    bus.constraints.size_min = 4;
    bus.constraints.size_max = 4;
    assert_int_equal(open_ring(&odd_start, 1, NULL), VQ_ERR_NO_MEMORY);
    assert_int_equal(open_ring(&odd_start, 1, vq_queue_search), VQ_OK);
    assert_ptr_equal(ring.driver_area, room + 2);
    assert_ptr_equal(ring.descriptors, room + 16);
    assert_int_equal(open_ring(many, VQ_QUEUE_PIECES_MAX, NULL), VQ_ERR_NO_MEMORY);
    assert_int_equal(open_ring(many, VQ_QUEUE_PIECES_MAX + 1, NULL), VQ_ERR_INVALID);
    assert_int_equal(open_ring(many, VQ_QUEUE_PIECES_MAX + 1, vq_queue_search), VQ_ERR_INVALID);
    assert_int_equal(open_ring(NULL, 0, NULL), VQ_ERR_NO_MEMORY);
    assert_int_equal(bus.enabled, 1);
}

static enum vq_error outside(const struct vq_queue_memory *memory,
                             const struct vq_constraints *constraints, uint32_t wanted,
                             struct vq_place *place)
{
    enum vq_error error = vq_queue_search(memory, constraints, wanted, place);
    place->address[VQ_DEVICE_AREA] = memory->pieces[2].address + 4;
    return error;
}

static void refusals(void **state)
{
    const struct vq_queue_piece pieces[] = {VQ_QUEUE_PARTS(parts, OFFSET)};
    const struct vq_queue_piece crooked = {parts_descriptor_area + 1, OFFSET, 127};
    struct vq_queue_memory memory = {.pieces = pieces, .count = 3};
    struct vq_queue_setup setup = {.index = 4, .size = 8, .memory = &memory, .slots = slots};
    (void)state;
    assert_int_equal(vq_queue_open(&ring, &bus.transport, &setup), VQ_ERR_RANGE);
    /* A placer of the caller's that gives what no piece has in full. */
    assert_int_equal(open_ring(pieces, 3, outside), VQ_ERR_INVALID);
    assert_int_equal(open_ring(&crooked, 1, NULL), VQ_ERR_ALIGN);
    bus.constraints.align = 3;
    assert_int_equal(open_ring(pieces, 3, NULL), VQ_ERR_ALIGN);
    bus.constraints.align = 0;
    bus.constraints.size_max = 0;
    bus.constraints.size_fixed = true;
    assert_int_equal(open_ring(pieces, 3, NULL), VQ_ERR_INVALID);
    assert_int_equal(bus.enabled, 0);
    (void)set_up(NULL);
    bus.enable_error = VQ_ERR_IO;
    assert_int_equal(open_ring(pieces, 3, NULL), VQ_ERR_IO);
    bus.transport.status = VQ_STATUS_DRIVER;
    assert_int_equal(open_ring(pieces, 3, NULL), VQ_ERR_STATE);
}

static void submit_and_wait(void **state)
{
    const struct vq_queue_piece pieces[] = {VQ_QUEUE_PARTS(parts, OFFSET)};
    const struct vq_element element = {0x1000, 16};
    (void)state;
    assert_int_equal(open_ring(pieces, 3, NULL), VQ_OK);
    assert_true(vq_driver_add(&ring, &element, 0, 1) >= 0);
    bus.transport.suspended = true;
    assert_int_equal(vq_queue_submit(&ring, &bus.transport, 3), VQ_ERR_STATE);
    bus.transport.suspended = false;
    assert_int_equal(parts_driver_area[2], 0);
    bus.transport.status |= VQ_STATUS_DRIVER_OK;
    assert_int_equal(vq_queue_submit(&ring, &bus.transport, 3), VQ_OK);
    assert_int_equal(parts_driver_area[2] + parts_driver_area[3], 1);
    assert_int_equal(bus.notified, 1);
    assert_int_equal(bus.data, 3 | 1 << 16);
    assert_int_equal(vq_queue_submit(&ring, &bus.transport, 3), VQ_OK);
    assert_int_equal(bus.notified, 1);

    assert_int_equal(vq_queue_wait(&ring, &bus.transport, 3, 77), VQ_OK);
    bus.wait_error = VQ_ERR_TIMEOUT;
    assert_int_equal(vq_queue_wait(&ring, &bus.transport, 3, 77), VQ_ERR_TIMEOUT);
    vq_driver_break(&ring, VQ_BROKEN_BY_OWNER);
    assert_int_equal(vq_queue_wait(&ring, &bus.transport, 3, 77), VQ_ERR_BROKEN);
    assert_int_equal(vq_queue_submit(&ring, &bus.transport, 3), VQ_ERR_BROKEN);
}

#define CASE(fn, name) VQ_TEST_FIXTURE(fn, set_up, NULL, name)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CASE(exactly_the_parts, "a ring in static storage of exactly its three parts"),
        CASE(as_small_as_the_device_wants, "a ring as small as the device wants it"),
        CASE(packed_and_legacy, "packed rings of any size, legacy rings in one block within reach"),
        CASE(a_pool, "the search over a pool's pieces finds what first fit misses"),
        CASE(refusals, "what cannot be is an error, and the device does not hear of it"),
        CASE(submit_and_wait, "shows, notifies and waits"),
    };
    return VQ_RUN(tests);
}
