/*
 * The console device, the device's end: a device model (vq/model.h) with a ring buffer
 * for each direction of each port.
 *
 *     struct vq_console_device_config config = {.queue_size = 16, .cols = 80, .rows = 25};
 *     vq_console_device_init(&dev, &config, memory, vq_console_device_bytes(&config));
 *     ... give &dev.model to a transport ...
 *
 *     n = vq_console_device_output(&dev, 0, text, sizeof text);  // what the driver wrote
 *     vq_console_device_input(&dev, 0, "yes\n", 4);              // what it may read
 *     ... run the queues ...
 *
 * With `ports` it offers MULTIPORT: ports come and go (vq_console_device_add), have a
 * name and a size, are opened and closed by either end. What the driver has to hear
 * of is kept as state, not as a list of messages: a driver that gives no buffers for
 * control messages hears of it late, in the right order, and costs nothing.
 *
 * Nothing the driver sends is lost while its queue runs, or waits but in its own
 * buffers: as long as the ring buffer of a port is full, that port's queue stands still.
 * Input goes to a port that the
 * driver has open. Whatever the driver does wrong with a message costs that message.
 *
 * One thread at a time makes all calls, those of the model among them. What the queues
 * have to do without a notification of the driver (input, control messages, output that
 * found room), queue_in_flight tells by being 1: run them.
 */
#ifndef VQ_CONSOLE_DEVICE_H
#define VQ_CONSOLE_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vq/console.h>
#include <vq/error.h>
#include <vq/feature.h>
#include <vq/model.h>
#include <vq/queue_end.h>

#ifdef __cplusplus
extern "C" {
#endif

struct vq_console_device_config {
    uint16_t ports;        /* max_nr_ports, 1 to 1024; 0: no MULTIPORT, one port */
    uint16_t queue_size;   /* the largest that a driver may choose, of each port's queues */
    uint16_t control_size; /* of the control queues; 0: 32 */
    uint16_t cols, rows;   /* of port 0; both 0: SIZE is not offered */
    /* Bytes of the ring buffers of each port, 0: 256. */
    uint32_t input_bytes;
    uint32_t output_bytes;
    /* Room of one buffer in pieces of memory; 0: 34. A chain that needs more breaks its queue. */
    uint16_t segments;
    /* Optional, offers EMERG_WRITE: a character of a driver in distress, at any time, even one
     * that never initialised the device. Called by the control thread. */
    void (*emergency)(void *context, uint8_t character);
    void *context;
    struct vq_features without; /* features not to offer (VERSION_1 among them: a legacy device) */
};

/* Private from here on; the structs are here so that callers can place a device. */
struct vq_console_fifo {
    uint8_t *bytes;
    uint32_t size;
    uint32_t first;
    uint32_t count;
};

struct vq_console_device_port {
    struct vq_queue_end receive; /* of the driver */
    struct vq_queue_end transmit;
    struct vq_console_fifo input;
    struct vq_console_fifo output;
    struct vq_buffer buffer; /* of the driver, being copied to output ... */
    uint64_t copied;         /* ... so far */
    bool holding;            /* ... if there is one */
    const char *name;        /* NULL: none */
    uint16_t cols, rows;
    bool present;
    bool console;
    bool open;        /* somebody uses the device's end */
    bool announced;   /* PORT_ADD was sent */
    bool renewed;     /* removed and added since then */
    bool ready;       /* the driver said PORT_READY */
    bool driver_open; /* the driver has its end open */
    uint8_t due;      /* control messages that are to be sent, by event */
};

struct vq_console_device {
    struct vq_device_model model;
    struct vq_console_device_config config; /* defaults filled in */
    struct vq_features offered;
    struct vq_features accepted;
    struct vq_console_device_port *ports;
    struct vq_queue_end control_receive;
    struct vq_queue_end control_transmit;
    struct vq_segment *segments; /* of the buffer at hand, where none is held */
    uint16_t port_count;
    bool negotiated;
    bool driver_ready; /* DEVICE_READY came */
};

/* Bytes of memory that vq_console_device_init needs; 0 if the configuration makes no sense. */
size_t vq_console_device_bytes(const struct vq_console_device_config *config);

/*
 * Makes a device with port 0, which is a console and open. `memory` (aligned to 16
 * bytes) belongs to the device until the caller is done with it; it need not be
 * zeroed. VQ_ERR_INVALID, VQ_ERR_NO_MEMORY, VQ_ERR_ALIGN.
 */
enum vq_error vq_console_device_init(struct vq_console_device *dev,
                                     const struct vq_console_device_config *config, void *memory,
                                     size_t bytes);

/* Bytes for the driver to read; returns how many had room (none if there is no such port). */
size_t vq_console_device_input(struct vq_console_device *dev, uint16_t port, const void *bytes,
                               size_t count);
/* Takes up to `room` bytes that the driver wrote; returns how many. */
size_t vq_console_device_output(struct vq_console_device *dev, uint16_t port, void *bytes,
                                size_t room);
/* Does the driver have the port open? Without MULTIPORT: does its queue run? */
bool vq_console_device_connected(const struct vq_console_device *dev, uint16_t port);

/*
 * A port comes. `name` (UTF-8; NULL: none) must outlive it. VQ_ERR_RANGE at or above
 * `ports` (CON-DEV-MULTI-03), VQ_ERR_STATE if it is there already (CON-DEV-MULTI-02),
 * VQ_ERR_UNSUPPORTED without MULTIPORT on offer.
 */
enum vq_error vq_console_device_add(struct vq_console_device *dev, uint16_t port, bool console,
                                    const char *name);
/* It goes, with what it buffers. VQ_ERR_STATE if it is not there (CON-DEV-MULTI-04). */
enum vq_error vq_console_device_remove(struct vq_console_device *dev, uint16_t port);
/* The device's end of a port is used, or no more. VQ_ERR_STATE if it is not there. */
enum vq_error vq_console_device_set_open(struct vq_console_device *dev, uint16_t port, bool open);
/*
 * A console's new size. *config_changed (may be NULL) says whether the driver reads it in
 * configuration space: tell it then, as the transport does it
 * (vq_loopback_config_changed). VQ_ERR_STATE if the port is not there.
 */
enum vq_error vq_console_device_resize(struct vq_console_device *dev, uint16_t port, uint16_t cols,
                                       uint16_t rows, bool *config_changed);

#ifdef __cplusplus
}
#endif
#endif
