/*
 * The two tables of the protocol, and the judgement of a message's shape by them.
 *
 * A payload is judged here for everything that decides how far it may be read;
 * what its values mean is judged by whoever handles the request.
 */
#include <string.h>
#include <unistd.h>

#include "message.h"

_Static_assert(sizeof(struct vq_vhost_header) == 12, "header");
_Static_assert(sizeof(struct vq_vhost_vring_state) == 8, "vring state");
_Static_assert(sizeof(struct vq_vhost_vring_addr) == 40, "vring address");
_Static_assert(offsetof(struct vq_vhost_vring_addr, descriptor) == 8, "vring address");
_Static_assert(offsetof(struct vq_vhost_vring_addr, used) == 16, "used comes before available");
_Static_assert(offsetof(struct vq_vhost_vring_addr, available) == 24, "vring address");
_Static_assert(offsetof(struct vq_vhost_vring_addr, log) == 32, "vring address");
_Static_assert(sizeof(struct vq_vhost_memory_region) == 32, "region");
_Static_assert(offsetof(struct vq_vhost_memory_region, size) == 8, "region");
_Static_assert(offsetof(struct vq_vhost_memory_region, user_address) == 16, "region");
_Static_assert(offsetof(struct vq_vhost_memory_region, mmap_offset) == 24, "region");
_Static_assert(sizeof(struct vq_vhost_memory_table) == 8 + 8 * 32, "memory table");
_Static_assert(sizeof(struct vq_vhost_single_region) == 40, "single region");
_Static_assert(sizeof(struct vq_vhost_log) == 16, "log");
_Static_assert(offsetof(struct vq_vhost_iotlb, permission) == 24, "iotlb");
_Static_assert(offsetof(struct vq_vhost_iotlb, type) == 25, "iotlb");
_Static_assert(sizeof(struct vq_vhost_iotlb) == 32, "iotlb");
_Static_assert(offsetof(struct vq_vhost_config, data) == VQ_VHOST_CONFIG_HEADER, "config");
_Static_assert(sizeof(struct vq_vhost_vring_area) == 24, "vring area");
_Static_assert(offsetof(struct vq_vhost_inflight, queue_size) == 18, "inflight");
_Static_assert(sizeof(struct vq_vhost_inflight) == 24, "inflight");
_Static_assert(sizeof(struct vq_vhost_transfer) == 8, "transfer");
_Static_assert(sizeof(struct vq_vhost_mmap) == 40, "mmap");
_Static_assert(offsetof(struct vq_vhost_mmap, fd_offset) == 8, "mmap");
_Static_assert(sizeof(struct vq_vhost_shmem_config) == 2056, "shmem config");
_Static_assert(offsetof(struct vq_vhost_message, payload) % 8 == 0, "payload is aligned");

#define NEEDS_NOTHING .protocol_feature = VQ_VHOST_ALWAYS, .feature = VQ_VHOST_ALWAYS
#define NEEDS(bit)    .protocol_feature = VQ_VHOST_P_##bit, .feature = VQ_VHOST_ALWAYS
#define NEEDS_F(bit)  .protocol_feature = VQ_VHOST_ALWAYS, .feature = (bit)
#define SIZE(n)       .size_min = (n), .size_max = (n)
#define SIZES(lo, hi) .size_min = (lo), .size_max = (hi)
#define FDS(lo, hi)   .fds_min = (lo), .fds_max = (hi)
#define OWN(lo, hi)   .answer = VQ_VHOST_ANSWER_OWN, .answer_min = (lo), .answer_max = (hi)
#define NAMES_RING    .names = VQ_VHOST_NAMES_U32
#define WORD_FD       SIZE(8), FDS(0, 1), .names = VQ_VHOST_NAMES_WORD

/* The acknowledgement is the answer of all that say nothing else. */
static const struct vq_vhost_request_info requests[VQ_VHOST_REQUEST_COUNT] = {
    [VQ_VHOST_GET_FEATURES] = {"GET_FEATURES", OWN(8, 8), NEEDS_NOTHING},
    [VQ_VHOST_SET_FEATURES] = {"SET_FEATURES", SIZE(8), .when = VQ_VHOST_WHEN_SAME, NEEDS_NOTHING},
    [VQ_VHOST_SET_OWNER] = {"SET_OWNER", NEEDS_NOTHING},
    [VQ_VHOST_RESET_OWNER] = {"RESET_OWNER", NEEDS_NOTHING},
    [VQ_VHOST_SET_MEM_TABLE] = {"SET_MEM_TABLE", SIZES(8, 8 + 8 * 32), FDS(0, 8), NEEDS_NOTHING},
    [VQ_VHOST_SET_LOG_BASE] = {"SET_LOG_BASE", SIZES(8, 16), FDS(0, 1),
                               .answer = VQ_VHOST_ANSWER_LOG, .answer_max = 8, NEEDS_NOTHING},
    [VQ_VHOST_SET_LOG_FD] = {"SET_LOG_FD", SIZES(0, 8), FDS(1, 1), NEEDS_NOTHING},
    [VQ_VHOST_SET_VRING_NUM] = {"SET_VRING_NUM", SIZE(8), NAMES_RING, .when = VQ_VHOST_WHEN_STOPPED,
                                NEEDS_NOTHING},
    [VQ_VHOST_SET_VRING_ADDR] = {"SET_VRING_ADDR", SIZE(40), NAMES_RING, .when = VQ_VHOST_WHEN_SAME,
                                 NEEDS_NOTHING},
    [VQ_VHOST_SET_VRING_BASE] = {"SET_VRING_BASE", SIZE(8), NAMES_RING,
                                 .when = VQ_VHOST_WHEN_STOPPED, NEEDS_NOTHING},
    [VQ_VHOST_GET_VRING_BASE] = {"GET_VRING_BASE", SIZE(8), NAMES_RING, OWN(8, 8), NEEDS_NOTHING},
    [VQ_VHOST_SET_VRING_KICK] = {"SET_VRING_KICK", WORD_FD, NEEDS_NOTHING},
    [VQ_VHOST_SET_VRING_CALL] = {"SET_VRING_CALL", WORD_FD, NEEDS_NOTHING},
    [VQ_VHOST_SET_VRING_ERR] = {"SET_VRING_ERR", WORD_FD, NEEDS_NOTHING},
    /* These two need bit 30 offered, not acknowledged. */
    [VQ_VHOST_GET_PROTOCOL_FEATURES] = {"GET_PROTOCOL_FEATURES", OWN(8, 8), NEEDS_NOTHING},
    [VQ_VHOST_SET_PROTOCOL_FEATURES] = {"SET_PROTOCOL_FEATURES", SIZE(8), NEEDS_NOTHING},
    [VQ_VHOST_GET_QUEUE_NUM] = {"GET_QUEUE_NUM", OWN(8, 8), NEEDS(MQ)},
    [VQ_VHOST_SET_VRING_ENABLE] = {"SET_VRING_ENABLE", SIZE(8), NAMES_RING,
                                   NEEDS_F(VQ_VHOST_F_PROTOCOL_FEATURES)},
    [VQ_VHOST_SEND_RARP] = {"SEND_RARP", SIZE(8), NEEDS(RARP)},
    [VQ_VHOST_NET_SET_MTU] = {"NET_SET_MTU", SIZE(8), NEEDS(MTU)},
    [VQ_VHOST_SET_BACKEND_REQ_FD] = {"SET_BACKEND_REQ_FD", FDS(1, 1), NEEDS(BACKEND_REQ)},
    [VQ_VHOST_IOTLB_MSG] = {"IOTLB_MSG", SIZES(VQ_VHOST_IOTLB_BYTES, 32), OWN(8, 8), NEEDS_F(33)},
    [VQ_VHOST_SET_VRING_ENDIAN] = {"SET_VRING_ENDIAN", SIZE(8), NAMES_RING,
                                   .when = VQ_VHOST_WHEN_STOPPED, NEEDS(CROSS_ENDIAN)},
    [VQ_VHOST_GET_CONFIG] = {"GET_CONFIG", SIZES(12, 12 + VQ_VHOST_CONFIG_MAX),
                             OWN(0, 12 + VQ_VHOST_CONFIG_MAX), NEEDS(CONFIG)},
    [VQ_VHOST_SET_CONFIG] = {"SET_CONFIG", SIZES(12, 12 + VQ_VHOST_CONFIG_MAX), NEEDS(CONFIG)},
    [VQ_VHOST_CREATE_CRYPTO_SESSION] = {"CREATE_CRYPTO_SESSION", SIZES(8, VQ_VHOST_PAYLOAD_MAX),
                                        OWN(8, VQ_VHOST_PAYLOAD_MAX), NEEDS(CRYPTO_SESSION)},
    [VQ_VHOST_CLOSE_CRYPTO_SESSION] = {"CLOSE_CRYPTO_SESSION", SIZE(8), NEEDS(CRYPTO_SESSION)},
    [VQ_VHOST_POSTCOPY_ADVISE] = {"POSTCOPY_ADVISE", OWN(0, 8), .answer_fds_max = 1,
                                  NEEDS(PAGEFAULT)},
    [VQ_VHOST_POSTCOPY_LISTEN] = {"POSTCOPY_LISTEN", NEEDS(PAGEFAULT)},
    [VQ_VHOST_POSTCOPY_END] = {"POSTCOPY_END", OWN(8, 8), NEEDS(PAGEFAULT)},
    [VQ_VHOST_GET_INFLIGHT_FD] = {"GET_INFLIGHT_FD", SIZES(VQ_VHOST_INFLIGHT_BYTES, 24),
                                  OWN(VQ_VHOST_INFLIGHT_BYTES, 24), .answer_fds_max = 1,
                                  NEEDS(INFLIGHT_SHMFD)},
    [VQ_VHOST_SET_INFLIGHT_FD] = {"SET_INFLIGHT_FD", SIZES(VQ_VHOST_INFLIGHT_BYTES, 24), FDS(1, 1),
                                  NEEDS(INFLIGHT_SHMFD)},
    [VQ_VHOST_GPU_SET_SOCKET] = {"GPU_SET_SOCKET", FDS(1, 1), NEEDS_NOTHING},
    [VQ_VHOST_RESET_DEVICE] = {"RESET_DEVICE", NEEDS(RESET_DEVICE)},
    [VQ_VHOST_VRING_KICK] = {"VRING_KICK", SIZE(8), NAMES_RING, NEEDS(INBAND_NOTIFICATIONS)},
    [VQ_VHOST_GET_MAX_MEM_SLOTS] = {"GET_MAX_MEM_SLOTS", OWN(8, 8), NEEDS(CONFIGURE_MEM_SLOTS)},
    [VQ_VHOST_ADD_MEM_REG] = {"ADD_MEM_REG", SIZE(40), FDS(1, 1), NEEDS(CONFIGURE_MEM_SLOTS)},
    /* Old front ends attach the region's descriptor; it is closed unused. */
    [VQ_VHOST_REM_MEM_REG] = {"REM_MEM_REG", SIZE(40), FDS(0, 1), NEEDS(CONFIGURE_MEM_SLOTS)},
    [VQ_VHOST_SET_STATUS] = {"SET_STATUS", SIZE(8), NEEDS(STATUS)},
    [VQ_VHOST_GET_STATUS] = {"GET_STATUS", OWN(8, 8), NEEDS(STATUS)},
    [VQ_VHOST_GET_SHARED_OBJECT] = {"GET_SHARED_OBJECT", SIZE(16), OWN(0, 16), .answer_fds_max = 1,
                                    NEEDS(SHARED_OBJECT)},
    [VQ_VHOST_SET_DEVICE_STATE_FD] = {"SET_DEVICE_STATE_FD", SIZE(8), FDS(1, 1), OWN(8, 8),
                                      .answer_fds_max = 1, NEEDS(DEVICE_STATE)},
    [VQ_VHOST_CHECK_DEVICE_STATE] = {"CHECK_DEVICE_STATE", OWN(8, 8), NEEDS(DEVICE_STATE)},
    [VQ_VHOST_GET_SHMEM_CONFIG] = {"GET_SHMEM_CONFIG",
                                   OWN(sizeof(struct vq_vhost_shmem_config),
                                       sizeof(struct vq_vhost_shmem_config)),
                                   NEEDS(SHMEM)},
    [VQ_VHOST_GET_VRING_BASE_SKIP_DRAIN] = {"GET_VRING_BASE_SKIP_DRAIN", SIZE(8), NAMES_RING,
                                            OWN(8, 8), NEEDS(GET_VRING_BASE_SKIP_DRAIN)},
};

static const struct vq_vhost_request_info backend_requests[VQ_VHOST_BACKEND_REQUEST_COUNT] = {
    [VQ_VHOST_BACKEND_IOTLB_MSG] = {"IOTLB_MSG", SIZES(VQ_VHOST_IOTLB_BYTES, 32), NEEDS_F(33)},
    [VQ_VHOST_BACKEND_CONFIG_CHANGE] = {"CONFIG_CHANGE_MSG", NEEDS(CONFIG)},
    [VQ_VHOST_BACKEND_VRING_HOST_NOTIFIER] = {"VRING_HOST_NOTIFIER_MSG", SIZE(24), FDS(0, 1),
                                              .names = VQ_VHOST_NAMES_WORD, NEEDS(HOST_NOTIFIER)},
    [VQ_VHOST_BACKEND_VRING_CALL] = {"VRING_CALL", SIZE(8), NAMES_RING,
                                     NEEDS(INBAND_NOTIFICATIONS)},
    [VQ_VHOST_BACKEND_VRING_ERR] = {"VRING_ERR", SIZE(8), NAMES_RING, NEEDS(INBAND_NOTIFICATIONS)},
    [VQ_VHOST_BACKEND_SHARED_OBJECT_ADD] = {"SHARED_OBJECT_ADD", SIZE(16), NEEDS(SHARED_OBJECT)},
    [VQ_VHOST_BACKEND_SHARED_OBJECT_REMOVE] = {"SHARED_OBJECT_REMOVE", SIZE(16),
                                               NEEDS(SHARED_OBJECT)},
    [VQ_VHOST_BACKEND_SHARED_OBJECT_LOOKUP] = {"SHARED_OBJECT_LOOKUP", SIZE(16), OWN(8, 8),
                                               .answer_fds_max = 1, NEEDS(SHARED_OBJECT)},
    [VQ_VHOST_BACKEND_SHMEM_MAP] = {"SHMEM_MAP", SIZE(40), FDS(1, 1), NEEDS(SHMEM)},
    [VQ_VHOST_BACKEND_SHMEM_UNMAP] = {"SHMEM_UNMAP", SIZE(40), NEEDS(SHMEM)},
};

const struct vq_vhost_request_info *vq_vhost_request_info(uint32_t request)
{
    if (request >= VQ_VHOST_REQUEST_COUNT || requests[request].name == NULL)
        return NULL;
    return &requests[request];
}

const struct vq_vhost_request_info *vq_vhost_backend_request_info(uint32_t request)
{
    if (request >= VQ_VHOST_BACKEND_REQUEST_COUNT || backend_requests[request].name == NULL)
        return NULL;
    return &backend_requests[request];
}

/* More slots than the count are legal: User-mode Linux always sends its whole table. */
static const char *check_memory_table(const struct vq_vhost_message *message)
{
    uint32_t count = message->payload.memory.count;

    if (count == 0 || count > VQ_VHOST_TABLE_REGIONS)
        return "region count outside 1 to 8";
    if (message->header.size < 8 + count * sizeof(struct vq_vhost_memory_region))
        return "fewer regions than the count says";
    if (message->fd_count != count)
        return "not one descriptor a region";
    return NULL;
}

const char *vq_vhost_check(const struct vq_vhost_request_info *info,
                           const struct vq_vhost_message *message)
{
    if (message->header.size < info->size_min)
        return "payload too short";
    if (message->header.size > info->size_max)
        return "payload too long";
    if (message->fd_count < info->fds_min)
        return "descriptor missing";
    if (message->fd_count > info->fds_max)
        return "more descriptors than the request has";
    if (info->names == VQ_VHOST_NAMES_WORD) {
        bool no_fd = (message->payload.u64 & VQ_VHOST_VRING_NO_FD) != 0;
        if (no_fd != (message->fd_count == 0))
            return "bit 8 and the number of descriptors disagree";
    }
    if (info == &requests[VQ_VHOST_SET_MEM_TABLE])
        return check_memory_table(message);
    if (info == &requests[VQ_VHOST_GET_CONFIG] || info == &requests[VQ_VHOST_SET_CONFIG]) {
        if (message->payload.config.size != message->header.size - VQ_VHOST_CONFIG_HEADER)
            return "config size and payload size disagree";
    }
    return NULL;
}

const char *vq_vhost_check_answer(const struct vq_vhost_request_info *info, uint32_t request,
                                  bool own, const struct vq_vhost_message *answer)
{
    uint32_t least = own ? info->answer_min : 8;
    uint32_t most = own ? info->answer_max : 8;

    if (answer->header.request != request)
        return "answer to another request";
    if (answer->header.flags != VQ_VHOST_REPLY_FLAGS)
        return "answer with wrong flags";
    if (answer->header.size < least)
        return "answer too short";
    if (answer->header.size > most)
        return "answer too long";
    if (answer->fd_count > (own ? info->answer_fds_max : 0))
        return "more descriptors than the answer has";
    return NULL;
}

void vq_vhost_message_init(struct vq_vhost_message *message, uint32_t request, uint32_t flags,
                           uint32_t size)
{
    memset(message, 0, sizeof *message);
    message->header.request = request;
    message->header.flags = flags;
    message->header.size = size;
    for (uint32_t i = 0; i < VQ_VHOST_FDS_MAX; i++)
        message->fds[i] = -1;
}

void vq_vhost_message_close(struct vq_vhost_message *message)
{
    for (uint32_t i = 0; i < message->fd_count; i++) {
        if (message->fds[i] >= 0)
            (void)close(message->fds[i]);
        message->fds[i] = -1;
    }
    message->fd_count = 0;
}

int vq_vhost_message_take_fd(struct vq_vhost_message *message, uint32_t index)
{
    int fd = -1;

    if (index < message->fd_count) {
        fd = message->fds[index];
        message->fds[index] = -1;
    }
    return fd;
}
