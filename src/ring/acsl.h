/*
 * The words of the proofs: predicates that the contracts in this directory use,
 * and the contracts of the accesses that barrier.h makes with a macro. Only the
 * prover reads this file (proofs/README.md); no build includes it.
 *
 * Shared memory is bytes. A read of it is volatile: an arbitrary value each time,
 * so that whatever holds, holds against a concurrent and hostile other end.
 */
#ifndef VQ_RING_ACSL_H
#define VQ_RING_ACSL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vq/device.h>
#include <vq/driver.h>
#include <vq/memory.h>

/*@ predicate shared(void *p, integer bytes) = \valid((uint8_t *)p + (0 .. bytes - 1)); */
/*@ predicate shared_read(void *p, integer bytes) =
  @   \valid_read((uint8_t *)p + (0 .. bytes - 1)); */

/*
 * Memory of the other end: a table as vq_memory_init leaves it, with its regions
 * mapped. `granted` is any relation that holds for all that a region gives; what is
 * proved of each such relation is true of the least of them: a range is granted
 * only as part of a region with that access.
 */
/*@ axiomatic Granted {
  @   predicate granted(struct vq_memory *m, void *p, integer bytes, integer access) reads \nothing;
  @ }
  @ predicate holds(struct vq_region *r, integer address) =
  @   r->address <= address < r->address + r->size;
  @ predicate allows(struct vq_region *r, integer access) = (r->access & access) == access;
  @ predicate region_ok(struct vq_memory *m, struct vq_region *r) =
  @   0 < r->size && r->address + r->size <= 0x10000000000000000 &&
  @   \valid(r->host + (0 .. r->size - 1)) &&
  @   \forall integer at, integer bytes, integer access;
  @     0 <= at && 0 < bytes && at + bytes <= r->size && allows(r, access) ==>
  @     granted(m, (void *)(r->host + at), bytes, access);
  @ predicate sorted(struct vq_region *r, integer n) =
  @   \forall integer i, j; 0 <= i < j < n ==> r[i].address + r[i].size <= r[j].address;
  @ predicate memory_ok(struct vq_memory *m) =
  @   \valid_read(m) && m->count <= VQ_MEMORY_REGIONS_MAX &&
  @   sorted(m->regions, m->count) && (\forall integer k; 0 <= k < m->count ==>
  @     \valid_read(&m->regions[k]) && region_ok(m, &m->regions[k]));
  @*/

/* Conversion to unsigned (C11 6.3.1.3), of which WP tells the provers little. */
/*@ axiomatic Unsigned {
  @   axiom wrap_64: \forall integer a; -0x10000000000000000 <= a < 0 ==>
  @     (uint64_t)a == a + 0x10000000000000000;
  @   axiom wrap_32: \forall integer a; -0x100000000 <= a < 0 ==> (uint32_t)a == a + 0x100000000;
  @   axiom shift_8: \forall integer a; 0 <= a < 0x10000 ==> 0 <= (a << 8) <= 0xffff00;
  @   axiom carry_16: \forall integer a; 0x10000 <= a < 0x20000 ==> (uint16_t)a == a - 0x10000;
  @   axiom carry_32: \forall integer a; 0x100000000 <= a < 0x200000000 ==>
  @     (uint32_t)a == a - 0x100000000;
  @ }
  @*/

/*
 * A table that nobody changes while queues run (vq/memory.h asks that of its owner).
 * Translation takes it on entry as what vq_memory_init left: `admit frozen`.
 */
/*@ axiomatic Frozen {
  @   predicate table(struct vq_memory *m) reads \nothing;
  @ }
  @ predicate outside(struct vq_memory *m, struct vq_segment *s, integer room, uint32_t *hint) =
  @   \forall integer k; 0 <= k < m->count ==>
  @     \separated(&m->regions[k], s + (0 .. room - 1), hint);
  @*/

/* A segment lies inside one region, which grants the access; those from one index to another do.
 * `within_at` is the same of segment k: a name by which provers find their way from one index
 * to another. */
/*@ predicate within(struct vq_memory *m, struct vq_segment *s, integer access) =
  @   0 < s->bytes && granted(m, s->base, s->bytes, access);
  @ predicate within_at(struct vq_memory *m, struct vq_segment *s, integer k, integer access) =
  @   within(m, &s[k], access);
  @ predicate all_within(struct vq_memory *m, struct vq_segment *s, integer n, integer access) =
  @   \forall integer k; 0 <= k < n ==> within(m, &s[k], access);
  @ predicate between(struct vq_memory *m, struct vq_segment *s, integer from, integer to,
  @                   integer access) =
  @   \forall integer k; from <= k < to ==> within(m, &s[k], access);
  @*/

/* The bytes of the first n segments. The last two are induction over n, which provers do not do. */
/*@ axiomatic Total {
  @   logic integer total{L}(struct vq_segment *s, integer n) reads s[0 .. n - 1].bytes;
  @   axiom total_none{L}: \forall struct vq_segment *s; total(s, 0) == 0;
  @   axiom total_more{L}: \forall struct vq_segment *s, integer n;
  @     0 <= n ==> total(s, n + 1) == total(s, n) + s[n].bytes;
  @   axiom total_grows{L}: \forall struct vq_segment *s, integer m, n;
  @     0 <= m <= n ==> total(s, m) <= total(s, n);
  @   axiom total_same{K, L}: \forall struct vq_segment *s, integer n;
  @     (\forall integer k; 0 <= k < n ==> \at(s[k].bytes, K) == \at(s[k].bytes, L)) ==>
  @     total{K}(s, n) == total{L}(s, n);
  @ }
  @*/

/*
 * Packed positions, in numbers: provers know division better than masks. The axioms
 * are tried for all their values by proofs/exhaustive.c.
 */
/*@ logic integer slot_of(integer at) = at < 32768 ? at : at - 32768;
  @ logic integer wrap_of(integer at) = at < 32768 ? 0 : 32768;
  @ predicate position_ok(integer at, integer size) = slot_of(at) < size;
  @ axiomatic Masks {
  @   axiom mask_slot: \forall integer a; 0 <= a < 65536 ==> (a & 0x7fff) == slot_of(a);
  @   axiom mask_wrap: \forall integer a; 0 <= a < 65536 ==> (a & 0x8000) == wrap_of(a);
  @   axiom mask_apart: \forall integer a, b; 0 <= a < 65536 && 0 <= b < 65536 ==>
  @     ((a ^ b) & 0x8000) == (wrap_of(a) == wrap_of(b) ? 0 : 32768);
  @   axiom mask_one: \forall integer a, b; 0 <= a < 0x100000000 && (b == 1 || b == 2) ==>
  @     (a & b) == 0 || (a & b) == b;
  @   axiom mask_one_left: \forall integer a, b; 0 <= b < 0x100000000 && (a == 1 || a == 2) ==>
  @     (a & b) == 0 || (a & b) == a;
  @   axiom mask_size: \forall integer a, b; 0 <= a && 0 <= b ==> 0 <= (a & b) <= b;
  @ }
  @ logic integer advanced(integer at, integer by, integer size) =
  @   slot_of(at) + by < size ? at + by :
  @   slot_of(at) + by - size + (32768 - wrap_of(at));
  @*/

/*
 * A queue of the driver's end between two calls: whatever the device writes, links
 * between slots stay inside the queue, and no buffer is longer than it.
 */
/*@ predicate slots_ok(struct vq_driver_queue *q) =
  @   \valid(q) && 1 <= q->size <= 32768 && \valid(q->slots + (0 .. q->size - 1)) &&
  @   \separated(q, q->slots + (0 .. q->size - 1)) && q->free_head < q->size &&
  @   q->last_added < q->size && q->batch_next < q->size && q->batch_last < q->size &&
  @   (\forall integer i; 0 <= i < q->size ==> q->slots[i].next < q->size) &&
  @   (\forall integer i; 0 <= i < q->size ==> q->slots[i].count <= q->size);
  @ predicate split_areas(struct vq_driver_queue *q) =
  @   shared(q->descriptors, 16 * q->size) &&
  @   shared(q->driver_area, 6 + 2 * q->size) && shared(q->device_area, 6 + 8 * q->size);
  @ predicate packed_areas(struct vq_driver_queue *q) =
  @   shared(q->descriptors, 16 * q->size) && shared(q->driver_area, 4) &&
  @   shared(q->device_area, 4) && position_ok(q->next_available, q->size) &&
  @   position_ok(q->published_available, q->size) && position_ok(q->next_used, q->size);
  @ predicate driver_split(struct vq_driver_queue *q) = slots_ok(q) && split_areas(q);
  @ predicate driver_packed(struct vq_driver_queue *q) = slots_ok(q) && packed_areas(q);
  @ predicate done_ok(struct vq_driver_queue *q, struct vq_done *d) =
  @   d->id < q->size && d->written <= d->reported;
  @*/

/* A queue of the device's end, as far as translation needs it; a buffer, empty and filled. */
/*@ predicate translates(struct vq_device_queue *q) =
  @   table(q->memory) && \valid_read(q->memory) && \separated(q, q->memory);
  @ predicate aside(struct vq_device_queue *q, struct vq_buffer *b) =
  @   \separated(q, b, q->memory, b->segments + (0 .. b->room - 1));
  @ predicate room_ok(struct vq_buffer *b) =
  @   \valid(b) && \valid(b->segments + (0 .. b->room - 1));
  @ predicate filled(struct vq_memory *m, struct vq_buffer *b) =
  @   b->readable + b->writable <= b->room &&
  @   b->readable_bytes + b->writable_bytes <= 0x100000000 &&
  @   between(m, b->segments, 0, b->readable, VQ_READ) &&
  @   between(m, b->segments, b->readable, b->readable + b->writable, VQ_WRITE);
  @*/

/*@ requires table(memory) && \valid_read(memory) && \valid(segments + (0 .. room - 1));
  @ requires hint == \null || \valid(hint);
  @ requires \separated(memory, segments + (0 .. room - 1), hint);
  @ assigns *hint, segments[0 .. room - 1];
  @ ensures \result <= room && all_within(memory, segments, \result, access);
  @ ensures 0 < \result ==> total(segments, \result) == bytes; */
size_t vq_memory_map(const struct vq_memory *memory, uint64_t address, uint64_t bytes,
                     enum vq_access access, struct vq_segment *segments, size_t room,
                     uint32_t *hint);

/*@ requires shared(to, bytes);
  @ assigns ((uint8_t *)to)[0 .. bytes - 1];
  @ ensures \result == to; */
void *memset(void *to, int byte, size_t bytes);

/*@ requires shared_read(p, 2);
  @ assigns \nothing; */
static uint16_t vq_get16(const void *p, bool acquire);

/*@ requires shared_read(p, 4);
  @ assigns \nothing; */
static uint32_t vq_get32(const void *p, bool acquire);

/*@ requires shared_read(p, 8);
  @ assigns \nothing; */
static uint64_t vq_get64(const void *p, bool acquire);

/*@ requires shared(p, 2);
  @ assigns ((uint8_t *)p)[0 .. 1]; */
static void vq_put16(void *p, uint16_t v, bool release);

/*@ requires shared(p, 4);
  @ assigns ((uint8_t *)p)[0 .. 3]; */
static void vq_put32(void *p, uint32_t v, bool release);

/*@ requires shared(p, 8);
  @ assigns ((uint8_t *)p)[0 .. 7]; */
static void vq_put64(void *p, uint64_t v, bool release);

#endif
