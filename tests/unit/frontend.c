/*
 * The vhost-user front end against a back end that is a script: it records each
 * message, answers like an honest one, and misbehaves at one message if told to.
 */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <vq/blk.h>
#include <vq/driver.h>
#include <vq/vhost_user_frontend.h>

#include "vhost_user/channel.h"

enum fault {
    HONEST,
    MUTE,          /* never answers */
    HANG_UP,       /* closes instead of answering */
    OTHER_NUMBER,  /* answers another request */
    NO_REPLY_FLAG, /* flags of a request */
    NEED_REPLY,    /* need_reply echoed */
    OLD_VERSION,
    TOO_SHORT,
    TOO_LONG,
    HUGE_SIZE,
    STRAY_FD, /* an answer with a descriptor that nobody wants */
    NEGATIVE, /* acknowledges with 1, or an empty payload */
    CUT,      /* closes after `cut` bytes of the answer */
    DRIP,     /* one byte at a time */
    ASK_FIRST /* asks on its own channel, waits for the answer, then answers */
};

struct record {
    struct vq_vhost_header header;
    uint32_t fds;
    uint8_t payload[64];
    uint64_t counter; /* of a kick descriptor, when it came */
};

static struct script {
    int socket;
    int channel; /* to the front end */
    pthread_t thread;
    uint64_t features, protocol, chosen_features, chosen_protocol, queues, slots;
    uint8_t config[60];
    uint32_t bad_request;
    enum fault fault;
    unsigned skip; /* occurrences of bad_request that are answered well */
    size_t cut;
    uint64_t channel_answer;
    struct record records[200];
    _Atomic size_t count;
    int kick, call, err;
    int seals;
    bool mapped;
    uint8_t *memory;
    size_t memory_bytes;
} s;

static void send_bytes(const void *bytes, size_t count)
{
    (void)send(s.socket, bytes, count, MSG_NOSIGNAL);
}

/* A message on our own channel, and the u64 that answers it. */
static uint64_t ask_front_end(uint32_t request, uint32_t index, bool need_reply)
{
    struct vq_vhost_message m;
    struct vq_vhost_receiver r;
    vq_vhost_receiver_init(&r);
    vq_vhost_message_init(&m, request, need_reply ? 0x9 : 0x1,
                          request == VQ_VHOST_BACKEND_CONFIG_CHANGE ? 0 : 8);
    m.payload.state.index = index;
    if (vq_vhost_send(s.channel, &m, 1000) != VQ_VHOST_IO_DONE)
        return UINT64_MAX;
    if (!need_reply)
        return 0;
    if (vq_vhost_receive_wait(s.channel, &r, 2000) != VQ_VHOST_IO_DONE ||
        r.message.header.request != request || r.message.header.flags != 0x5 ||
        r.message.header.size != 8)
        return UINT64_MAX;
    return r.message.payload.u64;
}

/* Sends an answer, spoilt if this is the place for it. False: the connection is over. */
static bool answer(struct vq_vhost_message *m, bool spoil)
{
    enum fault fault = spoil ? s.fault : HONEST;
    uint8_t whole[VQ_VHOST_PAYLOAD_MAX + 12];
    if (fault == MUTE)
        return true;
    if (fault == HANG_UP)
        return false;
    if (fault == OTHER_NUMBER)
        m->header.request++;
    if (fault == NO_REPLY_FLAG)
        m->header.flags = 0x1;
    if (fault == NEED_REPLY)
        m->header.flags = 0xd;
    if (fault == OLD_VERSION)
        m->header.flags = 0x4;
    if (fault == TOO_SHORT)
        m->header.size /= 2;
    if (fault == TOO_LONG)
        m->header.size += 8;
    if (fault == NEGATIVE) {
        if (m->header.request == VQ_VHOST_GET_CONFIG)
            m->header.size = 0;
        m->payload.u64 = 1;
    }
    if (fault == ASK_FIRST)
        s.channel_answer = ask_front_end(VQ_VHOST_BACKEND_CONFIG_CHANGE, 0, true);
    if (fault == STRAY_FD) {
        m->fds[0] = s.socket;
        m->fd_count = 1;
        return vq_vhost_send(s.socket, m, 1000) == VQ_VHOST_IO_DONE;
    }
    size_t bytes = 12 + m->header.size;
    memcpy(whole, &m->header, 12);
    memcpy(whole + 12, &m->payload, m->header.size);
    if (fault == HUGE_SIZE)
        memset(whole + 8, 0xff, 4);
    if (fault == CUT) {
        send_bytes(whole, s.cut < bytes ? s.cut : bytes);
        return false;
    }
    if (fault == DRIP)
        for (size_t i = 0; i < bytes; i++)
            send_bytes(whole + i, 1);
    else
        send_bytes(whole, bytes);
    return true;
}

static void keep_fd(struct vq_vhost_message *m, int *where)
{
    if (*where >= 0)
        (void)close(*where);
    *where = vq_vhost_message_take_fd(m, 0);
}

static void map_memory(struct vq_vhost_message *m, const struct vq_vhost_memory_region *region)
{
    s.seals = fcntl(m->fds[0], F_GET_SEALS);
    void *memory = mmap(NULL, region->size, PROT_READ | PROT_WRITE, MAP_SHARED, m->fds[0], 0);
    s.mapped = memory != MAP_FAILED;
    if (s.mapped) {
        s.memory = memory;
        s.memory_bytes = region->size;
    }
}

/* What an honest back end does; the size of its own answer, or -1 for none but an ack. */
static int obey(struct vq_vhost_message *m, struct record *record)
{
    switch (m->header.request) {
    case VQ_VHOST_GET_FEATURES:
        m->payload.u64 = s.features;
        return 8;
    case VQ_VHOST_SET_FEATURES:
        s.chosen_features = m->payload.u64;
        return -1;
    case VQ_VHOST_GET_PROTOCOL_FEATURES:
        m->payload.u64 = s.protocol;
        return 8;
    case VQ_VHOST_SET_PROTOCOL_FEATURES:
        s.chosen_protocol = m->payload.u64;
        return -1;
    case VQ_VHOST_GET_QUEUE_NUM:
        m->payload.u64 = s.queues;
        return 8;
    case VQ_VHOST_GET_MAX_MEM_SLOTS:
        m->payload.u64 = s.slots;
        return 8;
    case VQ_VHOST_GET_CONFIG:
        memcpy(m->payload.config.data, s.config,
               m->payload.config.size < sizeof s.config ? m->payload.config.size : sizeof s.config);
        return (int)(VQ_VHOST_CONFIG_HEADER + m->payload.config.size);
    case VQ_VHOST_GET_VRING_BASE:
        return 8;
    case VQ_VHOST_SET_BACKEND_REQ_FD:
        keep_fd(m, &s.channel);
        return -1;
    case VQ_VHOST_SET_VRING_KICK:
        keep_fd(m, &s.kick);
        (void)!read(s.kick, &record->counter, 8);
        return -1;
    case VQ_VHOST_SET_VRING_CALL:
        keep_fd(m, &s.call);
        return -1;
    case VQ_VHOST_SET_VRING_ERR:
        keep_fd(m, &s.err);
        return -1;
    case VQ_VHOST_ADD_MEM_REG:
        map_memory(m, &m->payload.region.region);
        return -1;
    case VQ_VHOST_SET_MEM_TABLE:
        map_memory(m, &m->payload.memory.regions[0]);
        return -1;
    default:
        return -1;
    }
}

static void *serve(void *unused)
{
    struct vq_vhost_receiver r;
    (void)unused;
    vq_vhost_receiver_init(&r);
    while (vq_vhost_receive_wait(s.socket, &r, 20000) == VQ_VHOST_IO_DONE) {
        struct record *record = &s.records[s.count % 200];
        /* The receiver's own message tells it how far it is: the answer is made of a copy. */
        struct vq_vhost_message copy = r.message, *m = &copy;
        r.message.fd_count = 0;
        record->header = m->header;
        record->fds = m->fd_count;
        memcpy(record->payload, m->payload.bytes, sizeof record->payload);
        bool spoil = m->header.request == s.bad_request && s.skip-- == 0;
        bool ack = (m->header.flags & VQ_VHOST_NEED_REPLY) != 0;
        int size = obey(m, record);
        atomic_fetch_add(&s.count, 1);
        vq_vhost_message_close(m);
        if (size < 0 && !ack && !(spoil && s.fault == HANG_UP))
            continue;
        if (size < 0) {
            size = 8;
            m->payload.u64 = 0;
        }
        m->header.flags = VQ_VHOST_REPLY_FLAGS;
        m->header.size = (uint32_t)size;
        if (!answer(m, spoil))
            break;
    }
    vq_vhost_receiver_reset(&r);
    (void)shutdown(s.socket, SHUT_RDWR);
    return NULL;
}

#define BIT(n) (UINT64_C(1) << (n))

static unsigned fds_before;

static bool packed; /* accept RING_PACKED */

static int set_up(void **state)
{
    (void)state;
    memset(&s, 0, sizeof s);
    fds_before = count_open_fds();
    s.socket = s.channel = s.kick = s.call = s.err = -1;
    s.features = BIT(VQ_F_VERSION_1) | BIT(VQ_F_EVENT_IDX) | BIT(30) | BIT(26);
    packed = false;
    s.protocol = BIT(0) | BIT(3) | BIT(5) | BIT(9) | BIT(13) | BIT(15) | BIT(14) | BIT(12) |
                 BIT(20) | BIT(23) | BIT(16);
    s.queues = 2;
    s.slots = 32;
    for (size_t i = 0; i < sizeof s.config; i++)
        s.config[i] = (uint8_t)i;
    return 0;
}

/* What one side of a test needs. */
static struct vq_vhost_frontend *frontend;
static struct vq_vhost_frontend_config config;
static char reason[200];

static enum vq_error connect_it(void)
{
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    s.socket = pair[0];
    assert_int_equal(pthread_create(&s.thread, NULL, serve, NULL), 0);
    config.fd = pair[1];
    if (config.memory_bytes == 0)
        config.memory_bytes = 70000;
    config.device_id = VQ_BLK_DEVICE_ID;
    if (config.timeout_ms == 0)
        config.timeout_ms = 3000;
    enum vq_error error = vq_vhost_frontend_open(&frontend, &config, reason, sizeof reason);
    return error;
}

static int tear_down(void **state)
{
    (void)state;
    vq_vhost_frontend_close(frontend);
    frontend = NULL;
    config = (struct vq_vhost_frontend_config){.fd = -1};
    (void)shutdown(s.socket, SHUT_RDWR);
    (void)pthread_join(s.thread, NULL);
    int *fds[] = {&s.socket, &s.channel, &s.kick, &s.call, &s.err};
    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++)
        if (*fds[i] >= 0)
            (void)close(*fds[i]);
    if (s.memory != NULL)
        (void)munmap(s.memory, s.memory_bytes);
    /* Nothing leaks, whatever the other end did. */
    assert_int_equal(count_open_fds(), fds_before);
    return 0;
}

static struct vq_place place;
static struct vq_driver_queue queue;
static struct vq_driver_slot slots[4];

static enum vq_error enable(void *context, struct vq_transport *t)
{
    struct vq_constraints constraints;
    uint64_t address;
    size_t bytes;
    uint8_t *memory = vq_vhost_frontend_memory(frontend, &address, &bytes);
    struct vq_fragment fragment = {address, bytes};
    uint16_t index = *(uint16_t *)context;
    enum vq_error error = vq_transport_queue_constraints(t, index, &constraints);
    if (error != VQ_OK)
        return error;
    assert_int_equal(vq_place_find(&constraints, 4, &fragment, 1, &place, NULL), VQ_OK);
    struct vq_driver_config driver = {.features = t->accepted, .size = 4, .slots = slots};
    driver.descriptor_area = memory + (place.address[VQ_DESCRIPTOR_AREA] - address);
    driver.driver_area = memory + (place.address[VQ_DRIVER_AREA] - address);
    driver.device_area = memory + (place.address[VQ_DEVICE_AREA] - address);
    assert_int_equal(vq_driver_init(&queue, &driver), VQ_OK);
    return vq_transport_queue_enable(t, index, &place);
}

static struct vq_init_result why;

static enum vq_error start(uint16_t index)
{
    struct vq_plan plan = {.setup = enable, .context = &index, .patience = 10};
    plan.wanted = vq_features_from64(UINT64_MAX);
    if (!packed)
        vq_feature_clear(&plan.wanted, VQ_F_RING_PACKED);
    return vq_transport_init_device(vq_vhost_frontend_transport(frontend), &plan, &why);
}

static const struct record *find(uint32_t request)
{
    for (size_t i = 0; i < s.count; i++)
        if (s.records[i].header.request == request)
            return &s.records[i];
    return NULL;
}

static size_t times(uint32_t request)
{
    size_t n = 0;
    for (size_t i = 0; i < s.count; i++)
        n += s.records[i].header.request == request;
    return n;
}

static void assert_order(uint32_t first, uint32_t second)
{
    assert_non_null(find(first));
    assert_non_null(find(second));
    assert_true(find(first) < find(second));
}

static uint64_t u64_of(const struct record *record, size_t offset)
{
    uint64_t value;
    memcpy(&value, record->payload + offset, 8);
    return value;
}

static uint32_t u32_of(const struct record *record, size_t offset)
{
    uint32_t value;
    memcpy(&value, record->payload + offset, 4);
    return value;
}

/* Rules for every message of a session. */
static void check_shapes(void)
{
    static const uint8_t empty[] = {1, 3, 4, 7, 15, 17, 21, 28, 29, 30, 33, 34, 36, 40, 43, 44};
    static const uint8_t with_fds[] = {5, 6, 7, 12, 13, 14, 21, 32, 33, 37, 42};
    for (size_t i = 0; i < s.count; i++) {
        const struct record *r = &s.records[i];
        assert_int_equal(r->header.flags & 3, 1);
        assert_int_equal(r->header.flags & ~UINT32_C(0x9), 0);
        for (size_t k = 0; k < sizeof empty; k++)
            if (empty[k] == r->header.request)
                assert_int_equal(r->header.size, 0);
        if (memchr(with_fds, (int)r->header.request, sizeof with_fds) == NULL)
            assert_int_equal(r->fds, 0);
    }
}

static void whole_session(void **state)
{
    (void)state;
    assert_int_equal(connect_it(), VQ_OK);
    assert_int_equal(start(1), VQ_OK);
    check_shapes();
    assert_int_equal(times(VQ_VHOST_SET_OWNER), 1);
    assert_int_equal(times(VQ_VHOST_RESET_OWNER), 0);
    assert_int_equal(s.records[0].header.request, VQ_VHOST_GET_FEATURES);
    assert_int_equal(s.records[1].header.request, VQ_VHOST_GET_PROTOCOL_FEATURES);
    assert_int_equal(s.records[2].header.request, VQ_VHOST_SET_PROTOCOL_FEATURES);
    assert_int_equal(s.chosen_protocol & ~s.protocol, 0);
    assert_int_equal(s.chosen_protocol, BIT(0) | BIT(3) | BIT(5) | BIT(9) | BIT(13) | BIT(15));
    assert_true(s.chosen_features == (BIT(VQ_F_VERSION_1) | BIT(VQ_F_EVENT_IDX) | BIT(30)));
    assert_false(vq_feature(&vq_vhost_frontend_transport(frontend)->offered, 30));
    assert_false(vq_feature(&vq_vhost_frontend_transport(frontend)->offered, 26));

    assert_order(VQ_VHOST_SET_FEATURES, VQ_VHOST_ADD_MEM_REG);
    assert_order(VQ_VHOST_ADD_MEM_REG, VQ_VHOST_SET_VRING_NUM);
    assert_order(VQ_VHOST_SET_VRING_NUM, VQ_VHOST_SET_VRING_BASE);
    assert_order(VQ_VHOST_SET_VRING_BASE, VQ_VHOST_SET_VRING_ADDR);
    assert_order(VQ_VHOST_SET_VRING_ADDR, VQ_VHOST_SET_VRING_KICK);
    assert_order(VQ_VHOST_SET_VRING_KICK, VQ_VHOST_SET_VRING_ENABLE);

    const struct record *memory = find(VQ_VHOST_ADD_MEM_REG);
    assert_int_equal(memory->fds, 1);
    assert_int_equal(memory->header.size, 40);
    assert_true(u64_of(memory, 0) == 0);
    uint64_t guest = u64_of(memory, 8), user = u64_of(memory, 24);
    assert_true(u64_of(memory, 16) >= 70000);
    assert_true(s.mapped);
    assert_int_equal(s.seals & F_SEAL_SHRINK, F_SEAL_SHRINK);

    const struct record *num = find(VQ_VHOST_SET_VRING_NUM);
    assert_int_equal(u32_of(num, 0), 1);
    assert_int_equal(u32_of(num, 4), 4);
    const struct record *base = find(VQ_VHOST_SET_VRING_BASE);
    assert_int_equal(u32_of(base, 0), 1);
    assert_int_equal(u32_of(base, 4), 0);
    const struct record *addr = find(VQ_VHOST_SET_VRING_ADDR);
    assert_int_equal(addr->header.size, 40);
    assert_true(u64_of(addr, 8) - user == place.address[VQ_DESCRIPTOR_AREA] - guest);
    assert_true(u64_of(addr, 16) - user == place.address[VQ_DEVICE_AREA] - guest);
    assert_true(u64_of(addr, 24) - user == place.address[VQ_DRIVER_AREA] - guest);
    const struct record *kick = find(VQ_VHOST_SET_VRING_KICK);
    assert_true(u64_of(kick, 0) == 1);
    assert_int_equal(kick->fds, 1);
    assert_true(kick->counter >= 1);
    const struct record *on = find(VQ_VHOST_SET_VRING_ENABLE);
    assert_int_equal(u32_of(on, 0), 1);
    assert_int_equal(u32_of(on, 4), 1);
    assert_int_equal(on->header.flags, 0x9);
    assert_int_equal(find(VQ_VHOST_SET_BACKEND_REQ_FD)->fds, 1);
    assert_int_equal(find(VQ_VHOST_SET_VRING_ERR)->fds, 1);
    assert_null(find(VQ_VHOST_SET_STATUS));
    assert_null(find(VQ_VHOST_GET_INFLIGHT_FD));
    assert_null(find(VQ_VHOST_SET_MEM_TABLE));
}

static void golden_header(void **state)
{
    (void)state;
    int pair[2];
    uint8_t bytes[12];
    uint32_t words[3] = {1, 1, 0};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    s.socket = pair[0];
    config = (struct vq_vhost_frontend_config){.fd = pair[1], .memory_bytes = 1, .timeout_ms = 50};
    assert_int_equal(vq_vhost_frontend_open(&frontend, &config, reason, sizeof reason),
                     VQ_ERR_TIMEOUT);
    assert_int_equal(recv(pair[0], bytes, sizeof bytes, 0), 12);
    assert_memory_equal(bytes, words, 12);
    assert_int_equal(pthread_create(&s.thread, NULL, serve, NULL), 0);
}

static void packed_base(void **state)
{
    (void)state;
    s.features |= BIT(VQ_F_RING_PACKED);
    for (unsigned round = 0; round < 2; round++) {
        packed = round == 0;
        if (round == 0)
            assert_int_equal(connect_it(), VQ_OK);
        else
            assert_int_equal(vq_transport_reset(vq_vhost_frontend_transport(frontend), 10), VQ_OK);
        size_t before = s.count;
        assert_int_equal(start(0), VQ_OK);
        unsigned bases = 0;
        for (size_t i = before; i < s.count; i++)
            if (s.records[i].header.request == VQ_VHOST_SET_VRING_BASE) {
                assert_int_equal(u32_of(&s.records[i], 4), packed ? 0x80008000 : 0);
                bases++;
            }
        assert_int_equal(bases, 1);
    }
}

/* Stop and reset. */
static void stopping(void **state)
{
    (void)state;
    assert_int_equal(connect_it(), VQ_OK);
    assert_int_equal(start(0), VQ_OK);
    struct vq_transport *t = vq_vhost_frontend_transport(frontend);
    assert_int_equal(vq_transport_reset(t, 10), VQ_OK);
    assert_int_equal(times(VQ_VHOST_GET_VRING_BASE), 1);
    assert_int_equal(u32_of(find(VQ_VHOST_GET_VRING_BASE), 4), 0);
    assert_int_equal(times(VQ_VHOST_RESET_DEVICE), 1);
    assert_order(VQ_VHOST_GET_VRING_BASE, VQ_VHOST_RESET_DEVICE);
    size_t before = s.count;
    assert_int_equal(start(0), VQ_OK);
    static const uint32_t again[] = {VQ_VHOST_SET_VRING_NUM,  VQ_VHOST_SET_VRING_BASE,
                                     VQ_VHOST_SET_VRING_ADDR, VQ_VHOST_SET_VRING_KICK,
                                     VQ_VHOST_SET_VRING_CALL, VQ_VHOST_SET_VRING_ENABLE};
    for (size_t k = 0; k < sizeof again / sizeof again[0]; k++) {
        bool found = false;
        for (size_t i = before; i < s.count; i++)
            found = found || s.records[i].header.request == again[k];
        assert_true(found);
    }
}

static void no_reset_message(void **state)
{
    (void)state;
    s.protocol &= ~BIT(VQ_VHOST_P_RESET_DEVICE);
    assert_int_equal(connect_it(), VQ_OK);
    assert_int_equal(start(0), VQ_OK);
    (void)vq_transport_reset(vq_vhost_frontend_transport(frontend), 10);
    assert_int_equal(times(VQ_VHOST_GET_VRING_BASE), 1);
    assert_int_equal(times(VQ_VHOST_RESET_DEVICE), 0);
}

static void old_back_end(void **state)
{
    (void)state;
    s.features &= ~BIT(30);
    assert_int_equal(connect_it(), VQ_OK);
    assert_int_equal(start(0), VQ_OK);
    assert_null(find(VQ_VHOST_GET_PROTOCOL_FEATURES));
    assert_null(find(VQ_VHOST_SET_PROTOCOL_FEATURES));
    assert_null(find(VQ_VHOST_SET_VRING_ENABLE));
    assert_null(find(VQ_VHOST_SET_BACKEND_REQ_FD));
    assert_null(find(VQ_VHOST_GET_QUEUE_NUM));
    assert_null(find(VQ_VHOST_GET_MAX_MEM_SLOTS));
    assert_false((s.chosen_features & BIT(30)) != 0);
    const struct record *table = find(VQ_VHOST_SET_MEM_TABLE);
    assert_non_null(table);
    assert_int_equal(table->header.size, 40);
    assert_int_equal(u32_of(table, 0), 1);
    assert_int_equal(u32_of(table, 4), 0);
    for (size_t i = 0; i < s.count; i++)
        assert_int_equal(s.records[i].header.flags, 0x1);
    uint8_t byte;
    assert_int_not_equal(
        vq_transport_read_config(vq_vhost_frontend_transport(frontend), 0, &byte, 1), VQ_OK);
    assert_null(find(VQ_VHOST_GET_CONFIG));
    uint16_t second = 1;
    struct vq_constraints c;
    assert_int_equal(
        vq_transport_queue_constraints(vq_vhost_frontend_transport(frontend), second, &c),
        VQ_ERR_RANGE);
}

static void fence(void **state)
{
    (void)state;
    s.protocol &= ~BIT(VQ_VHOST_P_REPLY_ACK);
    assert_int_equal(connect_it(), VQ_OK);
    assert_int_equal(start(0), VQ_OK);
    for (size_t i = 0; i < s.count; i++) {
        assert_int_equal(s.records[i].header.flags, 0x1);
        if (s.records[i].header.request == VQ_VHOST_SET_VRING_ENABLE)
            assert_int_equal(s.records[i + 1].header.request, VQ_VHOST_GET_FEATURES);
    }
}

static void slots_or_table(void **state)
{
    (void)state;
    s.protocol &= ~BIT(VQ_VHOST_P_CONFIGURE_MEM_SLOTS);
    assert_int_equal(connect_it(), VQ_OK);
    assert_int_equal(start(0), VQ_OK);
    assert_null(find(VQ_VHOST_ADD_MEM_REG));
    assert_null(find(VQ_VHOST_GET_MAX_MEM_SLOTS));
    assert_int_equal(times(VQ_VHOST_SET_MEM_TABLE), 1);
}

static void many_slots(void **state)
{
    (void)state;
    s.slots = BIT(63);
    assert_int_equal(connect_it(), VQ_OK);
    assert_int_equal(start(0), VQ_OK);
}

static void no_queues(void **state)
{
    (void)state;
    s.queues = 0;
    assert_int_equal(connect_it(), VQ_ERR_BROKEN);
    assert_non_null(strstr(reason, "GET_QUEUE_NUM"));
}

static void absurd_queues(void **state)
{
    (void)state;
    s.queues = BIT(40);
    assert_int_equal(connect_it(), VQ_OK);
    assert_int_equal(vq_vhost_frontend_queue_count(frontend), 256);
    assert_int_equal(start(255), VQ_OK);
    assert_true(u64_of(find(VQ_VHOST_SET_VRING_KICK), 0) == 255);
}

static void too_few_queues(void **state)
{
    (void)state;
    assert_int_equal(connect_it(), VQ_OK);
    assert_int_equal(start(2), VQ_ERR_RANGE);
    assert_int_equal(why.step, VQ_INIT_SETUP);
    assert_null(find(VQ_VHOST_SET_VRING_KICK));
}

static void configuration(void **state)
{
    (void)state;
    uint8_t bytes[16];
    assert_int_equal(connect_it(), VQ_OK);
    assert_int_equal(start(0), VQ_OK);
    struct vq_transport *t = vq_vhost_frontend_transport(frontend);
    assert_int_equal(vq_transport_read_config(t, 4, bytes, 16), VQ_OK);
    assert_memory_equal(bytes, s.config + 4, 16);
    const struct record *get = find(VQ_VHOST_GET_CONFIG);
    assert_int_equal(get->header.size, 12 + 20);
    assert_int_equal(u32_of(get, 0), 0);
    assert_int_equal(u32_of(get, 4), 20);
    size_t asked = times(VQ_VHOST_GET_CONFIG);
    assert_int_equal(vq_transport_read_config(t, 0, bytes, 8), VQ_OK);
    assert_int_equal(times(VQ_VHOST_GET_CONFIG), asked);

    s.config[0] = 77;
    assert_true(ask_front_end(VQ_VHOST_BACKEND_CONFIG_CHANGE, 0, false) == 0);
    while ((vq_transport_take_events(t) & VQ_EVENT_CONFIG) == 0)
        ;
    assert_int_equal(vq_transport_read_config(t, 0, bytes, 8), VQ_OK);
    assert_int_equal(bytes[0], 77);
    assert_true(times(VQ_VHOST_GET_CONFIG) > asked);

    uint8_t one = 1;
    assert_int_equal(vq_transport_write_config(t, 32, &one, 1), VQ_OK);
    const struct record *set = find(VQ_VHOST_SET_CONFIG);
    assert_int_equal(set->header.size, 13);
    assert_int_equal(u32_of(set, 0), 32);
    assert_int_equal(u32_of(set, 4), 1);
    assert_int_equal(u32_of(set, 8), 0);
    assert_int_equal(set->payload[12], 1);
}

static void configuration_error(void **state)
{
    (void)state;
    uint8_t bytes[4] = {9, 9, 9, 9};
    s.bad_request = VQ_VHOST_GET_CONFIG;
    s.fault = NEGATIVE;
    assert_int_equal(connect_it(), VQ_OK);
    assert_int_equal(vq_transport_read_config(vq_vhost_frontend_transport(frontend), 0, bytes, 4),
                     VQ_ERR_RANGE);
    assert_int_equal(bytes[0], 9);
    assert_null(vq_vhost_frontend_reason(frontend));
}

static void notifications(void **state)
{
    (void)state;
    uint64_t value;
    assert_int_equal(connect_it(), VQ_OK);
    assert_int_equal(start(0), VQ_OK);
    struct vq_transport *t = vq_vhost_frontend_transport(frontend);
    assert_int_equal(vq_transport_wait(t, 0, 0), VQ_ERR_TIMEOUT);
    assert_int_equal(vq_transport_notify(t, 0, 0), VQ_OK);
    assert_int_equal(read(s.kick, &value, 8), 8);
    assert_true(value == 1);
    static const uint64_t odd[] = {1, 77, UINT64_MAX - 1};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(write(s.call, &odd[i], 8), 8);
        assert_int_equal(vq_transport_take_events(t), VQ_EVENT_QUEUE);
        assert_int_equal(vq_transport_wait(t, VQ_QUEUE_ANY, 1000), VQ_OK);
        assert_int_equal(vq_transport_wait(t, 0, 0), VQ_ERR_TIMEOUT);
    }
    assert_int_equal(write(s.err, &odd[0], 8), 8);
    assert_int_equal(vq_transport_wait(t, 0, 1000), VQ_ERR_BROKEN);
}

static void in_band(void **state)
{
    (void)state;
    config.in_band = true;
    assert_int_equal(connect_it(), VQ_OK);
    assert_true((s.chosen_protocol & BIT(14)) != 0);
    assert_int_equal(start(0), VQ_OK);
    assert_null(find(VQ_VHOST_SET_VRING_KICK));
    const struct record *kick = find(VQ_VHOST_VRING_KICK);
    assert_non_null(kick);
    assert_int_equal(kick->header.flags, 0x9);
    assert_int_equal(u32_of(kick, 0), 0);
    assert_int_equal(u32_of(kick, 4), 0);
    struct vq_transport *t = vq_vhost_frontend_transport(frontend);
    assert_int_equal(vq_transport_wait(t, 0, 0), VQ_ERR_TIMEOUT);
    assert_true(ask_front_end(VQ_VHOST_BACKEND_VRING_CALL, 0, false) == 0);
    assert_int_equal(vq_transport_wait(t, 0, 2000), VQ_OK);
}

static void in_band_alone(void **state)
{
    (void)state;
    config.in_band = true;
    s.protocol &= ~BIT(VQ_VHOST_P_BACKEND_REQ);
    assert_int_equal(connect_it(), VQ_OK);
    assert_false((s.chosen_protocol & BIT(14)) != 0);
    assert_null(find(VQ_VHOST_SET_BACKEND_REQ_FD));
}

static void *wait_for_channel(void *t)
{
    for (int i = 0; i < 100; i++)
        (void)vq_transport_wait(t, 0, 10);
    return NULL;
}

static void channel_requests(void **state)
{
    (void)state;
    assert_int_equal(connect_it(), VQ_OK);
    assert_int_equal(start(0), VQ_OK);
    pthread_t thread;
    struct vq_transport *t = vq_vhost_frontend_transport(frontend);
    assert_int_equal(pthread_create(&thread, NULL, wait_for_channel, t), 0);
    assert_true(ask_front_end(VQ_VHOST_BACKEND_CONFIG_CHANGE, 0, true) == 0);
    assert_true(ask_front_end(99, 0, true) == 1);
    assert_true(ask_front_end(VQ_VHOST_BACKEND_VRING_CALL, 0, true) == 1); /* not negotiated */
    /* Nonsense there ends the channel and nothing else. */
    (void)!write(s.channel, "nonsense, and more of it", 24);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_null(vq_vhost_frontend_reason(frontend));
    uint8_t byte;
    assert_int_equal(vq_transport_read_config(t, 0, &byte, 1), VQ_OK);
}

/* A channel that is over is readable for ever. */
static void channel_closed(void **state)
{
    (void)state;
    assert_int_equal(connect_it(), VQ_OK);
    assert_int_equal(start(0), VQ_OK);
    struct vq_transport *t = vq_vhost_frontend_transport(frontend);
    assert_int_equal(shutdown(s.channel, SHUT_RDWR), 0);
    unsigned early = 0;
    for (int i = 0; i < 5; i++) {
        struct timespec before, after;
        (void)clock_gettime(CLOCK_MONOTONIC, &before);
        enum vq_error error = vq_transport_wait(t, 0, 20);
        (void)clock_gettime(CLOCK_MONOTONIC, &after);
        int64_t ms = ((int64_t)after.tv_sec - before.tv_sec) * 1000 +
                     (after.tv_nsec - before.tv_nsec) / 1000000;
        early += error == VQ_OK;
        assert_true(error == VQ_OK || (error == VQ_ERR_TIMEOUT && ms >= 19));
    }
    assert_true(early <= 2);
    assert_null(vq_vhost_frontend_reason(frontend));
    /* And it disturbs no answer. */
    uint8_t byte;
    assert_int_equal(vq_transport_read_config(t, 0, &byte, 1), VQ_OK);
}

static void asked_while_waiting(void **state)
{
    (void)state;
    s.bad_request = VQ_VHOST_SET_VRING_NUM;
    s.fault = ASK_FIRST;
    s.channel_answer = 55;
    assert_int_equal(connect_it(), VQ_OK);
    assert_int_equal(start(0), VQ_OK);
    assert_true(s.channel_answer == 0);
}

static void refused_features(void **state)
{
    (void)state;
    s.bad_request = VQ_VHOST_SET_FEATURES;
    s.fault = NEGATIVE;
    assert_int_equal(connect_it(), VQ_OK);
    assert_int_equal(start(0), VQ_ERR_UNSUPPORTED);
    assert_int_equal(why.step, VQ_INIT_FEATURES_OK);
    assert_null(find(VQ_VHOST_SET_VRING_NUM));
}

static void refused_enable(void **state)
{
    (void)state;
    s.bad_request = VQ_VHOST_SET_VRING_ENABLE;
    s.fault = NEGATIVE;
    assert_int_equal(connect_it(), VQ_OK);
    assert_int_equal(start(0), VQ_ERR_UNSUPPORTED);
    assert_int_equal(why.step, VQ_INIT_DRIVER_OK);
}

static void death(void **state)
{
    (void)state;
    assert_int_equal(connect_it(), VQ_OK);
    assert_int_equal(start(0), VQ_OK);
    (void)shutdown(s.socket, SHUT_RDWR);
    struct vq_transport *t = vq_vhost_frontend_transport(frontend);
    assert_int_equal(vq_transport_wait(t, 0, 5000), VQ_ERR_BROKEN);
    assert_non_null(vq_vhost_frontend_reason(frontend));
    assert_int_equal(vq_transport_notify(t, 0, 0), VQ_ERR_BROKEN);
    assert_true(vq_transport_needs_reset(t));
}

static void dripping(void **state)
{
    (void)state;
    s.bad_request = VQ_VHOST_GET_QUEUE_NUM;
    s.fault = DRIP;
    assert_int_equal(connect_it(), VQ_OK);
    assert_int_equal(vq_vhost_frontend_queue_count(frontend), 2);
}

/* Each kind of bad answer, at each of some requests: an error with a reason, soon, and no leak. */
static void bad_answers(void **state)
{
    static const enum fault faults[] = {MUTE,        HANG_UP,   OTHER_NUMBER, NO_REPLY_FLAG,
                                        NEED_REPLY,  TOO_SHORT, TOO_LONG,     HUGE_SIZE,
                                        OLD_VERSION, STRAY_FD};
    static const uint32_t requests[] = {VQ_VHOST_GET_FEATURES,    VQ_VHOST_GET_PROTOCOL_FEATURES,
                                        VQ_VHOST_GET_QUEUE_NUM,   VQ_VHOST_SET_VRING_ADDR,
                                        VQ_VHOST_ADD_MEM_REG,     VQ_VHOST_SET_BACKEND_REQ_FD,
                                        VQ_VHOST_SET_VRING_ENABLE};
    for (size_t f = 0; f < sizeof faults / sizeof faults[0]; f++)
        for (size_t r = 0; r < sizeof requests / sizeof requests[0]; r++) {
            (void)set_up(state);
            s.bad_request = requests[r];
            s.fault = faults[f];
            config.timeout_ms = faults[f] == MUTE ? 50 : 3000;
            enum vq_error error = connect_it();
            if (error == VQ_OK)
                error = start(0);
            assert_true(error == VQ_ERR_BROKEN || error == VQ_ERR_TIMEOUT);
            if (frontend != NULL)
                assert_non_null(vq_vhost_frontend_reason(frontend));
            else
                assert_true(reason[0] != '\0');
            struct pollfd closed = {.fd = s.socket, .events = POLLRDHUP};
            assert_int_equal(poll(&closed, 1, 2000), 1);
            (void)tear_down(state);
        }
    (void)set_up(state);
    assert_int_equal(connect_it(), VQ_OK);
}

/* The stream ends after every byte of an answer. */
static void cut_answers(void **state)
{
    for (size_t cut = 0; cut < 20; cut++) {
        (void)set_up(state);
        s.bad_request = VQ_VHOST_GET_QUEUE_NUM;
        s.fault = CUT;
        s.cut = cut;
        assert_int_equal(connect_it(), VQ_ERR_BROKEN);
        (void)tear_down(state);
    }
    (void)set_up(state);
    assert_int_equal(connect_it(), VQ_OK);
}

static void wrong_base(void **state)
{
    (void)state;
    s.bad_request = VQ_VHOST_GET_VRING_BASE;
    s.fault = NEGATIVE; /* names ring 1 */
    assert_int_equal(connect_it(), VQ_OK);
    assert_int_equal(start(0), VQ_OK);
    assert_int_not_equal(vq_transport_reset(vq_vhost_frontend_transport(frontend), 10), VQ_OK);
}

static void outside_the_arena(void **state)
{
    (void)state;
    assert_int_equal(connect_it(), VQ_OK);
    assert_int_equal(start(0), VQ_OK);
    struct vq_place far_away = place;
    far_away.address[VQ_DEVICE_AREA] += 1 << 20;
    assert_int_equal(vq_transport_queue_enable(vq_vhost_frontend_transport(frontend), 1, &far_away),
                     VQ_ERR_RANGE);
    far_away.address[VQ_DEVICE_AREA] = UINT64_MAX - 8;
    assert_int_equal(vq_transport_queue_enable(vq_vhost_frontend_transport(frontend), 1, &far_away),
                     VQ_ERR_RANGE);
}

static void nobody_there(void **state)
{
    (void)state;
    config = (struct vq_vhost_frontend_config){
        .path = "/nonexistent/socket", .fd = -1, .memory_bytes = 4096};
    assert_int_equal(vq_vhost_frontend_open(&frontend, &config, reason, sizeof reason), VQ_ERR_IO);
    assert_non_null(strstr(reason, "No such file"));
    assert_null(frontend);
    config = (struct vq_vhost_frontend_config){.fd = -1};
    assert_int_equal(connect_it(), VQ_OK);
}

static void lying_device(void **state)
{
    (void)state;
    struct vq_done done;
    uint64_t address;
    size_t bytes;
    assert_int_equal(connect_it(), VQ_OK);
    assert_int_equal(start(0), VQ_OK);
    (void)vq_vhost_frontend_memory(frontend, &address, &bytes);
    struct vq_element element = {address + 4096, 8};
    assert_true(vq_driver_add(&queue, &element, 0, 1) >= 0);
    (void)vq_driver_publish(&queue);
    /* The back end writes a used element of an id that does not exist, in its own mapping. */
    uint8_t *used = s.memory + (place.address[VQ_DEVICE_AREA] - address);
    used[4] = 0xff;
    used[2] = 1;
    assert_int_equal(vq_driver_get(&queue, &done, 1), 0);
    assert_int_equal(vq_driver_broken(&queue), VQ_BROKEN_USED_ID);
}

#define CASE(fn, name) VQ_TEST_FIXTURE(fn, set_up, tear_down, name)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CASE(whole_session,
             "a session has the right messages in the right order [VU-FE-HDR-03 VU-FE-HDR-04 "
             "VU-FE-SIZE-04 VU-FE-SIZE-08 VU-FE-FD-01 VU-FE-FD-04 VU-FE-FD-05 VU-FE-FEAT-01 "
             "VU-FE-FEAT-02 VU-FE-FEAT-03 VU-FE-FEAT-04 VU-FE-PFEAT-02 "
             "VU-FE-OWN-01 VU-FE-OWN-02 VU-FE-RING-01 VU-FE-RING-04 VU-FE-RING-05 "
             "VU-FE-RING-06 VU-FE-KICK-01 VU-FE-VQ-01 VU-FE-MEM-06 VU-FE-SLOT-04 VU-FE-BCH-01 "
             "VU-FE-TRANS-03 VU-FE-MQ-05 VU-FE-STAT-01 VU-FE-INF-01 VU-FE-ACK-01 "
             "VU-FE-INB-02 VU-FE-SKIP-01 VU-FE-SKIP-02 VU-FE-HDR-07]"),
        CASE(golden_header, "a header is three words; a mute back end is given up "
                            "[VU-FE-HDR-01 VU-FE-HDR-02 VU-FE-TRANS-10]"),
        CASE(stopping, "a stop asks for the base, a start after it tells all again "
                       "[VU-FE-RING-02 VU-FE-BASE-01 VU-FE-RST-02 VU-FE-SKIP-03]"),
        CASE(packed_base, "a fresh ring's base is that of its format [VU-FE-VQ-02]"),
        CASE(no_reset_message, "RESET_DEVICE is for back ends that know it [VU-FE-RST-01]"),
        CASE(old_back_end,
             "a back end without protocol features will do [VU-FE-FEAT-05 VU-FE-FEAT-06 "
             "VU-FE-PFEAT-01 VU-FE-PFEAT-03 VU-FE-RING-03 VU-FE-SIZE-05 VU-FE-ACK-02 "
             "VU-FE-MQ-01 VU-FE-MQ-03 VU-FE-CFG-06 VU-FE-BCH-02 VU-FE-SLOT-03]"),
        CASE(fence, "without REPLY_ACK, GET_FEATURES is the fence [VU-FE-ACK-02 VU-FE-ACK-04 "
                    "VU-FE-RING-05]"),
        CASE(slots_or_table, "memory goes by table where slots are not known [VU-FE-SLOT-03]"),
        CASE(many_slots, "any number of slots is taken [VU-FE-SLOT-02]"),
        CASE(no_queues, "a back end without rings is refused [VU-FE-MQ-06]"),
        CASE(absurd_queues, "an absurd number of rings is cut to what can be named "
                            "[VU-FE-MQ-06 VU-FE-KICK-01]"),
        CASE(too_few_queues, "more rings than there are cannot be had [VU-FE-MQ-02]"),
        CASE(configuration, "configuration is read, kept, dropped on a change, and written "
                            "[VU-FE-CFG-02 VU-FE-CFG-03 VU-FE-CFG-04 VU-FE-CFG-05 VU-FE-CFG-07]"),
        CASE(configuration_error, "an empty configuration is an error [VU-FE-CFG-01]"),
        CASE(notifications, "kicks, calls and errors go by descriptor "
                            "[VU-FE-TRANS-05 VU-FE-TRANS-06 VU-FE-KICK-04]"),
        CASE(in_band, "notifications can go as messages [VU-FE-INB-03 VU-FE-INB-04 VU-FE-INB-05 "
                      "VU-FE-INB-06]"),
        CASE(in_band_alone, "in-band notifications need the channel [VU-FE-INB-01 VU-FE-BCH-02]"),
        CASE(channel_requests,
             "the back end's requests are answered, nonsense ends its channel only "
             "[VU-FE-BCH-04 VU-FE-BCH-05 VU-FE-BCH-06 VU-FE-CFG-08]"),
        CASE(channel_closed, "waits as long as before when the back end closed its channel"),
        CASE(asked_while_waiting, "the back end may ask before it answers [VU-FE-REPLY-03]"),
        CASE(refused_features, "refused features keep FEATURES_OK clear [VU-FE-ACK-03]"),
        CASE(refused_enable, "a refused enable ends the start [VU-FE-ACK-03]"),
        CASE(death, "a back end that dies is noticed"),
        CASE(dripping, "an answer may come byte by byte [VU-FE-SIZE-01]"),
        CASE(bad_answers, "a bad answer ends the connection with a reason [VU-FE-TRANS-07 "
                          "VU-FE-HDR-05 VU-FE-HDR-06 VU-FE-SIZE-02 VU-FE-SIZE-03 VU-FE-FD-02 "
                          "VU-FE-HOST-01]"),
        CASE(cut_answers, "an answer cut at any byte is an error [VU-FE-TRANS-09]"),
        CASE(wrong_base, "a base of another ring is an error [VU-FE-HOST-01]"),
        CASE(outside_the_arena, "a ring outside the memory shown is refused [VU-FE-MEM-01]"),
        CASE(nobody_there, "a path where nobody listens is a clear error"),
        CASE(lying_device, "used elements that lie break the queue [VU-FE-HOST-02]"),
    };
    return VQ_RUN(tests);
}
