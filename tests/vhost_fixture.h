/*
 * A back end's session between a front end made of raw bytes and a host that
 * records what it is told. The tests of the vhost-user back end drive it.
 *
 * The front end's side builds its messages by hand, not with the structures of the
 * sources: a mistake in a layout must not cancel out.
 */
#ifndef VQ_TESTS_VHOST_FIXTURE_H
#define VQ_TESTS_VHOST_FIXTURE_H

#include "test.h"

#include <vq/driver.h>
#include <vq/vhost_user_backend.h>

enum {
    RINGS = 4,
    RING_MAX = 32768,
    MEMORY_BYTES = 8 << 20,
    CONFIG_BYTES = 60,
    CONFIG_WRITABLE = 32, /* the one byte that the driver may write */
};

#define GUEST_BASE UINT64_C(0x40000000)
#define USER_BASE  UINT64_C(0x7e0000000000)

/* Offsets of things in guest memory, of ring `r`. */
#define DESC_AT(r)   (0x100000u * (r))
#define AVAIL_AT(r)  (0x100000u * (r) + 0x80000u)
#define USED_AT(r)   (0x100000u * (r) + 0xa0000u)
#define BUFFER_AT(r) (0x400000u + 0x100000u * (r))

/* flags of a request */
#define PLAIN 0x1u
#define ASK   0x9u

struct fake_ring {
    bool running, enabled;
    unsigned starts, stops, kicks, enables;
    int kick_fd, call_fd;
    struct vq_device_config config;
    struct vq_features features;
    struct vq_position stop_at; /* used when `stop_at_set` */
    bool stop_at_set;
    struct vq_device_queue queue;
    uint16_t in_flight[RING_MAX];
    unsigned served;
};

struct fixture {
    int fds_before;
    int socket; /* the front end's end */
    struct vq_vhost_session *session;
    enum vq_vhost_session_state state;
    struct vq_vhost_session_options options;

    struct vq_device_model model;
    uint64_t offers;
    uint64_t accepted;
    unsigned accepts, resets;
    bool refuse_features, refuse_start, refuse_poll;
    uint16_t rings, ring_max;
    uint8_t config[CONFIG_BYTES];
    bool serve; /* the host really moves buffers */
    bool call_inband;
    struct fake_ring ring[RINGS];

    int memory_fd;
    uint8_t *memory;

    /* the last reply */
    uint32_t reply[3];
    uint8_t payload[4096];
    int reply_fds;
};

/* Setup and teardown of cmocka; the teardown checks that no descriptor and no mapping is left. */
int fixture_setup(void **state);         /* connected, nothing negotiated */
int fixture_setup_ready(void **state);   /* everything negotiated */
int fixture_setup_memory(void **state);  /* and one region of guest memory */
int fixture_setup_serving(void **state); /* and ring 0 of 8 runs, enabled, and is served */
int fixture_teardown(void **state);

void reconnect(struct fixture *f);

/* Raw bytes. */
void send_bytes(struct fixture *f, const void *bytes, size_t count, const int *fds, unsigned n);
void send_request(struct fixture *f, uint32_t request, uint32_t flags, const void *payload,
                  uint32_t size, const int *fds, unsigned n);
void pump(struct fixture *f);
/* Takes one reply if there is one. */
bool read_reply(struct fixture *f);

/* Whole exchanges; each asserts what it says. */
void tell(struct fixture *f, uint32_t request, const void *payload, uint32_t size, int fd);
uint64_t ask(struct fixture *f, uint32_t request, const void *payload, uint32_t size, int fd);
uint64_t ask_fds(struct fixture *f, uint32_t request, const void *payload, uint32_t size,
                 const int *fds, unsigned n);
uint64_t get_u64(struct fixture *f, uint32_t request);
void expect_silence(struct fixture *f);
void expect_live(struct fixture *f);
void expect_end(struct fixture *f);

/* Payloads by hand. */
struct bytes {
    uint8_t b[4096];
    uint32_t n;
};
struct bytes p_u64(uint64_t v);
struct bytes p_state(uint32_t index, uint32_t num);
struct bytes p_addr(uint32_t index, uint32_t flags, uint64_t desc, uint64_t used, uint64_t avail,
                    uint64_t log);
struct bytes p_region(uint64_t guest, uint64_t size, uint64_t user, uint64_t offset);
struct bytes p_table(uint32_t count, const uint64_t (*regions)[4], uint32_t slots);
struct bytes p_config(uint32_t offset, uint32_t size, uint32_t flags, const void *data);
#define P(x) (x).b, (x).n

uint64_t ask_p(struct fixture *f, uint32_t request, struct bytes payload, int fd);
void tell_p(struct fixture *f, uint32_t request, struct bytes payload, int fd);

uint64_t ask_config(struct fixture *f, uint32_t offset, uint32_t size); /* size of the reply */
uint64_t get_base(struct fixture *f, uint32_t ring);

/* Set-up in steps. */
void negotiate(struct fixture *f, uint64_t features, uint64_t protocol);
void add_memory(struct fixture *f);
struct bytes ring_addresses(uint32_t ring);
uint64_t kick(struct fixture *f, uint32_t ring); /* SET_VRING_KICK with a fresh eventfd */
void ring_up(struct fixture *f, uint32_t ring, uint32_t size);

/* The driver's end in the test. */
void driver_init(struct fixture *f, struct vq_driver_queue *q, struct vq_driver_slot *slots,
                 uint16_t ring, uint16_t size);
int driver_add(struct vq_driver_queue *q, uint64_t guest_address, uint32_t bytes);

int new_eventfd(void);
int new_memfd(size_t bytes);
unsigned guest_mappings(void); /* of this process, of files made by new_memfd */
uint64_t eventfd_value(int fd);

#define LIST(...)    ((const int[]){__VA_ARGS__})
#define BIT(n)       (UINT64_C(1) << (n))
#define ALL_PROTOCOL UINT64_C(0x1e269)

#endif
