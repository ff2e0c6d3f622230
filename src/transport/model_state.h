/*
 * The device's end of a transport, seen by its fronts (loopback, MMIO, PCI): what a
 * register does when it is read or written.
 *
 * model_state.c has the device status, the features and the configuration space,
 * model_queue.c the queues. Indices and selectors may have any value: what does not
 * exist reads zero, and takes no writes.
 */
#ifndef VQ_TRANSPORT_MODEL_STATE_H
#define VQ_TRANSPORT_MODEL_STATE_H

#include <vq/model_state.h>

#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define VQ_HOST_BIG true
#else
#define VQ_HOST_BIG false
#endif

/* VQ_ERR_INVALID when something is missing; VQ_ERR_UNSUPPORTED for a modern interface to a model
 * without VERSION_1. */
enum vq_error vq_model_state_init(struct vq_model_state *s, const struct vq_model_config *config,
                                  enum vq_interface interface,
                                  const struct vq_model_front *front_ops, void *front);

static inline struct vq_device_model *vq_model_of(const struct vq_model_state *s)
{
    return s->config.model;
}

/* Is the driver, so far, a legacy one? */
bool vq_model_legacy(const struct vq_model_state *s);

uint8_t vq_model_status(const struct vq_model_state *s);
void vq_model_set_status(struct vq_model_state *s, uint8_t value);
/* Raises DEVICE_NEEDS_RESET, and tells the driver if it is there. */
void vq_model_needs_reset(struct vq_model_state *s);

/* What the interface in use shows, and its 32 bits of select value `select`. */
struct vq_features vq_model_offered(const struct vq_model_state *s);
uint32_t vq_model_offered_word(const struct vq_model_state *s, uint32_t select);
uint32_t vq_model_chosen_word(const struct vq_model_state *s, uint32_t select);
/* VQ_ERR_STATE once the features are settled. */
enum vq_error vq_model_choose_word(struct vq_model_state *s, uint32_t select, uint32_t bits);

uint32_t vq_model_config_size(const struct vq_model_state *s);
uint32_t vq_model_generation(struct vq_model_state *s);
/* The order of configuration space by the interface in use. */
bool vq_model_big_endian(const struct vq_model_state *s);
/* In this order. What lies beyond the end reads zero. */
void vq_model_read_config(struct vq_model_state *s, bool big_endian, uint32_t offset,
                          uint8_t *bytes, uint32_t count);
/* VQ_ERR_STATE, VQ_ERR_RANGE, or what the model says. */
enum vq_error vq_model_write_config(struct vq_model_state *s, bool big_endian, uint32_t offset,
                                    const uint8_t *bytes, uint32_t count);

/* model_queue.c */

uint16_t vq_model_queue_count(const struct vq_model_state *s);
/* NULL if there is no such queue. */
struct vq_model_queue *vq_model_queue_at(const struct vq_model_state *s, uint32_t index);
/* The queue, if its fields may be written now; else NULL. */
struct vq_model_queue *vq_model_queue_open(const struct vq_model_state *s, uint32_t index);
/* The largest size, 0 if there is no such queue; a power of two unless rings are packed. */
uint16_t vq_model_queue_size_max(const struct vq_model_state *s, uint32_t index);
/* As it stands: the largest, until the driver chose another; 0 for one that is not allowed. */
uint16_t vq_model_queue_size(const struct vq_model_state *s, uint32_t index);
void vq_model_queue_set_size(struct vq_model_state *s, uint32_t index, uint32_t size);
/* Half an address: the low one if `high` is false. */
void vq_model_queue_set_half(struct vq_model_state *s, uint32_t index, enum vq_part part, bool high,
                             uint32_t value);
/* Enables what was written. VQ_ERR_RANGE, VQ_ERR_STATE if it may not be now, VQ_ERR_SIZE. */
enum vq_error vq_model_queue_enable(struct vq_model_state *s, uint32_t index);
/* The same for a register's write: what cannot be used raises DEVICE_NEEDS_RESET. */
void vq_model_queue_make_ready(struct vq_model_state *s, uint32_t index);
/* Legacy: all parts in one block at page * page_bytes, 0 stopping the queue. */
void vq_model_queue_set_page(struct vq_model_state *s, uint32_t index, uint32_t page,
                             uint32_t page_bytes);
/* Stops it and forgets all about it, now or soon. */
void vq_model_queue_clear(struct vq_model_state *s, uint32_t index);
/* The same, if RING_RESET was negotiated; and whether that goes on. */
void vq_model_queue_reset(struct vq_model_state *s, uint32_t index);
bool vq_model_queue_in_reset(const struct vq_model_state *s, uint32_t index);

void vq_model_notify(struct vq_model_state *s, uint32_t index, uint32_t data);

/* Why no queue may run. */
enum {
    VQ_WITHOUT_MASTER = 1, /* PCI: the function is no bus master */
    VQ_WITHOUT_TABLE = 2,  /* the table of memory is being changed */
};

/* Is the function a bus master? */
void vq_model_set_memory_access(struct vq_model_state *s, bool allowed);

/* For model_state.c: starts what may run, asks all to stop, forgets one. */
void vq_model_start_all(struct vq_model_state *s);
void vq_model_stop_all(struct vq_model_state *s, bool keep);
void vq_model_forget(struct vq_model_queue *q);
/* For model_queue.c: hands the features to the model, once; goes on when all have stopped. */
bool vq_model_accept(struct vq_model_state *s);
void vq_model_settle(struct vq_model_state *s);

#endif
