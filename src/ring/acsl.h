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
  @   axiom mask_size: \forall integer a, b; 0 <= a && 0 <= b ==> 0 <= (a & b) <= b && (a & b) <= a;
  @ }
  @ logic integer advanced(integer at, integer by, integer size) =
  @   slot_of(at) + by < size ? at + by :
  @   slot_of(at) + by - size + (32768 - wrap_of(at));
  @*/

/*
 * A queue of the driver's end between two calls: whatever the device writes, links
 * between slots stay inside the queue, and no buffer is longer than it.
 */
/*@ predicate slots_ok(struct vq_driver_queue q) =
  @   1 <= q.size <= 32768 && \valid(q.slots + (0 .. q.size - 1)) && q.free_head < q.size &&
  @   q.last_added < q.size && q.batch_next < q.size && q.batch_last < q.size &&
  @   (\forall integer i; 0 <= i < q.size ==> q.slots[i].next < q.size) &&
  @   (\forall integer i; 0 <= i < q.size ==> q.slots[i].count <= q.size);
  @ predicate driver_split(struct vq_driver_queue q) = slots_ok(q) &&
  @   shared(q.descriptors, 16 * q.size) &&
  @   shared(q.driver_area, 6 + 2 * q.size) && shared(q.device_area, 6 + 8 * q.size);
  @ predicate split_within(struct vq_driver_queue q) =
  @   (uint16_t)(q.seen_used - q.next_used) <= (uint16_t)(q.published_available - q.next_used);
  @*/

/*
 * Packed positions: slots from one to another that is ahead of it by a round at most. A queue
 * that is not broken has as many free descriptors as the ring has slots that are not in use.
 */
/*@ logic integer ahead_by(integer from, integer to, integer size) =
  @   wrap_of(from) == wrap_of(to) ? to - from : slot_of(to) + size - slot_of(from);
  @ predicate packed_areas(struct vq_driver_queue q) =
  @   shared(q.descriptors, 16 * q.size) && shared(q.driver_area, 4) &&
  @   shared(q.device_area, 4) && position_ok(q.next_available, q.size) &&
  @   position_ok(q.published_available, q.size) && position_ok(q.next_used, q.size);
  @ predicate packed_used(struct vq_driver_queue q) =
  @   0 <= ahead_by(q.next_used, q.published_available, q.size) <=
  @     ahead_by(q.next_used, q.next_available, q.size) <= q.size;
  @ predicate packed_free(struct vq_driver_queue q) = q.broken != 0 ||
  @   q.free_count == q.size - ahead_by(q.next_used, q.next_available, q.size);
  @ predicate driver_packed(struct vq_driver_queue q) =
  @   slots_ok(q) && packed_areas(q) && packed_used(q) && packed_free(q);
  @*/

/*@ predicate has(struct vq_features f, integer bit) =
  @   bit < 128 && ((f.word[bit / 32] >> (bit % 32)) & 1) != 0;
  @*/

/* Descriptors of the ring that a buffer of some elements needs; where the indirect table of an
 * id stands. */
/*@ logic integer bytes_of{L}(struct vq_element *e, integer from, integer to) =
  @   to <= from ? 0 : bytes_of(e, from, to - 1) + e[to - 1].bytes;
  @ logic integer takes{L}(struct vq_element *e, integer readable, integer count) =
  @   bytes_of(e, readable, count) < 0x100000000 ? bytes_of(e, readable, count) : 0xffffffff;
  @*/
/*@ logic integer needs(struct vq_driver_queue q, integer elements) =
  @   1 < elements <= q.indirect_entries ? 1 : elements;
  @ logic integer table_at(integer entries, integer id) = id * entries * 16;
  @ predicate table_ok(struct vq_driver_queue q, integer id) =
  @   shared((uint8_t *)q.indirect_tables + table_at(q.indirect_entries, id),
  @     16 * q.indirect_entries);
  @ predicate tables_there(void *tables, integer entries, integer ids) =
  @   \forall integer id; 0 <= id < ids ==>
  @     shared((uint8_t *)tables + table_at(entries, id), 16 * entries);
  @ predicate tables_ok(struct vq_driver_queue q) = 1 < q.indirect_entries ==>
  @   tables_there(q.indirect_tables, q.indirect_entries, q.size);
  @*/

/* What add notes of a buffer, and what it leaves when it fails. */
/*@ predicate noted{K, L}(struct vq_driver_queue before, struct vq_driver_queue after,
  @                       struct vq_element *e, integer readable, integer count, integer id) =
  @   id == before.free_head && before.broken == 0 && 1 <= count <= after.size &&
  @   \at(after.slots[id].count, L) == before.free_count - after.free_count &&
  @   \at(after.slots[id].count, L) == needs(after, count) &&
  @   \at(after.slots[id].writable, L) == takes{K}(e, readable, count);
  @ predicate unmoved(struct vq_driver_queue before, struct vq_driver_queue after) =
  @   after.next_available == before.next_available && after.free_count == before.free_count &&
  @   after.free_head == before.free_head;
  @*/

/* A buffer that a get has given back. It was in flight, is not any more, and nobody
 * writes more than it takes. */
/*@ predicate given(struct vq_driver_slot *s, integer size, integer strict, struct vq_done d) =
  @   d.id < size && s[d.id].count == 0 && d.written <= d.reported &&
  @   d.written <= s[d.id].writable && (strict != 0 ==> d.written == d.reported);
  @ predicate all_given{K, L}(struct vq_driver_slot *s, integer size, integer strict,
  @                           struct vq_done *d, integer n) =
  @   (\forall integer k; 0 <= k < n ==> given{L}(s, size, strict, \at(d[k], L)) &&
  @     \at(s[\at(d[k].id, L)].count, K) != 0) &&
  @   (\forall integer j, k; 0 <= j < k < n ==> \at(d[j].id, L) != \at(d[k].id, L));
  @ predicate done_same{K, L}(struct vq_done *d, integer n) = \forall integer k; 0 <= k < n ==>
  @   \at(d[k].id, L) == \at(d[k].id, K) && \at(d[k].written, L) == \at(d[k].written, K) &&
  @   \at(d[k].reported, L) == \at(d[k].reported, K);
  @ predicate others_same{K, L}(struct vq_driver_slot *s, integer n, integer id) =
  @   \forall integer i; 0 <= i < n && i != id ==>
  @     \at(s[i].writable, L) == \at(s[i].writable, K) && \at(s[i].count, L) == \at(s[i].count, K);
  @ predicate only_freed{K, L}(struct vq_driver_slot *s, integer n) =
  @   \forall integer i; 0 <= i < n ==> \at(s[i].writable, L) == \at(s[i].writable, K) &&
  @     (\at(s[i].count, L) == \at(s[i].count, K) || \at(s[i].count, L) == 0);
  @*/

/* What a queue of the device's end translates with; a buffer with room, and filled. Structures
 * are passed as values, so that the prover knows a pointer to one for a mere reference. */
/*@ predicate translates(struct vq_memory *m) = table(m) && \valid_read(m);
  @ predicate roomy(struct vq_buffer b) = \valid(b.segments + (0 .. b.room - 1));
  @ predicate filled(struct vq_memory *m, struct vq_buffer b) =
  @   b.readable + b.writable <= b.room &&
  @   b.readable_bytes + b.writable_bytes <= 0x100000000 &&
  @   between(m, b.segments, 0, b.readable, VQ_READ) &&
  @   between(m, b.segments, b.readable, b.readable + b.writable, VQ_WRITE);
  @*/

/* The descriptors in flight, of all ids. The axioms are induction over n. */
/*@ axiomatic Flying {
  @   logic integer flying{L}(uint16_t *f, integer n) reads f[0 .. n - 1];
  @   axiom flying_holds{L}: \forall uint16_t *f, integer n, i;
  @     0 <= i < n ==> 0 <= f[i] <= flying(f, n);
  @   axiom flying_change{K, L}: \forall uint16_t *f, integer n, i; 0 <= i < n &&
  @     (\forall integer k; 0 <= k < n && k != i ==> \at(f[k], K) == \at(f[k], L)) ==>
  @     flying{L}(f, n) == flying{K}(f, n) - \at(f[i], K) + \at(f[i], L);
  @   axiom flying_same{K, L}: \forall uint16_t *f, integer n;
  @     (\forall integer k; 0 <= k < n ==> \at(f[k], K) == \at(f[k], L)) ==>
  @     flying{K}(f, n) == flying{L}(f, n);
  @   axiom flying_ones{L}: \forall uint16_t *f, integer n;
  @     0 <= n && (\forall integer k; 0 <= k < n ==> f[k] <= 1) ==> flying(f, n) <= n;
  @ }
  @*/

/*
 * A queue of the device's end between two calls. What is in flight is counted, whatever
 * the driver writes; with IN_ORDER, links between ids stay inside the queue.
 */
/*@ predicate ordered(struct vq_device_queue q) =
  @   q.order != \null ==> \valid(q.order + (0 .. q.size - 1)) && q.order_first < q.size &&
  @   q.order_last < q.size &&
  @   \forall integer i; 0 <= i < q.size ==> slot_of(q.order[i].next) < q.size;
  @ predicate device_ok(struct vq_device_queue q) =
  @   1 <= q.size <= 32768 && translates(q.memory) && shared(q.descriptors, 16 * q.size) &&
  @   \valid(q.in_flight + (0 .. q.size - 1)) &&
  @   q.outstanding <= q.size && flying(q.in_flight, q.size) == q.outstanding;
  @ predicate device_split(struct vq_device_queue q) = device_ok(q) &&
  @   shared(q.driver_area, 6 + 2 * q.size) && shared(q.device_area, 6 + 8 * q.size) &&
  @   \forall integer i; 0 <= i < q.size ==> q.in_flight[i] <= 1;
  @ predicate device_packed(struct vq_device_queue q) = device_ok(q) &&
  @   shared(q.driver_area, 4) && shared(q.device_area, 4) &&
  @   position_ok(q.next_available, q.size) && position_ok(q.next_used, q.size) &&
  @   position_ok(q.published_used, q.size);
  @ predicate same_queue(struct vq_device_queue a, struct vq_device_queue b) =
  @   a.descriptors == b.descriptors && a.driver_area == b.driver_area &&
  @   a.device_area == b.device_area && a.memory == b.memory && a.in_flight == b.in_flight &&
  @   a.order == b.order && a.size == b.size;
  @ predicate apart(struct vq_device_queue q, struct vq_buffer b) =
  @   \separated(q.memory, q.in_flight + (0 .. q.size - 1), q.order + (0 .. q.size - 1),
  @     b.segments + (0 .. b.room - 1));
  @ predicate one_apart(struct vq_buffer **b, integer n, struct vq_buffer *one,
  @     struct vq_memory *m, uint16_t *f, struct vq_device_order *o, integer size) =
  @   \valid(one) && \valid(one->segments + (0 .. one->room - 1)) &&
  @   \separated(one, m, f + (0 .. size - 1), o + (0 .. size - 1), b + (0 .. n - 1),
  @     one->segments + (0 .. one->room - 1));
  @ predicate two_apart(struct vq_buffer *one, struct vq_buffer *other) =
  @   \separated(one, other, one->segments + (0 .. one->room - 1),
  @     other->segments + (0 .. other->room - 1));
  @ predicate buffers_ok(struct vq_buffer **b, integer n, struct vq_memory *m, uint16_t *f,
  @     struct vq_device_order *o, integer size) =
  @   \valid_read(b + (0 .. n - 1)) &&
  @   (\forall integer i; 0 <= i < n ==> one_apart(b, n, b[i], m, f, o, size)) &&
  @   (\forall integer i, j; 0 <= i < n && 0 <= j < n && i != j ==> two_apart(b[i], b[j]));
  @ predicate same_buffer{K, L}(struct vq_buffer **b, integer k) =
  @   \at(b[k], K) == \at(b[k], L) && \at(b[k]->room, K) == \at(b[k]->room, L) &&
  @   \at(b[k]->segments, K) == \at(b[k]->segments, L);
  @@*/

/*@ requires table(memory) && \valid_read(memory) && \valid(segments + (0 .. room - 1));
  @ requires hint == \null || \valid(hint);
  @ requires \separated(memory, segments + (0 .. room - 1), hint);
  @ assigns *hint, segments[0 .. room - 1];
  @ ensures \result <= room && all_within(memory, segments, \result, access);
  @ ensures 0 < \result ==> total(segments, \result) == bytes; */
size_t vq_memory_map(const struct vq_memory *memory, uint64_t address, uint64_t bytes,
                     enum vq_access access, struct vq_segment *segments, size_t room,
                     uint32_t *hint);

/*@ requires \valid_read(set);
  @ assigns \nothing;
  @ ensures \result <==> has(*set, bit); */
static bool vq_feature(const struct vq_features *set, unsigned bit);

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
