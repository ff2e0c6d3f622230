/*
 * The console device on the wire (virtio 1.4, section 5.3): feature bits, the
 * configuration space, queues, control messages. Both ends of the device use these.
 *
 * Every number is little-endian, but in the native order of the driver when VERSION_1
 * was not negotiated (legacy). The structs state the layout; memory is reached through
 * loads and stores of single fields, never by overlaying them.
 */
#ifndef VQ_CONSOLE_H
#define VQ_CONSOLE_H

#include <stddef.h>
#include <stdint.h>

#include <vq/layout.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VQ_CONSOLE_DEVICE_ID 3u

/* Feature bits of the type. */
enum {
    VQ_CONSOLE_F_SIZE = 0,        /* cols and rows of port 0 stand in the configuration space */
    VQ_CONSOLE_F_MULTIPORT = 1,   /* control queues, and ports beyond port 0 */
    VQ_CONSOLE_F_EMERG_WRITE = 2, /* emerg_wr may be written at any time */
};

/* Configuration space, in bytes from its start. A device may show less of it. */
enum {
    VQ_CONSOLE_CONFIG_COLS = 0,         /* u16; SIZE */
    VQ_CONSOLE_CONFIG_ROWS = 2,         /* u16; SIZE */
    VQ_CONSOLE_CONFIG_MAX_NR_PORTS = 4, /* u32; MULTIPORT */
    VQ_CONSOLE_CONFIG_EMERG_WR = 8,     /* u32, written only: a character; EMERG_WRITE */
    VQ_CONSOLE_CONFIG_SIZE = 12,
};

/* Queues. "Receive" and "transmit" are the driver's words on both ends. */
enum {
    VQ_CONSOLE_CONTROL_RECEIVE = 2, /* MULTIPORT only, like every queue beyond */
    VQ_CONSOLE_CONTROL_TRANSMIT = 3,
};
#define VQ_CONSOLE_RECEIVE(port)  ((uint16_t)((port) == 0 ? 0 : 2 * (port) + 2))
#define VQ_CONSOLE_TRANSMIT(port) ((uint16_t)(VQ_CONSOLE_RECEIVE(port) + 1))
/* How many there are. */
#define VQ_CONSOLE_QUEUES(ports, multiport) ((multiport) ? 2u * (ports) + 2u : 2u)
#define VQ_CONSOLE_PORTS_MAX                1024u

/* A control message; RESIZE and PORT_NAME go on behind it. */
struct vq_console_control {
    uint32_t id;    /* of the port */
    uint16_t event; /* VQ_CONSOLE_ something */
    uint16_t value;
};

/* What it says. The specification calls PORT_ADD and PORT_REMOVE DEVICE_ADD and DEVICE_REMOVE. */
enum {
    VQ_CONSOLE_DEVICE_READY = 0, /* driver: 1, it is ready for ports; 0, it failed */
    VQ_CONSOLE_PORT_ADD = 1,     /* device: there is a port */
    VQ_CONSOLE_PORT_REMOVE = 2,  /* device: it is gone */
    VQ_CONSOLE_PORT_READY = 3,   /* driver: 1, the port added can be used; 0, it cannot */
    VQ_CONSOLE_CONSOLE_PORT = 4, /* device: the port is a text console */
    VQ_CONSOLE_RESIZE = 5,       /* device: struct vq_console_resize follows */
    VQ_CONSOLE_PORT_OPEN = 6,    /* both: 1, somebody uses the sender's end; 0, nobody */
    VQ_CONSOLE_PORT_NAME = 7,    /* device: UTF-8 follows to the end of the message */
};

struct vq_console_resize {
    uint16_t cols;
    uint16_t rows;
};

#define VQ_CONSOLE_CONTROL_BYTES 8u
#define VQ_CONSOLE_RESIZE_BYTES  4u

VQ_STATIC_ASSERT(sizeof(struct vq_console_control) == VQ_CONSOLE_CONTROL_BYTES, "section 5.3.6.2");
VQ_STATIC_ASSERT(offsetof(struct vq_console_control, event) == 4, "section 5.3.6.2");
VQ_STATIC_ASSERT(offsetof(struct vq_console_control, value) == 6, "section 5.3.6.2");
VQ_STATIC_ASSERT(sizeof(struct vq_console_resize) == VQ_CONSOLE_RESIZE_BYTES, "section 5.3.6.2");
VQ_STATIC_ASSERT(offsetof(struct vq_console_resize, rows) == 2, "section 5.3.6.2");

#ifdef __cplusplus
}
#endif
#endif
