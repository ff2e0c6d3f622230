/*
 * The driver's end of a queue: what does not depend on the format, and the
 * choice of the body that does.
 */
#include <vq/driver.h>

#include "driver_packed.h"
#include "driver_split.h"

/*@ predicate driver_ok(struct vq_driver_queue q) =
  @   q.variant == VQ_VARIANT_PACKED ? driver_packed(q) : driver_split(q);
  @*/

/*@ requires shared(area, bytes);
  @ assigns ((uint8_t *)area)[0 .. bytes - 1]; */
VQ_STEP void zero(void *area, size_t bytes)
{
    volatile uint8_t *p = (volatile uint8_t *)area;
    /*@ loop invariant i <= bytes;
      @ loop assigns i, p[0 .. bytes - 1];
      @ loop variant bytes - i; */
    for (size_t i = 0; i < bytes; i++)
        p[i] = 0;
    vq_cache_clean(area, bytes);
}

/*@ requires \valid(slot);
  @ assigns *slot;
  @ ensures slot->next == next && slot->count == 0; */
VQ_BODY void slot_init(struct vq_driver_slot *slot, uint16_t next)
{
    *slot = (struct vq_driver_slot){.next = next};
}

/* What the owner of a queue gives, where it gives anything. */
/*@ predicate parts_ok(struct vq_driver_config c, integer driver, integer device) =
  @   (c.descriptor_area != \null ==> shared(c.descriptor_area, 16 * c.size)) &&
  @   (c.driver_area != \null ==> shared(c.driver_area, driver)) &&
  @   (c.device_area != \null ==> shared(c.device_area, device)) &&
  @   (c.slots != \null ==> \valid(c.slots + (0 .. c.size - 1))) &&
  @   (c.indirect_tables != \null ==> tables_there(c.indirect_tables, c.indirect_entries, c.size));
  @*/

/*@ requires \valid(q) && \valid_read(config);
  @ requires has(config->features, VQ_F_RING_PACKED) ? parts_ok(*config, 4, 4) :
  @   parts_ok(*config, 6 + 2 * config->size, 6 + 8 * config->size);
  @ assigns *q, config->slots[0 .. config->size - 1],
  @   ((uint8_t *)config->descriptor_area)[0 .. 16 * config->size - 1],
  @   ((uint8_t *)config->driver_area)[0 .. 6 + 2 * config->size - 1],
  @   ((uint8_t *)config->device_area)[0 .. 6 + 8 * config->size - 1];
  @ ensures \result == VQ_OK ==> slots_ok(*q) && q->broken == 0;
  @ ensures \result == VQ_OK ==> tables_ok(*q);
  @ ensures \result == VQ_OK ==> driver_ok(*q);
  @ ensures \result == VQ_OK ==>
  @   \forall integer i; 0 <= i < q->size ==> q->slots[i].count == 0; */
enum vq_error vq_driver_init(struct vq_driver_queue *q, const struct vq_driver_config *config)
{
    bool packed = vq_feature(&config->features, VQ_F_RING_PACKED);
    enum vq_variant variant = vq_variant_of(packed, config->big_endian);
    const uint16_t fresh = packed ? (uint16_t)VQ_PACKED_WRAP : (uint16_t)0;
    uint16_t size = config->size;

    if (variant == VQ_VARIANT_NONE || !vq_variant_obeys(&config->features))
        return VQ_ERR_UNSUPPORTED;
    if (!vq_variant_size_valid(variant, size))
        return VQ_ERR_SIZE;
    if (!config->descriptor_area || !config->driver_area || !config->device_area || !config->slots)
        return VQ_ERR_INVALID;
    if (!vq_aligned(config->descriptor_area, 16) ||
        !vq_aligned(config->driver_area, packed ? 4 : 2) || !vq_aligned(config->device_area, 4) ||
        (VQ_WITH_INDIRECT && !vq_aligned(config->indirect_tables, 16)))
        return VQ_ERR_ALIGN;

    *q = (struct vq_driver_queue){
        .descriptors = config->descriptor_area,
        .driver_area = config->driver_area,
        .device_area = config->device_area,
        .slots = config->slots,
        .size = size,
        .variant = (uint8_t)variant,
        .event_idx = vq_feature(&config->features, VQ_F_EVENT_IDX),
        .platform = vq_feature(&config->features, VQ_F_ORDER_PLATFORM),
        .strict = config->strict,
        .length_always = config->length_always,
        .in_order = vq_feature(&config->features, VQ_F_IN_ORDER),
        .free_count = size,
        .next_available = fresh,
        .published_available = fresh,
        .next_used = fresh,
    };
    if (VQ_WITH_INDIRECT && config->indirect_tables &&
        vq_feature(&config->features, VQ_F_INDIRECT_DESC)) {
        q->indirect_tables = config->indirect_tables;
        q->indirect_address = config->indirect_address;
        q->indirect_entries = config->indirect_entries;
    }
    /*@ loop invariant i <= size;
      @ loop invariant \forall integer k; 0 <= k < i ==>
      @   q->slots[k].next < size && q->slots[k].count == 0;
      @ loop assigns i, q->slots[0 .. size - 1];
      @ loop variant size - i; */
    for (uint32_t i = 0; i < size; i++)
        slot_init(&q->slots[i], (uint16_t)(i + 1u < size ? i + 1u : 0u));
    zero(q->descriptors, 16u * (size_t)size);
    zero(q->driver_area, packed ? 4 : 6 + 2u * (size_t)size);
    zero(q->device_area, packed ? 4 : 6 + 8u * (size_t)size);
    return VQ_OK;
}

/*@ requires \valid(q) && driver_ok(*q) && tables_ok(*q);
  @ requires \valid_read(elements + (0 .. readable + writable - 1));
  @ assigns q->slots[0 .. q->size - 1], q->free_head, q->free_count, q->added, q->last_added,
  @   q->next_available, q->first, ((uint8_t *)q->descriptors)[0 .. 16 * q->size - 1],
  @   ((uint8_t *)q->driver_area)[4 .. 4 + 2 * q->size - 1],
  @   ((uint8_t *)q->indirect_tables +
  @     table_at(q->indirect_entries, q->free_head))[0 .. 16 * q->indirect_entries - 1];
  @ ensures driver_ok(*q);
  @ ensures 0 <= \result ==>
  @   noted{Pre, Post}(\old(*q), *q, elements, readable, readable + writable, \result);
  @ ensures others_same{Pre, Post}(q->slots, q->size, \result);
  @ ensures \result < 0 ==> unmoved(\old(*q), *q); */
int vq_driver_add(struct vq_driver_queue *q, const struct vq_element elements[], unsigned readable,
                  unsigned writable)
{
    return VQ_BY_VARIANT(q, add, elements, readable, writable);
}

/*@ requires \valid(q) && driver_ok(*q);
  @ assigns ((uint8_t *)q->descriptors)[0 .. 16 * q->size - 1],
  @   ((uint8_t *)q->driver_area)[2 .. 3], q->published_available, q->added;
  @ ensures driver_ok(*q) && q->published_available == q->next_available;
  @ ensures \old(q->published_available) == q->next_available ==> !\result; */
bool vq_driver_publish(struct vq_driver_queue *q)
{
    return VQ_BY_VARIANT(q, publish_available);
}

/*@ requires \valid(q) && driver_ok(*q);
  @ assigns ((uint8_t *)q->descriptors)[0 .. 16 * q->size - 1],
  @   ((uint8_t *)q->driver_area)[2 .. 3], q->published_available, q->added;
  @ ensures driver_ok(*q) && q->published_available == q->next_available; */
void vq_driver_publish_polled(struct vq_driver_queue *q)
{
    uint16_t before = q->published_available, now = q->next_available;

    if (now != before)
        VQ_BY_VARIANT(q, show_available, before, now);
}

/*@ requires \valid(q) && driver_ok(*q) && (q->in_order ==> q->added <= q->size);
  @ assigns q->slots[0 .. q->size - 1], q->free_head, q->free_count, q->added, q->last_added,
  @   q->next_available, ((uint8_t *)q->descriptors)[0 .. 16 * q->size - 1];
  @ ensures slots_ok(*q) && q->added == 0 && q->next_available == q->published_available;
  @ ensures q->variant == VQ_VARIANT_PACKED ==> packed_areas(*q) && packed_used(*q);
  @ ensures only_freed{Pre, Post}(q->slots, q->size); */
void vq_driver_rollback(struct vq_driver_queue *q)
{
    if (VQ_IS_IN_ORDER(q)) {
        uint16_t back = (uint16_t)(q->size - q->added);
        uint16_t first = vq_in_order_after(q, q->free_head, back), id = first;

        q->free_count = (uint16_t)(q->free_count + q->added);
        /*@ loop invariant slots_ok(*q) && id < q->size;
          @ loop invariant only_freed{Pre, Here}(q->slots, q->size);
          @ loop assigns id, q->added, q->slots[0 .. q->size - 1];
          @ loop variant q->added; */
        for (; q->added != 0; q->added--) {
            q->slots[id].count = 0;
            id = vq_in_order_after(q, id, 1);
        }
        q->free_head = first;
    }
    /*@ loop invariant slots_ok(*q);
      @ loop invariant only_freed{Pre, Here}(q->slots, q->size);
      @ loop assigns q->added, q->last_added, q->slots[0 .. q->size - 1], q->free_head,
      @   q->free_count;
      @ loop variant q->added; */
    for (; q->added != 0; q->added--) {
        uint16_t id = q->last_added;
        q->last_added = q->slots[vq_chain_tail(q, id)].next;
        vq_release(q, id);
    }
    VQ_BY_VARIANT(q, withdraw);
    q->next_available = q->published_available;
}

/*@ requires \valid(q) && driver_ok(*q) && \valid(done + (0 .. count - 1));
  @ requires \separated(done + (0 .. count - 1), q->slots + (0 .. q->size - 1));
  @ assigns q->broken, q->seen_used, q->next_used, q->slots[0 .. q->size - 1], q->free_head,
  @   q->free_count, q->batch_open, q->batch_next, q->batch_last, q->batch_written,
  @   done[0 .. count - 1];
  @ ensures driver_ok(*q) && \result <= count;
  @ ensures all_given{Pre, Post}(q->slots, q->size, q->strict, done, \result);
  @ ensures \old(q->broken) != 0 ==> \result == 0 && q->broken == \old(q->broken); */
size_t vq_driver_get(struct vq_driver_queue *q, struct vq_done done[], size_t count)
{
    return VQ_BY_VARIANT(q, get, done, count);
}

/*@ requires \valid(q) && driver_ok(*q);
  @ assigns q->broken, q->seen_used;
  @ ensures driver_ok(*q);
  @ ensures \result ==> q->broken == 0;
  @ ensures \old(q->broken) != 0 ==> q->broken == \old(q->broken); */
bool vq_driver_pending(struct vq_driver_queue *q)
{
    return VQ_BY_VARIANT(q, used) != 0;
}

/*@ requires \valid(q) && driver_ok(*q);
  @ assigns ((uint8_t *)q->driver_area)[0 .. 3],
  @   ((uint8_t *)q->driver_area)[4 + 2 * q->size .. 5 + 2 * q->size]; */
void vq_driver_disable_notifications(struct vq_driver_queue *q)
{
    VQ_BY_VARIANT(q, want_signals, false);
}

/*@ requires \valid(q) && driver_ok(*q);
  @ assigns ((uint8_t *)q->driver_area)[0 .. 3],
  @   ((uint8_t *)q->driver_area)[4 + 2 * q->size .. 5 + 2 * q->size], q->broken, q->seen_used;
  @ ensures driver_ok(*q);
  @ ensures \result ==> q->broken == 0;
  @ ensures \old(q->broken) != 0 ==> q->broken == \old(q->broken); */
bool vq_driver_enable_notifications(struct vq_driver_queue *q)
{
    VQ_BY_VARIANT(q, want_signals, true);
    /* Pairs with the fence of the device between its idx and its look at our wish. */
    vq_full_fence(q->platform);
    return vq_driver_pending(q);
}

uint16_t vq_driver_free(const struct vq_driver_queue *q)
{
    return q->free_count;
}

uint32_t vq_driver_notification_data(const struct vq_driver_queue *q, uint16_t queue_index)
{
    return queue_index | (uint32_t)q->published_available << 16;
}

enum vq_broken vq_driver_broken(const struct vq_driver_queue *q)
{
    return (enum vq_broken)q->broken;
}

/*@ requires \valid(q);
  @ assigns q->broken;
  @ ensures 0 <= reason < 256 ==> q->broken != 0;
  @ ensures \old(q->broken) != 0 ==> q->broken == \old(q->broken); */
void vq_driver_break(struct vq_driver_queue *q, enum vq_broken reason)
{
    vq_driver_break_(q, reason == VQ_NOT_BROKEN ? VQ_BROKEN_BY_OWNER : reason);
}
