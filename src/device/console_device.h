/*
 * What the files of the console device share. console_device.c makes the device and is
 * its owner's side, console_device_queue.c moves the ports' bytes,
 * console_device_control.c speaks with the driver about ports, console_device_config.c
 * negotiates and shows the configuration space.
 */
#ifndef VQ_DEVICE_CONSOLE_DEVICE_H
#define VQ_DEVICE_CONSOLE_DEVICE_H

#include <vq/console_device.h>

static inline struct vq_console_device *vq_console_of(struct vq_device_model *model)
{
    return (struct vq_console_device *)(void *)model;
}

static inline const struct vq_console_device *
vq_console_of_const(const struct vq_device_model *model)
{
    return (const struct vq_console_device *)(const void *)model;
}

/* Did the driver accept MULTIPORT? */
static inline bool vq_console_multiport(const struct vq_console_device *dev)
{
    return vq_feature(&dev->accepted, VQ_CONSOLE_F_MULTIPORT);
}

/* Which queue an index means. */
enum vq_console_role {
    VQ_CONSOLE_ROLE_NONE,
    VQ_CONSOLE_ROLE_RECEIVE,
    VQ_CONSOLE_ROLE_TRANSMIT,
    VQ_CONSOLE_ROLE_CONTROL_RECEIVE,
    VQ_CONSOLE_ROLE_CONTROL_TRANSMIT,
};

struct vq_console_queue_ref {
    enum vq_console_role role;
    struct vq_console_device_port *port; /* NULL for control queues */
    struct vq_queue_end *end;
};

struct vq_console_queue_ref vq_console_queue(const struct vq_device_model *model, uint16_t index);

/* Copies to and from ring buffers; returns how many bytes. */
uint32_t vq_console_fifo_put(struct vq_console_fifo *f, const uint8_t *bytes, size_t count);
uint32_t vq_console_fifo_take(struct vq_console_fifo *f, uint8_t *bytes, size_t room);

/* May bytes for this port go to the driver? */
bool vq_console_reads(const struct vq_console_device *dev,
                      const struct vq_console_device_port *port);
/* May bytes of the driver go to this port? Else they are thrown away. */
bool vq_console_writes(const struct vq_console_device *dev,
                       const struct vq_console_device_port *port);

/* console_device_control.c */
bool vq_console_control_waits(const struct vq_console_device *dev);
bool vq_console_control_send(struct vq_console_device *dev);
bool vq_console_control_take(struct vq_console_device *dev);
/* The control message of this event is to be sent, unless a later announcement says it anyway. */
void vq_console_control_due(struct vq_console_device_port *port, uint16_t event);
void vq_console_control_forget(struct vq_console_device *dev);

/* console_device_config.c */
struct vq_features vq_console_offer(const struct vq_console_device_config *config);
struct vq_features vq_console_offered(const struct vq_device_model *model);
enum vq_error vq_console_accept(struct vq_device_model *model, const struct vq_features *chosen);
uint32_t vq_console_config_size(const struct vq_device_model *model);
void vq_console_read_config(const struct vq_device_model *model, uint32_t offset, void *bytes,
                            uint32_t count);
enum vq_error vq_console_write_config(struct vq_device_model *model, uint32_t offset,
                                      const void *bytes, uint32_t count);

/* console_device_queue.c */
uint16_t vq_console_queue_count(const struct vq_device_model *model);
uint16_t vq_console_queue_size_max(const struct vq_device_model *model, uint16_t index);
enum vq_error vq_console_queue_start(struct vq_device_model *model, uint16_t index,
                                     const struct vq_device_config *config);
unsigned vq_console_queue_run(struct vq_device_model *model, uint16_t index);
bool vq_console_queue_arm(struct vq_device_model *model, uint16_t index);
void vq_console_queue_disarm(struct vq_device_model *model, uint16_t index);
int vq_console_queue_wait_fd(const struct vq_device_model *model, uint16_t index);
enum vq_broken vq_console_queue_broken(const struct vq_device_model *model, uint16_t index);
uint16_t vq_console_queue_in_flight(const struct vq_device_model *model, uint16_t index);
unsigned vq_console_queue_stop(struct vq_device_model *model, uint16_t index,
                               struct vq_position *position);
void vq_console_reset(struct vq_device_model *model);

#endif
