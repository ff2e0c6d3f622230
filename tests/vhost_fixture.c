/* The front end of raw bytes, the recording host and the small device of vhost_fixture.h. */
#include "vhost_fixture.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <vq/memory.h>

/* ---- the device ---- */

static struct fixture *of_model(const struct vq_device_model *model)
{
    return (struct fixture *)((uintptr_t)model - offsetof(struct fixture, model));
}

static struct vq_features model_offered(const struct vq_device_model *model)
{
    return vq_features_from64(of_model(model)->offers);
}

static enum vq_error model_accept(struct vq_device_model *model, const struct vq_features *chosen)
{
    struct fixture *f = of_model(model);

    f->accepts++;
    f->accepted = vq_features_low64(chosen);
    return f->refuse_features ? VQ_ERR_UNSUPPORTED : VQ_OK;
}

static uint32_t model_config_size(const struct vq_device_model *model)
{
    (void)model;
    return CONFIG_BYTES;
}

static void model_read_config(const struct vq_device_model *model, uint32_t offset, void *bytes,
                              uint32_t count)
{
    assert_true(offset + count <= CONFIG_BYTES);
    memcpy(bytes, of_model(model)->config + offset, count);
}

static enum vq_error model_write_config(struct vq_device_model *model, uint32_t offset,
                                        const void *bytes, uint32_t count)
{
    assert_true(offset + count <= CONFIG_BYTES);
    if (offset != CONFIG_WRITABLE || count != 1)
        return VQ_ERR_UNSUPPORTED;
    memcpy(of_model(model)->config + offset, bytes, count);
    return VQ_OK;
}

static uint16_t model_queue_count(const struct vq_device_model *model)
{
    return of_model(model)->rings;
}

static uint16_t model_queue_size_max(const struct vq_device_model *model, uint16_t index)
{
    (void)index;
    return of_model(model)->ring_max;
}

static void model_reset(struct vq_device_model *model)
{
    struct fixture *f = of_model(model);

    f->resets++;
    f->config[CONFIG_WRITABLE] = CONFIG_WRITABLE + 1;
    for (unsigned i = 0; i < RINGS; i++)
        assert_false(f->ring[i].running);
}

static const struct vq_device_model_ops model_ops = {
    .name = "fake",
    .device_id = 2,
    .offered = model_offered,
    .accept = model_accept,
    .config_size = model_config_size,
    .read_config = model_read_config,
    .write_config = model_write_config,
    .queue_count = model_queue_count,
    .queue_size_max = model_queue_size_max,
    .reset = model_reset,
};

/* ---- the host ---- */

static void serve(struct fixture *f, uint16_t index)
{
    struct fake_ring *r = &f->ring[index];
    struct vq_segment segments[8];
    struct vq_buffer buffer = {.segments = segments, .room = 8};
    struct vq_buffer *list[] = {&buffer};
    bool any = false;

    while (f->serve && r->running && r->enabled && vq_device_pop(&r->queue, list, 1) == 1) {
        struct vq_used used = {.id = buffer.id};
        for (uint32_t i = buffer.readable; i < buffer.readable + buffer.writable; i++) {
            memset(segments[i].base, 0x5a, segments[i].bytes);
            used.written += (uint32_t)segments[i].bytes;
        }
        assert_int_equal(vq_device_push(&r->queue, &used, 1), VQ_OK);
        (void)vq_device_publish(&r->queue);
        r->served++;
        any = true;
    }
    if (f->serve && r->running && vq_device_broken(&r->queue) != VQ_NOT_BROKEN)
        vq_vhost_session_ring_error(f->session, index);
    if (!any)
        return;
    if (r->call_fd >= 0)
        assert_int_equal(eventfd_write(r->call_fd, 1), 0);
    else if (f->call_inband)
        vq_vhost_session_call(f->session, index);
}

static enum vq_error host_start(void *host, uint16_t index, const struct vq_device_config *config)
{
    struct fixture *f = host;
    struct fake_ring *r = &f->ring[index];

    assert_false(r->running);
    if (f->refuse_start)
        return VQ_ERR_IO;
    r->running = true;
    r->enabled = false;
    r->starts++;
    r->config = *config;
    r->features = config->features;
    if (f->serve) {
        struct vq_device_config with = *config;
        with.in_flight = r->in_flight;
        assert_int_equal(vq_device_init(&r->queue, &with), VQ_OK);
    }
    return VQ_OK;
}

static void host_stop(void *host, uint16_t index, struct vq_position *position)
{
    struct fixture *f = host;
    struct fake_ring *r = &f->ring[index];

    assert_true(r->running);
    r->running = false;
    r->stops++;
    position->next_available = r->config.next_available;
    position->next_used = r->config.next_used;
    if (f->serve) {
        position->next_available = r->queue.next_available;
        position->next_used = r->queue.next_used;
    }
    if (r->stop_at_set)
        *position = r->stop_at;
}

static void host_enable(void *host, uint16_t index, bool enabled)
{
    struct fixture *f = host;

    assert_true(f->ring[index].running);
    f->ring[index].enabled = enabled;
    f->ring[index].enables++;
    serve(f, index);
}

static void replace(int *at, int fd)
{
    if (*at >= 0)
        (void)close(*at);
    *at = fd;
}

static enum vq_error host_kick_fd(void *host, uint16_t index, int fd)
{
    struct fixture *f = host;

    if (fd == VQ_VHOST_FD_POLL && f->refuse_poll)
        return VQ_ERR_UNSUPPORTED;
    replace(&f->ring[index].kick_fd, fd);
    if (f->ring[index].running)
        serve(f, index);
    return VQ_OK;
}

static enum vq_error host_call_fd(void *host, uint16_t index, int fd)
{
    replace(&((struct fixture *)host)->ring[index].call_fd, fd);
    return VQ_OK;
}

static void host_kick(void *host, uint16_t index)
{
    struct fixture *f = host;

    assert_true(f->ring[index].running);
    f->ring[index].kicks++;
    serve(f, index);
}

static const struct vq_vhost_host_ops host_ops = {
    .ring_start = host_start,
    .ring_stop = host_stop,
    .ring_enable = host_enable,
    .ring_kick_fd = host_kick_fd,
    .ring_call_fd = host_call_fd,
    .ring_kick = host_kick,
};

/* ---- setup ---- */

static void connect_session(struct fixture *f)
{
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    f->socket = pair[0];
    f->session = vq_vhost_session_create(pair[1], &f->model, &host_ops, f, &f->options);
    assert_non_null(f->session);
    f->state = VQ_VHOST_SESSION_LIVE;
}

static void disconnect_session(struct fixture *f)
{
    vq_vhost_session_destroy(f->session);
    for (unsigned i = 0; i < RINGS; i++) {
        assert_false(f->ring[i].running);
        assert_true(f->ring[i].kick_fd < 0);
        assert_true(f->ring[i].call_fd < 0);
    }
    if (f->socket >= 0)
        (void)close(f->socket);
}

void reconnect(struct fixture *f)
{
    disconnect_session(f);
    connect_session(f);
}

int new_eventfd(void)
{
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    assert_true(fd >= 0);
    return fd;
}

int new_memfd(size_t bytes)
{
    int fd = memfd_create("vq-guest", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, (off_t)bytes), 0);
    return fd;
}

unsigned guest_mappings(void)
{
    char line[512];
    unsigned count = 0;
    FILE *maps = fopen("/proc/self/maps", "r");

    assert_non_null(maps);
    while (fgets(line, sizeof line, maps) != NULL)
        count += strstr(line, "vq-guest") != NULL;
    (void)fclose(maps);
    return count;
}

uint64_t eventfd_value(int fd)
{
    eventfd_t v = 0;

    return eventfd_read(fd, &v) == 0 ? v : 0;
}

int fixture_setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    assert_non_null(f);
    f->fds_before = (int)count_open_fds();
    f->model.ops = &model_ops;
    f->offers = BIT(VQ_F_VERSION_1) | BIT(VQ_F_INDIRECT_DESC) | BIT(VQ_F_EVENT_IDX) |
                BIT(VQ_F_RING_PACKED) | BIT(VQ_F_ACCESS_PLATFORM) | BIT(VQ_F_RING_RESET) | BIT(6);
    f->rings = RINGS;
    f->ring_max = RING_MAX;
    for (unsigned i = 0; i < CONFIG_BYTES; i++)
        f->config[i] = (uint8_t)(i + 1);
    for (unsigned i = 0; i < RINGS; i++) {
        f->ring[i].kick_fd = -1;
        f->ring[i].call_fd = -1;
    }
    f->memory_fd = new_memfd(MEMORY_BYTES);
    f->memory = mmap(NULL, MEMORY_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, f->memory_fd, 0);
    assert_ptr_not_equal(f->memory, MAP_FAILED);
    connect_session(f);
    *state = f;
    return 0;
}

int fixture_teardown(void **state)
{
    struct fixture *f = *state;

    disconnect_session(f);
    (void)munmap(f->memory, MEMORY_BYTES);
    (void)close(f->memory_fd);
    assert_int_equal(guest_mappings(), 0);
    assert_int_equal(count_open_fds(), f->fds_before);
    free(f);
    return 0;
}

/* ---- bytes ---- */

void send_bytes(struct fixture *f, const void *bytes, size_t count, const int *fds, unsigned n)
{
    union {
        struct cmsghdr align;
        char b[CMSG_SPACE(256 * sizeof(int))];
    } control;
    struct iovec iov = {(void *)(uintptr_t)bytes, count};
    struct msghdr h = {.msg_iov = &iov, .msg_iovlen = 1};

    if (n != 0) {
        memset(&control, 0, sizeof control);
        h.msg_control = &control;
        h.msg_controllen = CMSG_SPACE(n * sizeof(int));
        struct cmsghdr *c = CMSG_FIRSTHDR(&h);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(n * sizeof(int));
        memcpy(CMSG_DATA(c), fds, n * sizeof(int));
    }
    /* A session that has ended may be gone already. */
    (void)sendmsg(f->socket, &h, MSG_NOSIGNAL);
}

void send_request(struct fixture *f, uint32_t request, uint32_t flags, const void *payload,
                  uint32_t size, const int *fds, unsigned n)
{
    static uint8_t buffer[12 + 65536];
    uint32_t header[3] = {request, flags, size};

    assert_true(size <= 65536);
    memcpy(buffer, header, 12);
    if (size != 0)
        memcpy(buffer + 12, payload, size);
    send_bytes(f, buffer, 12 + size, fds, n);
}

void pump(struct fixture *f)
{
    for (unsigned i = 0; i < 1000; i++) {
        struct pollfd p = {.fd = vq_vhost_session_fd(f->session), .events = POLLIN};
        if (f->state != VQ_VHOST_SESSION_LIVE || poll(&p, 1, 0) != 1)
            return;
        f->state = vq_vhost_session_handle(f->session);
    }
    fail_msg("the session is always readable");
}

static bool read_all(struct fixture *f, void *to, size_t count)
{
    size_t got = 0;

    f->reply_fds = 0;
    while (got < count) {
        ssize_t n = recv(f->socket, (uint8_t *)to + got, count - got, MSG_DONTWAIT);
        if (n <= 0) {
            assert_int_equal(got, 0);
            return false;
        }
        got += (size_t)n;
    }
    return true;
}

bool read_reply(struct fixture *f)
{
    if (!read_all(f, f->reply, 12))
        return false;
    assert_true(f->reply[2] <= sizeof f->payload);
    return f->reply[2] == 0 || read_all(f, f->payload, f->reply[2]);
}

void expect_silence(struct fixture *f)
{
    uint8_t byte;

    assert_int_equal(recv(f->socket, &byte, 1, MSG_DONTWAIT), -1);
    assert_int_equal(errno, EAGAIN);
}

void expect_live(struct fixture *f)
{
    if (f->state != VQ_VHOST_SESSION_LIVE)
        fail_msg("session ended: %s", vq_vhost_session_reason(f->session));
}

void expect_end(struct fixture *f)
{
    assert_int_equal(f->state, VQ_VHOST_SESSION_BROKEN);
    assert_string_not_equal(vq_vhost_session_reason(f->session), "");
    for (unsigned i = 0; i < RINGS; i++)
        assert_false(f->ring[i].running);
}

void tell(struct fixture *f, uint32_t request, const void *payload, uint32_t size, int fd)
{
    send_request(f, request, PLAIN, payload, size, &fd, fd >= 0);
    pump(f);
    expect_live(f);
    expect_silence(f);
}

uint64_t ask_fds(struct fixture *f, uint32_t request, const void *payload, uint32_t size,
                 const int *fds, unsigned n)
{
    uint64_t value;

    send_request(f, request, ASK, payload, size, fds, n);
    pump(f);
    expect_live(f);
    assert_true(read_reply(f));
    assert_int_equal(f->reply[0], request);
    assert_int_equal(f->reply[1], 0x5);
    assert_int_equal(f->reply[2], 8);
    memcpy(&value, f->payload, 8);
    expect_silence(f);
    return value;
}

uint64_t ask(struct fixture *f, uint32_t request, const void *payload, uint32_t size, int fd)
{
    return ask_fds(f, request, payload, size, &fd, fd >= 0);
}

uint64_t ask_p(struct fixture *f, uint32_t request, struct bytes payload, int fd)
{
    return ask(f, request, payload.b, payload.n, fd);
}

void tell_p(struct fixture *f, uint32_t request, struct bytes payload, int fd)
{
    tell(f, request, payload.b, payload.n, fd);
}

uint64_t get_u64(struct fixture *f, uint32_t request)
{
    uint64_t value;

    send_request(f, request, PLAIN, NULL, 0, NULL, 0);
    pump(f);
    expect_live(f);
    assert_true(read_reply(f));
    assert_int_equal(f->reply[0], request);
    assert_int_equal(f->reply[1], 0x5);
    assert_int_equal(f->reply[2], 8);
    memcpy(&value, f->payload, 8);
    expect_silence(f);
    return value;
}

static void put(struct bytes *p, const void *bytes, uint32_t n)
{
    memcpy(p->b + p->n, bytes, n);
    p->n += n;
}

static void put32(struct bytes *p, uint32_t v)
{
    put(p, &v, 4);
}

static void put64(struct bytes *p, uint64_t v)
{
    put(p, &v, 8);
}

struct bytes p_u64(uint64_t v)
{
    struct bytes p = {.n = 0};

    put64(&p, v);
    return p;
}

struct bytes p_state(uint32_t index, uint32_t num)
{
    struct bytes p = {.n = 0};

    put32(&p, index);
    put32(&p, num);
    return p;
}

struct bytes p_addr(uint32_t index, uint32_t flags, uint64_t desc, uint64_t used, uint64_t avail,
                    uint64_t log)
{
    struct bytes p = p_state(index, flags);

    put64(&p, desc);
    put64(&p, used);
    put64(&p, avail);
    put64(&p, log);
    return p;
}

struct bytes p_region(uint64_t guest, uint64_t size, uint64_t user, uint64_t offset)
{
    struct bytes p = p_u64(0);

    put64(&p, guest);
    put64(&p, size);
    put64(&p, user);
    put64(&p, offset);
    return p;
}

struct bytes p_table(uint32_t count, const uint64_t (*regions)[4], uint32_t slots)
{
    struct bytes p = p_state(count, 0);

    for (uint32_t i = 0; i < slots; i++) {
        for (unsigned k = 0; k < 4; k++)
            put64(&p, regions[i][k]);
    }
    return p;
}

struct bytes p_config(uint32_t offset, uint32_t size, uint32_t flags, const void *data)
{
    struct bytes p = p_state(offset, size);

    put32(&p, flags);
    if (size <= 4000) {
        static const uint8_t zeros[4000];
        put(&p, data != NULL ? data : zeros, size);
    }
    return p;
}

uint64_t ask_config(struct fixture *f, uint32_t offset, uint32_t size)
{
    struct bytes p = p_config(offset, size, 0, NULL);

    send_request(f, 24, PLAIN, p.b, p.n, NULL, 0);
    pump(f);
    expect_live(f);
    assert_true(read_reply(f));
    assert_int_equal(f->reply[0], 24);
    assert_int_equal(f->reply[1], 5);
    expect_silence(f);
    return f->reply[2];
}

uint64_t get_base(struct fixture *f, uint32_t ring)
{
    struct bytes p = p_state(ring, 0);
    uint32_t words[2];

    send_request(f, 11, PLAIN, p.b, p.n, NULL, 0);
    pump(f);
    expect_live(f);
    assert_true(read_reply(f));
    assert_int_equal(f->reply[0], 11);
    assert_int_equal(f->reply[1], 5);
    assert_int_equal(f->reply[2], 8);
    memcpy(words, f->payload, 8);
    assert_int_equal(words[0], ring);
    expect_silence(f);
    return words[1];
}

/* ---- steps ---- */

void negotiate(struct fixture *f, uint64_t features, uint64_t protocol)
{
    tell_p(f, 16, p_u64(protocol), -1);
    tell(f, 3, NULL, 0, -1);
    tell_p(f, 2, p_u64(features), -1);
}

void add_memory(struct fixture *f)
{
    assert_int_equal(ask_p(f, 37, p_region(GUEST_BASE, MEMORY_BYTES, USER_BASE, 0), f->memory_fd),
                     0);
}

struct bytes ring_addresses(uint32_t r)
{
    return p_addr(r, 0, USER_BASE + DESC_AT(r), USER_BASE + USED_AT(r), USER_BASE + AVAIL_AT(r),
                  UINT64_MAX);
}

uint64_t kick(struct fixture *f, uint32_t ring)
{
    int fd = new_eventfd();
    uint64_t answer = ask_p(f, 12, p_u64(ring), fd);

    (void)close(fd);
    return answer;
}

void ring_up(struct fixture *f, uint32_t ring, uint32_t size)
{
    assert_int_equal(ask_p(f, 8, p_state(ring, size), -1), 0);
    assert_int_equal(ask_p(f, 10, p_state(ring, 0), -1), 0);
    assert_int_equal(ask_p(f, 9, ring_addresses(ring), -1), 0);
    assert_int_equal(kick(f, ring), 0);
    assert_int_equal(ask_p(f, 18, p_state(ring, 1), -1), 0);
    assert_true(f->ring[ring].running);
    assert_true(f->ring[ring].enabled);
}

int fixture_setup_ready(void **state)
{
    (void)fixture_setup(state);
    negotiate(*state, BIT(32) | BIT(30), ALL_PROTOCOL);
    return 0;
}

int fixture_setup_memory(void **state)
{
    (void)fixture_setup_ready(state);
    add_memory(*state);
    return 0;
}

int fixture_setup_serving(void **state)
{
    (void)fixture_setup_memory(state);
    struct fixture *f = *state;
    f->serve = true;
    ring_up(f, 0, 8);
    return 0;
}

void driver_init(struct fixture *f, struct vq_driver_queue *q, struct vq_driver_slot *slots,
                 uint16_t ring, uint16_t size)
{
    struct vq_driver_config config = {
        .features = vq_features_from64(BIT(VQ_F_VERSION_1)),
        .size = size,
        .descriptor_area = f->memory + DESC_AT(ring),
        .driver_area = f->memory + AVAIL_AT(ring),
        .device_area = f->memory + USED_AT(ring),
        .slots = slots,
    };
    assert_int_equal(vq_driver_init(q, &config), VQ_OK);
}

int driver_add(struct vq_driver_queue *q, uint64_t guest_address, uint32_t bytes)
{
    struct vq_element element = {guest_address, bytes};

    int id = vq_driver_add(q, &element, 0, 1);
    (void)vq_driver_publish(q);
    return id;
}
