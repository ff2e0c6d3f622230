/*
 * What the files of the network device share. net_device.c makes the device,
 * negotiates and shows the configuration space; net_device_queue.c moves frames.
 */
#ifndef VQ_DEVICE_NET_DEVICE_H
#define VQ_DEVICE_NET_DEVICE_H

#include <vq/net_device.h>

static inline struct vq_net_device *vq_net_device_of(struct vq_device_model *model)
{
    return (struct vq_net_device *)(void *)model;
}

static inline const struct vq_net_device *
vq_net_device_of_const(const struct vq_device_model *model)
{
    return (const struct vq_net_device *)(const void *)model;
}

/* net_device_queue.c */
uint16_t vq_net_queue_count(const struct vq_device_model *model);
uint16_t vq_net_queue_size_max(const struct vq_device_model *model, uint16_t index);
enum vq_error vq_net_queue_start(struct vq_device_model *model, uint16_t index,
                                 const struct vq_device_config *config);
unsigned vq_net_queue_run(struct vq_device_model *model, uint16_t index);
bool vq_net_queue_arm(struct vq_device_model *model, uint16_t index);
void vq_net_queue_disarm(struct vq_device_model *model, uint16_t index);
int vq_net_queue_wait_fd(const struct vq_device_model *model, uint16_t index);
enum vq_broken vq_net_queue_broken(const struct vq_device_model *model, uint16_t index);
uint16_t vq_net_queue_in_flight(const struct vq_device_model *model, uint16_t index);
unsigned vq_net_queue_stop(struct vq_device_model *model, uint16_t index,
                           struct vq_position *position);

#endif
