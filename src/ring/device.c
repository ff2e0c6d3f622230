/*
 * The device's end of a queue: what does not depend on the format, and the
 * choice of the body that does.
 */
#include <vq/device.h>

#include "device_packed.h"
#include "device_split.h"

/*@ predicate device_any(struct vq_device_queue q) = ordered(q) && \separated(
  @     q.in_flight + (0 .. q.size - 1), q.order + (0 .. q.size - 1)) &&
  @   (q.variant == VQ_VARIANT_PACKED ? device_packed(q) : device_split(q));
  @*/

enum vq_error vq_device_init(struct vq_device_queue *q, const struct vq_device_config *config)
{
    bool packed = vq_feature(&config->features, VQ_F_RING_PACKED);
    bool in_order = vq_feature(&config->features, VQ_F_IN_ORDER);
    enum vq_variant variant = vq_variant_of(packed, config->big_endian);
    const uint16_t fresh = packed ? VQ_PACKED_WRAP : 0;

    if (variant == VQ_VARIANT_NONE || !vq_variant_obeys(&config->features))
        return VQ_ERR_UNSUPPORTED;
    if (!vq_variant_size_valid(variant, config->size))
        return VQ_ERR_SIZE;
    if (packed && ((config->next_available & VQ_PACKED_SLOT) >= config->size ||
                   (config->next_used & VQ_PACKED_SLOT) >= config->size))
        return VQ_ERR_RANGE;
    if (!config->descriptor_area || !config->driver_area || !config->device_area ||
        !config->memory || !config->in_flight || (in_order && !config->order))
        return VQ_ERR_INVALID;
    if (!vq_aligned(config->descriptor_area, 16) ||
        !vq_aligned(config->driver_area, packed ? 4 : 2) || !vq_aligned(config->device_area, 4))
        return VQ_ERR_ALIGN;

    /* Then one field after the other: all of them at once would be more than the registers hold. */
    memset(q, 0, sizeof(*q));
    q->descriptors = config->descriptor_area;
    q->driver_area = config->driver_area;
    q->device_area = config->device_area;
    q->memory = config->memory;
    q->in_flight = config->in_flight;
    q->order = in_order ? config->order : NULL;
    q->size = config->size;
    if (VQ_VARIANTS > 1) /* or nobody asks */
        q->variant = (uint8_t)variant;
    if (VQ_WITH_INDIRECT)
        q->indirect = vq_feature(&config->features, VQ_F_INDIRECT_DESC);
    q->platform = vq_feature(&config->features, VQ_F_ORDER_PLATFORM);
    q->event_idx = vq_feature(&config->features, VQ_F_EVENT_IDX);
    if (VQ_WITH_ON_EMPTY)
        q->on_empty = vq_wants_on_empty(&config->features);
    q->next_available = q->seen_available = config->next_available;
    q->next_used = q->published_used = config->next_used;
    q->signal_always = (q->next_available ^ q->next_used) | (q->next_used ^ fresh);
    memset(q->in_flight, 0, 2u * (size_t)q->size);
    if (VQ_HAS_ORDER(q))
        memset(q->order, 0, sizeof(*q->order) * q->size);
    return VQ_OK;
}

uint16_t vq_device_used_index(const struct vq_device_config *config)
{
    return config->big_endian ? vq_load16(vq_ring_idx(config->device_area), true)
                              : vq_load16(vq_ring_idx(config->device_area), false);
}

/*@ requires \valid(q) && device_any(*q) &&
  @   buffers_ok(buffers, count, q->memory, q->in_flight, q->order, q->size);
  @ ensures \result <= count;
  @ ensures device_any(*q); */
size_t vq_device_pop(struct vq_device_queue *q, struct vq_buffer *const buffers[], size_t count)
{
    return VQ_BY_VARIANT(q, pop, buffers, count);
}

/*@ requires \valid(q) && device_any(*q) && \valid_read(used + (0 .. count - 1));
  @ requires \separated(used + (0 .. count - 1), q->in_flight + (0 .. q->size - 1));
  @ requires \separated(used + (0 .. count - 1), q->order + (0 .. q->size - 1));
  @ assigns q->next_used, q->outstanding, q->first, q->in_flight[0 .. q->size - 1],
  @   q->order[0 .. q->size - 1], ((uint8_t *)q->descriptors)[0 .. 16 * q->size - 1],
  @   ((uint8_t *)q->device_area)[0 .. 5 + 8 * q->size];
  @ ensures device_any(*q);
  @ ensures \result == VQ_OK ==> \forall integer k; 0 <= k < count ==>
  @   used[k].id < q->size && \old(q->in_flight[used[k].id]) != 0; */
enum vq_error vq_device_push(struct vq_device_queue *q, const struct vq_used used[], size_t count)
{
    /*@ loop invariant device_any(*q) && 0 <= count <= \at(count, Pre);
      @ loop invariant used == \at(used, Pre) + (\at(count, Pre) - count);
      @ loop invariant \forall integer i; 0 <= i < q->size ==>
      @   q->in_flight[i] == \at(q->in_flight[i], Pre) || q->in_flight[i] == 0;
      @ loop invariant \forall integer k; 0 <= k < \at(count, Pre) ==>
      @   \at(used, Pre)[k].id == \at(used[k].id, Pre);
      @ loop invariant \forall integer k; 0 <= k < \at(count, Pre) - count ==>
      @   \at(used[k].id, Pre) < q->size && \at(q->in_flight[used[k].id], Pre) != 0;
      @ loop assigns count, used, q->next_used, q->outstanding, q->first,
      @   q->in_flight[0 .. q->size - 1], q->order[0 .. q->size - 1],
      @   ((uint8_t *)q->descriptors)[0 .. 16 * q->size - 1],
      @   ((uint8_t *)q->device_area)[0 .. 5 + 8 * q->size];
      @ loop variant count; */
    for (; count != 0; count--, used++) {
        const uint16_t id = used->id;
        const uint16_t descriptors = id < q->size ? q->in_flight[id] : 0;

        if (descriptors == 0)
            return VQ_ERR_RANGE;
        if (VQ_HAS_ORDER(q)) {
            /*@ ghost found:; */
            if (!vq_order_finish(q, used))
                return VQ_ERR_RANGE;
            /*@ assert flying(q->in_flight, q->size) ==
              @   \at(flying(q->in_flight, q->size), found); */
            /*@ assert \forall integer k; 0 <= k < \at(count, Pre) ==>
              @   \at(used, Pre)[k].id == \at(used[k].id, Pre); */
            /*@ assert device_any(*q); */
        } else {
            /* A copy, since the compiler cannot know that the next line does not change it. */
            const struct vq_used one = {id, used->written};

            /*@ ghost before:; */
            q->in_flight[id] = 0;
            /*@ assert flying(q->in_flight, q->size) ==
              @   \at(flying(q->in_flight, q->size), before) - descriptors; */
            /*@ assert \forall integer k; 0 <= k < \at(count, Pre) ==>
              @   \at(used, Pre)[k].id == \at(used[k].id, Pre); */
            VQ_BY_VARIANT(q, put, &one, 1, descriptors);
            /*@ assert device_any(*q); */
        }
    }
    return VQ_OK;
}

/*@ requires \valid(q) && device_any(*q);
  @ assigns q->next_used, q->outstanding, q->first, q->order_first, q->order_count,
  @   q->in_flight[0 .. q->size - 1], ((uint8_t *)q->descriptors)[0 .. 16 * q->size - 1],
  @   ((uint8_t *)q->device_area)[0 .. 5 + 8 * q->size];
  @ ensures device_any(*q); */
VQ_BODY void put_what_is_in_order(struct vq_device_queue *q)
{
    if (VQ_HAS_ORDER(q)) {
        struct vq_used used;
        uint16_t buffers, descriptors;
        /*@ loop invariant device_any(*q);
          @ loop assigns buffers, descriptors, used, q->next_used, q->outstanding, q->first,
          @   q->order_first, q->order_count, q->in_flight[0 .. q->size - 1],
          @   ((uint8_t *)q->descriptors)[0 .. 16 * q->size - 1],
          @   ((uint8_t *)q->device_area)[0 .. 5 + 8 * q->size];
          @ loop variant q->order_count; */
        while ((buffers = vq_order_run(q, &used, &descriptors)) != 0)
            VQ_BY_VARIANT(q, put, &used, buffers, descriptors);
    }
}

/*@ requires \valid(q) && device_any(*q);
  @ assigns q->published_used, q->signal_always, q->next_used, q->outstanding, q->first,
  @   q->order_first, q->order_count, q->in_flight[0 .. q->size - 1],
  @   ((uint8_t *)q->descriptors)[0 .. 16 * q->size - 1],
  @   ((uint8_t *)q->device_area)[0 .. 5 + 8 * q->size];
  @ ensures device_any(*q) && q->published_used == q->next_used; */
bool vq_device_publish(struct vq_device_queue *q)
{
    put_what_is_in_order(q);
    return VQ_BY_VARIANT(q, publish_used);
}

/*@ requires \valid(q) && device_any(*q);
  @ assigns q->published_used, q->next_used, q->outstanding, q->first,
  @   q->order_first, q->order_count, q->in_flight[0 .. q->size - 1],
  @   ((uint8_t *)q->descriptors)[0 .. 16 * q->size - 1],
  @   ((uint8_t *)q->device_area)[0 .. 5 + 8 * q->size];
  @ ensures device_any(*q) && q->published_used == q->next_used; */
void vq_device_publish_polled(struct vq_device_queue *q)
{
    uint16_t before, now;

    put_what_is_in_order(q);
    before = q->published_used;
    now = q->next_used;
    if (now != before)
        VQ_BY_VARIANT(q, show_used, before, now);
}

/*@ requires \valid(q) && device_any(*q);
  @ assigns q->broken, q->seen_available;
  @ ensures device_any(*q) && (\result ==> q->broken == 0); */
bool vq_device_pending(struct vq_device_queue *q)
{
    return VQ_BY_VARIANT(q, available) != 0;
}

/*@ requires \valid(q) && device_any(*q);
  @ assigns ((uint8_t *)q->device_area)[0 .. 5 + 8 * q->size]; */
void vq_device_disable_notifications(struct vq_device_queue *q)
{
    VQ_BY_VARIANT(q, want_kicks, false);
}

/*@ requires \valid(q) && device_any(*q);
  @ assigns q->broken, q->seen_available, ((uint8_t *)q->device_area)[0 .. 5 + 8 * q->size];
  @ ensures device_any(*q) && (\result ==> q->broken == 0); */
bool vq_device_enable_notifications(struct vq_device_queue *q)
{
    VQ_BY_VARIANT(q, want_kicks, true);
    /* Pairs with the fence of the driver between its idx and its look at our wish. */
    vq_full_fence(q->platform);
    return vq_device_pending(q);
}

enum vq_broken vq_device_broken(const struct vq_device_queue *q)
{
    return (enum vq_broken)q->broken;
}

void vq_device_break(struct vq_device_queue *q, enum vq_broken reason)
{
    vq_device_break_(q, reason == VQ_NOT_BROKEN ? VQ_BROKEN_BY_OWNER : reason);
}
