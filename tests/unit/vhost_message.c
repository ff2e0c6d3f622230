/* The tables of the vhost-user protocol, against the protocol's own numbers. */
#include "test.h"

#include <string.h>
#include <unistd.h>

#include <vhost_user/message.h>

#define NONE VQ_VHOST_ALWAYS

/* Written down once more, from the protocol's text: number, name, payload, descriptors, answer. */
static const struct {
    unsigned number;
    const char *name;
    unsigned size_min, size_max, fds_min, fds_max;
    bool own;
    int protocol, feature;
} expected[] = {
    {1, "GET_FEATURES", 0, 0, 0, 0, true, NONE, NONE},
    {2, "SET_FEATURES", 8, 8, 0, 0, false, NONE, NONE},
    {3, "SET_OWNER", 0, 0, 0, 0, false, NONE, NONE},
    {4, "RESET_OWNER", 0, 0, 0, 0, false, NONE, NONE},
    {5, "SET_MEM_TABLE", 8, 264, 0, 8, false, NONE, NONE},
    {6, "SET_LOG_BASE", 8, 16, 0, 1, false, NONE, NONE},
    {8, "SET_VRING_NUM", 8, 8, 0, 0, false, NONE, NONE},
    {9, "SET_VRING_ADDR", 40, 40, 0, 0, false, NONE, NONE},
    {10, "SET_VRING_BASE", 8, 8, 0, 0, false, NONE, NONE},
    {11, "GET_VRING_BASE", 8, 8, 0, 0, true, NONE, NONE},
    {12, "SET_VRING_KICK", 8, 8, 0, 1, false, NONE, NONE},
    {13, "SET_VRING_CALL", 8, 8, 0, 1, false, NONE, NONE},
    {14, "SET_VRING_ERR", 8, 8, 0, 1, false, NONE, NONE},
    {15, "GET_PROTOCOL_FEATURES", 0, 0, 0, 0, true, NONE, NONE},
    {16, "SET_PROTOCOL_FEATURES", 8, 8, 0, 0, false, NONE, NONE},
    {17, "GET_QUEUE_NUM", 0, 0, 0, 0, true, 0, NONE},
    {18, "SET_VRING_ENABLE", 8, 8, 0, 0, false, NONE, 30},
    {19, "SEND_RARP", 8, 8, 0, 0, false, 2, NONE},
    {20, "NET_SET_MTU", 8, 8, 0, 0, false, 4, NONE},
    {21, "SET_BACKEND_REQ_FD", 0, 0, 1, 1, false, 5, NONE},
    {22, "IOTLB_MSG", 26, 32, 0, 0, true, NONE, 33},
    {23, "SET_VRING_ENDIAN", 8, 8, 0, 0, false, 6, NONE},
    {24, "GET_CONFIG", 12, 268, 0, 0, true, 9, NONE},
    {25, "SET_CONFIG", 12, 268, 0, 0, false, 9, NONE},
    {27, "CLOSE_CRYPTO_SESSION", 8, 8, 0, 0, false, 7, NONE},
    {28, "POSTCOPY_ADVISE", 0, 0, 0, 0, true, 8, NONE},
    {29, "POSTCOPY_LISTEN", 0, 0, 0, 0, false, 8, NONE},
    {30, "POSTCOPY_END", 0, 0, 0, 0, true, 8, NONE},
    {31, "GET_INFLIGHT_FD", 20, 24, 0, 0, true, 12, NONE},
    {32, "SET_INFLIGHT_FD", 20, 24, 1, 1, false, 12, NONE},
    {33, "GPU_SET_SOCKET", 0, 0, 1, 1, false, NONE, NONE},
    {34, "RESET_DEVICE", 0, 0, 0, 0, false, 13, NONE},
    {35, "VRING_KICK", 8, 8, 0, 0, false, 14, NONE},
    {36, "GET_MAX_MEM_SLOTS", 0, 0, 0, 0, true, 15, NONE},
    {37, "ADD_MEM_REG", 40, 40, 1, 1, false, 15, NONE},
    {38, "REM_MEM_REG", 40, 40, 0, 1, false, 15, NONE},
    {39, "SET_STATUS", 8, 8, 0, 0, false, 16, NONE},
    {40, "GET_STATUS", 0, 0, 0, 0, true, 16, NONE},
    {41, "GET_SHARED_OBJECT", 16, 16, 0, 0, true, 18, NONE},
    {42, "SET_DEVICE_STATE_FD", 8, 8, 1, 1, true, 19, NONE},
    {43, "CHECK_DEVICE_STATE", 0, 0, 0, 0, true, 19, NONE},
    {44, "GET_SHMEM_CONFIG", 0, 0, 0, 0, true, 22, NONE},
    {45, "GET_VRING_BASE_SKIP_DRAIN", 8, 8, 0, 0, true, 23, NONE},
};

static void request_table(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        const struct vq_vhost_request_info *info = vq_vhost_request_info(expected[i].number);
        assert_non_null(info);
        assert_string_equal(info->name, expected[i].name);
        assert_int_equal(info->size_min, expected[i].size_min);
        assert_int_equal(info->size_max, expected[i].size_max);
        assert_int_equal(info->fds_min, expected[i].fds_min);
        assert_int_equal(info->fds_max, expected[i].fds_max);
        assert_int_equal(info->answer == VQ_VHOST_ANSWER_OWN, expected[i].own);
        assert_int_equal(info->protocol_feature, expected[i].protocol);
        assert_int_equal(info->feature, expected[i].feature);
        assert_true(info->size_max <= VQ_VHOST_PAYLOAD_MAX);
        assert_true(info->answer_max <= VQ_VHOST_PAYLOAD_MAX);
    }
    for (uint32_t n = 1; n <= 45; n++)
        assert_non_null(vq_vhost_request_info(n));
    assert_null(vq_vhost_request_info(0));
    assert_null(vq_vhost_request_info(46));
    assert_null(vq_vhost_request_info(UINT32_MAX));
}

static void backend_table(void **state)
{
    static const struct {
        unsigned size;
        int protocol;
    } rows[] = {{0, 0},   {0, NONE}, {0, 9},   {24, 11}, {8, 14}, {8, 14},
                {16, 18}, {16, 18},  {16, 18}, {40, 22}, {40, 22}};

    (void)state;
    for (uint32_t n = 2; n <= 10; n++) {
        const struct vq_vhost_request_info *info = vq_vhost_backend_request_info(n);
        assert_non_null(info);
        assert_int_equal(info->size_max, rows[n].size);
        assert_int_equal(info->protocol_feature, rows[n].protocol);
    }
    assert_int_equal(vq_vhost_backend_request_info(1)->size_min, 26);
    assert_null(vq_vhost_backend_request_info(0));
    assert_null(vq_vhost_backend_request_info(11));
}

static const char *check(uint32_t request, uint32_t size, uint32_t fds, uint32_t first,
                         uint32_t second)
{
    struct vq_vhost_message m;

    vq_vhost_message_init(&m, request, VQ_VHOST_VERSION, size);
    m.fd_count = fds;
    m.payload.state.index = first;
    m.payload.state.num = second;
    return vq_vhost_check(vq_vhost_request_info(request), &m);
}

static void shapes(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        uint32_t n = expected[i].number;
        if (n == 5 || n == 24 || n == 25 || (n >= 12 && n <= 14))
            continue;
        for (uint32_t size = 0; size < 300; size++) {
            bool well = size >= expected[i].size_min && size <= expected[i].size_max;
            assert_int_equal(check(n, size, expected[i].fds_min, 0, 0) == NULL, well);
        }
        for (uint32_t fds = 0; fds <= 8; fds++) {
            bool well = fds >= expected[i].fds_min && fds <= expected[i].fds_max;
            assert_int_equal(check(n, expected[i].size_max, fds, 0, 0) == NULL, well);
        }
    }
    /* config: size at 4, of what stands behind 12 bytes */
    assert_null(check(24, 16, 0, 0, 4));
    assert_non_null(check(24, 16, 0, 0, 5));
    assert_non_null(check(25, 12, 0, 0, UINT32_MAX));
    assert_null(check(25, 268, 0, 0, 256));
    /* table: count at 0 */
    assert_null(check(5, 8 + 32, 1, 1, 0));
    assert_null(check(5, 8 + 64, 1, 1, 0));
    assert_non_null(check(5, 8 + 31, 1, 1, 0));
    assert_non_null(check(5, 264, 8, 9, 0));
    assert_non_null(check(5, 264, 8, 0x8000001, 0)); /* times 32 wraps to 32 */
    assert_non_null(check(5, 264, 7, 8, 0));
    /* bit 8 and a descriptor */
    for (uint32_t n = 12; n <= 14; n++) {
        assert_null(check(n, 8, 1, 3, 0));
        assert_null(check(n, 8, 0, 0x103, 0));
        assert_non_null(check(n, 8, 0, 3, 0));
        assert_non_null(check(n, 8, 1, 0x103, 0));
    }
}

static void answers(void **state)
{
    const struct vq_vhost_request_info *info = vq_vhost_request_info(31);
    struct vq_vhost_message m;

    (void)state;
    vq_vhost_message_init(&m, 31, VQ_VHOST_REPLY_FLAGS, 24);
    assert_null(vq_vhost_check_answer(info, 31, true, &m));
    assert_non_null(vq_vhost_check_answer(info, 31, false, &m));
    m.fd_count = 1;
    assert_null(vq_vhost_check_answer(info, 31, true, &m));
    m.fd_count = 2;
    assert_non_null(vq_vhost_check_answer(info, 31, true, &m));
    m.fd_count = 0;
    m.header.size = 19;
    assert_non_null(vq_vhost_check_answer(info, 31, true, &m));
    m.header.size = 24;
    m.header.request = 32;
    assert_non_null(vq_vhost_check_answer(info, 31, true, &m));
    static const uint32_t flags[] = {0x1, 0x4, 0xd, 0x15};
    for (unsigned i = 0; i < 4; i++) {
        vq_vhost_message_init(&m, 31, flags[i], 24);
        assert_non_null(vq_vhost_check_answer(info, 31, true, &m));
    }
    assert_int_equal(VQ_VHOST_REPLY_FLAGS, 5);
}

static void owned_descriptors(void **state)
{
    struct vq_vhost_message m;
    unsigned before = count_open_fds();

    (void)state;
    vq_vhost_message_init(&m, 1, VQ_VHOST_VERSION, 0);
    for (unsigned i = 0; i < 3; i++)
        m.fds[m.fd_count++] = dup(1);
    int fd = vq_vhost_message_take_fd(&m, 1);
    assert_true(fd >= 0);
    assert_int_equal(vq_vhost_message_take_fd(&m, 1), -1);
    assert_int_equal(vq_vhost_message_take_fd(&m, 3), -1);
    vq_vhost_message_close(&m);
    vq_vhost_message_close(&m);
    assert_int_equal(count_open_fds(), before + 1);
    (void)close(fd);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        VQ_TEST(request_table, "knows every request of a front end"),
        VQ_TEST(backend_table, "knows every request of a back end"),
        VQ_TEST(shapes, "judges payload sizes, counts and descriptors of a request"),
        VQ_TEST(answers, "judges answers"),
        VQ_TEST(owned_descriptors, "closes the descriptors that nobody took"),
    };
    return VQ_RUN(tests);
}
