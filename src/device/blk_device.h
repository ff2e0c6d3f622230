/*
 * What the files of the block device share. blk_device.c makes the device,
 * blk_device_config.c negotiates and shows the configuration space, blk_device_queue.c moves
 * buffers between ring and lane, blk_device_request.c knows what a request means.
 */
#ifndef VQ_DEVICE_BLK_DEVICE_H
#define VQ_DEVICE_BLK_DEVICE_H

#include <vq/blk.h>
#include <vq/blk_device.h>

/* What begin and resume say about a request. */
enum vq_blk_next {
    VQ_BLK_SUBMIT, /* its io waits to be submitted */
    VQ_BLK_DONE,   /* it is complete: `written` is set, it goes back to the driver */
};

static inline struct vq_blk_device *vq_blk_device_of(struct vq_device_model *model)
{
    return (struct vq_blk_device *)(void *)model;
}

static inline const struct vq_blk_device *
vq_blk_device_of_const(const struct vq_device_model *model)
{
    return (const struct vq_blk_device *)(const void *)model;
}

static inline struct vq_blk_queue *vq_blk_queue_at(const struct vq_blk_device *dev, uint16_t index)
{
    return (struct vq_blk_queue *)(void *)(dev->queues + dev->queue_stride * index);
}

static inline bool vq_blk_feature(uint32_t features, unsigned bit)
{
    return (features >> bit & 1u) != 0;
}

/* A request that was just popped: checks it; does what needs no back end, or sets io up. */
enum vq_blk_next vq_blk_request_begin(const struct vq_blk_queue *q, struct vq_blk_request *r,
                                      uint32_t *written);
/* Its io came back: takes the result, or sets the next io up. */
enum vq_blk_next vq_blk_request_resume(const struct vq_blk_queue *q, struct vq_blk_request *r,
                                       uint32_t *written);

/* blk_device_config.c */
struct vq_features vq_blk_offer(const struct vq_blk_device_config *config);
uint8_t vq_blk_writeback_default(const struct vq_blk_device *dev);
bool vq_blk_writes_durable(const struct vq_blk_device *dev);
struct vq_features vq_blk_offered(const struct vq_device_model *model);
enum vq_error vq_blk_accept(struct vq_device_model *model, const struct vq_features *chosen);
uint32_t vq_blk_config_size(const struct vq_device_model *model);
void vq_blk_read_config(const struct vq_device_model *model, uint32_t offset, void *bytes,
                        uint32_t count);
enum vq_error vq_blk_write_config(struct vq_device_model *model, uint32_t offset, const void *bytes,
                                  uint32_t count);
void vq_blk_reset(struct vq_device_model *model);

/* blk_device_queue.c */
uint16_t vq_blk_queue_count(const struct vq_device_model *model);
uint16_t vq_blk_queue_size_max(const struct vq_device_model *model, uint16_t index);
enum vq_error vq_blk_queue_start(struct vq_device_model *model, uint16_t index,
                                 const struct vq_device_config *config);
unsigned vq_blk_queue_run(struct vq_device_model *model, uint16_t index);
bool vq_blk_queue_arm(struct vq_device_model *model, uint16_t index);
void vq_blk_queue_disarm(struct vq_device_model *model, uint16_t index);
int vq_blk_queue_wait_fd(const struct vq_device_model *model, uint16_t index);
enum vq_broken vq_blk_queue_broken(const struct vq_device_model *model, uint16_t index);
uint16_t vq_blk_queue_in_flight(const struct vq_device_model *model, uint16_t index);
unsigned vq_blk_queue_stop(struct vq_device_model *model, uint16_t index,
                           struct vq_position *position);

#endif
