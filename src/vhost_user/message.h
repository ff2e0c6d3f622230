/*
 * The vhost-user protocol as data: request numbers, protocol features, payload
 * layouts, and for each direction one table that says what a request carries, how
 * it is answered, what it needs, and when it may come. Both roles use it.
 *
 * Everything is in native byte order, as the protocol demands. Structures here
 * are laid out by the protocol, with static asserts; what is read from a peer is
 * judged by vq_vhost_check before a handler sees it.
 */
#ifndef VQ_VHOST_USER_MESSAGE_H
#define VQ_VHOST_USER_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VQ_VHOST_VERSION      0x1u
#define VQ_VHOST_VERSION_MASK 0x3u
#define VQ_VHOST_REPLY        0x4u
#define VQ_VHOST_NEED_REPLY   0x8u
/* What every reply carries, bit 3 clear: QEMU takes nothing else. */
#define VQ_VHOST_REPLY_FLAGS (VQ_VHOST_VERSION | VQ_VHOST_REPLY)

#define VQ_VHOST_FDS_MAX       8u
#define VQ_VHOST_TABLE_REGIONS 8u /* in one SET_MEM_TABLE */
#define VQ_VHOST_CONFIG_MAX    256u
#define VQ_VHOST_SHMEM_REGIONS 256u
/* No message of either direction is larger; a size field beyond it ends the connection. */
#define VQ_VHOST_PAYLOAD_MAX 4096u

/* Device feature bits that belong to the transport. */
enum {
    VQ_VHOST_F_LOG_ALL = 26,
    VQ_VHOST_F_PROTOCOL_FEATURES = 30,
};

enum vq_vhost_protocol_feature {
    VQ_VHOST_P_MQ = 0,
    VQ_VHOST_P_LOG_SHMFD = 1,
    VQ_VHOST_P_RARP = 2,
    VQ_VHOST_P_REPLY_ACK = 3,
    VQ_VHOST_P_MTU = 4,
    VQ_VHOST_P_BACKEND_REQ = 5,
    VQ_VHOST_P_CROSS_ENDIAN = 6,
    VQ_VHOST_P_CRYPTO_SESSION = 7,
    VQ_VHOST_P_PAGEFAULT = 8,
    VQ_VHOST_P_CONFIG = 9,
    VQ_VHOST_P_BACKEND_SEND_FD = 10,
    VQ_VHOST_P_HOST_NOTIFIER = 11,
    VQ_VHOST_P_INFLIGHT_SHMFD = 12,
    VQ_VHOST_P_RESET_DEVICE = 13,
    VQ_VHOST_P_INBAND_NOTIFICATIONS = 14,
    VQ_VHOST_P_CONFIGURE_MEM_SLOTS = 15,
    VQ_VHOST_P_STATUS = 16,
    VQ_VHOST_P_XEN_MMAP = 17,
    VQ_VHOST_P_SHARED_OBJECT = 18,
    VQ_VHOST_P_DEVICE_STATE = 19,
    VQ_VHOST_P_GET_VRING_BASE_INFLIGHT = 20,
    VQ_VHOST_P_GPA_ADDRESSES = 21,
    VQ_VHOST_P_SHMEM = 22,
    VQ_VHOST_P_GET_VRING_BASE_SKIP_DRAIN = 23,
};

#define VQ_VHOST_BIT(bit) (UINT64_C(1) << (bit))

/* Front end to back end, on the main socket. */
enum vq_vhost_request {
    VQ_VHOST_GET_FEATURES = 1,
    VQ_VHOST_SET_FEATURES = 2,
    VQ_VHOST_SET_OWNER = 3,
    VQ_VHOST_RESET_OWNER = 4,
    VQ_VHOST_SET_MEM_TABLE = 5,
    VQ_VHOST_SET_LOG_BASE = 6,
    VQ_VHOST_SET_LOG_FD = 7,
    VQ_VHOST_SET_VRING_NUM = 8,
    VQ_VHOST_SET_VRING_ADDR = 9,
    VQ_VHOST_SET_VRING_BASE = 10,
    VQ_VHOST_GET_VRING_BASE = 11,
    VQ_VHOST_SET_VRING_KICK = 12,
    VQ_VHOST_SET_VRING_CALL = 13,
    VQ_VHOST_SET_VRING_ERR = 14,
    VQ_VHOST_GET_PROTOCOL_FEATURES = 15,
    VQ_VHOST_SET_PROTOCOL_FEATURES = 16,
    VQ_VHOST_GET_QUEUE_NUM = 17,
    VQ_VHOST_SET_VRING_ENABLE = 18,
    VQ_VHOST_SEND_RARP = 19,
    VQ_VHOST_NET_SET_MTU = 20,
    VQ_VHOST_SET_BACKEND_REQ_FD = 21,
    VQ_VHOST_IOTLB_MSG = 22,
    VQ_VHOST_SET_VRING_ENDIAN = 23,
    VQ_VHOST_GET_CONFIG = 24,
    VQ_VHOST_SET_CONFIG = 25,
    VQ_VHOST_CREATE_CRYPTO_SESSION = 26,
    VQ_VHOST_CLOSE_CRYPTO_SESSION = 27,
    VQ_VHOST_POSTCOPY_ADVISE = 28,
    VQ_VHOST_POSTCOPY_LISTEN = 29,
    VQ_VHOST_POSTCOPY_END = 30,
    VQ_VHOST_GET_INFLIGHT_FD = 31,
    VQ_VHOST_SET_INFLIGHT_FD = 32,
    VQ_VHOST_GPU_SET_SOCKET = 33,
    VQ_VHOST_RESET_DEVICE = 34,
    VQ_VHOST_VRING_KICK = 35,
    VQ_VHOST_GET_MAX_MEM_SLOTS = 36,
    VQ_VHOST_ADD_MEM_REG = 37,
    VQ_VHOST_REM_MEM_REG = 38,
    VQ_VHOST_SET_STATUS = 39,
    VQ_VHOST_GET_STATUS = 40,
    VQ_VHOST_GET_SHARED_OBJECT = 41,
    VQ_VHOST_SET_DEVICE_STATE_FD = 42,
    VQ_VHOST_CHECK_DEVICE_STATE = 43,
    VQ_VHOST_GET_SHMEM_CONFIG = 44,
    VQ_VHOST_GET_VRING_BASE_SKIP_DRAIN = 45,
    VQ_VHOST_REQUEST_COUNT
};

/* Back end to front end, on the channel that SET_BACKEND_REQ_FD gave. */
enum vq_vhost_backend_request {
    VQ_VHOST_BACKEND_IOTLB_MSG = 1,
    VQ_VHOST_BACKEND_CONFIG_CHANGE = 2,
    VQ_VHOST_BACKEND_VRING_HOST_NOTIFIER = 3,
    VQ_VHOST_BACKEND_VRING_CALL = 4,
    VQ_VHOST_BACKEND_VRING_ERR = 5,
    VQ_VHOST_BACKEND_SHARED_OBJECT_ADD = 6,
    VQ_VHOST_BACKEND_SHARED_OBJECT_REMOVE = 7,
    VQ_VHOST_BACKEND_SHARED_OBJECT_LOOKUP = 8,
    VQ_VHOST_BACKEND_SHMEM_MAP = 9,
    VQ_VHOST_BACKEND_SHMEM_UNMAP = 10,
    VQ_VHOST_BACKEND_REQUEST_COUNT
};

struct vq_vhost_header {
    uint32_t request;
    uint32_t flags;
    uint32_t size; /* of the payload that follows */
};

struct vq_vhost_vring_state {
    uint32_t index;
    uint32_t num;
};

/* The u64 of SET_VRING_KICK, _CALL and _ERR. */
#define VQ_VHOST_VRING_INDEX UINT64_C(0xff)
#define VQ_VHOST_VRING_NO_FD UINT64_C(0x100)

#define VQ_VHOST_VRING_LOG 0x1u
struct vq_vhost_vring_addr {
    uint32_t index;
    uint32_t flags;
    uint64_t descriptor; /* user addresses, opaque to the back end */
    uint64_t used;
    uint64_t available;
    uint64_t log; /* means nothing unless VQ_VHOST_VRING_LOG is set */
};

struct vq_vhost_memory_region {
    uint64_t guest_address;
    uint64_t size;
    uint64_t user_address;
    uint64_t mmap_offset;
};

struct vq_vhost_memory_table {
    uint32_t count;
    uint32_t padding;
    struct vq_vhost_memory_region regions[VQ_VHOST_TABLE_REGIONS];
};

struct vq_vhost_single_region {
    uint64_t padding;
    struct vq_vhost_memory_region region;
};

struct vq_vhost_log {
    uint64_t size;
    uint64_t offset; /* in the file, where guest address 0 is logged */
};

#define VQ_VHOST_IOTLB_BYTES 26u /* what matters; 32 are sent */
struct vq_vhost_iotlb {
    uint64_t iova;
    uint64_t size;
    uint64_t user_address;
    uint8_t permission;
    uint8_t type;
    uint8_t padding[6];
};

#define VQ_VHOST_CONFIG_HEADER 12u
#define VQ_VHOST_CONFIG_MIGRATION                                                                  \
    0x1u /* flags of SET_CONFIG: fields read-only to the guest too                                 \
          */
struct vq_vhost_config {
    uint32_t offset;
    uint32_t size;
    uint32_t flags;
    uint8_t data[VQ_VHOST_CONFIG_MAX];
};

struct vq_vhost_vring_area {
    uint64_t value; /* as in SET_VRING_KICK */
    uint64_t size;
    uint64_t offset;
};

#define VQ_VHOST_INFLIGHT_BYTES 20u /* what matters; 24 are sent */
struct vq_vhost_inflight {
    uint64_t mmap_size;
    uint64_t mmap_offset;
    uint16_t queue_count;
    uint16_t queue_size;
    uint8_t padding[4];
};

struct vq_vhost_transfer {
    uint32_t direction;
    uint32_t phase;
};

struct vq_vhost_mmap {
    uint8_t shmid;
    uint8_t padding[7];
    uint64_t fd_offset;
    uint64_t shm_offset;
    uint64_t length;
    uint64_t flags;
};

struct vq_vhost_shmem_config {
    uint32_t count;
    uint32_t padding;
    uint64_t size[VQ_VHOST_SHMEM_REGIONS];
};

struct vq_vhost_message {
    struct vq_vhost_header header;
    /* Descriptors that came or go with the message; of those that came, the receiver of the
     * message owns each that is not -1. */
    uint32_t fd_count;
    int fds[VQ_VHOST_FDS_MAX];
    union {
        uint64_t u64;
        struct vq_vhost_vring_state state;
        struct vq_vhost_vring_addr addr;
        struct vq_vhost_memory_table memory;
        struct vq_vhost_single_region region;
        struct vq_vhost_log log;
        struct vq_vhost_iotlb iotlb;
        struct vq_vhost_config config;
        struct vq_vhost_vring_area area;
        struct vq_vhost_inflight inflight;
        struct vq_vhost_transfer transfer;
        struct vq_vhost_mmap mmap;
        struct vq_vhost_shmem_config shmem;
        uint8_t uuid[16];
        uint8_t bytes[VQ_VHOST_PAYLOAD_MAX];
    } payload;
};

/* How a request is answered. */
enum vq_vhost_answer {
    VQ_VHOST_ANSWER_ACK, /* by a u64, and only when need_reply asks for it under REPLY_ACK */
    VQ_VHOST_ANSWER_OWN, /* always, by a payload of its own */
    VQ_VHOST_ANSWER_LOG, /* always when LOG_SHMFD was negotiated, else as an ACK */
};

/* Which ring a request names, and how. */
enum vq_vhost_names {
    VQ_VHOST_NAMES_NONE,
    VQ_VHOST_NAMES_U32,  /* the first 32 bits of the payload */
    VQ_VHOST_NAMES_WORD, /* bits 0-7 of the u64; bit 8: no descriptor comes */
};

/* When a request may come. */
enum vq_vhost_when {
    VQ_VHOST_WHEN_ANY,
    VQ_VHOST_WHEN_STOPPED, /* only while the ring that it names is stopped */
    /* While rings run, only if it changes nothing that they depend on: its handler knows. */
    VQ_VHOST_WHEN_SAME,
};

#define VQ_VHOST_ALWAYS (-1)

struct vq_vhost_request_info {
    const char *name;
    uint16_t size_min; /* of the payload */
    uint16_t size_max;
    uint8_t fds_min;
    uint8_t fds_max;
    uint8_t answer; /* enum vq_vhost_answer */
    uint8_t names;  /* enum vq_vhost_names */
    uint8_t when;   /* enum vq_vhost_when */
    /* Of the message that answers, when it is one of its own. */
    uint8_t answer_fds_max;
    uint16_t answer_min;
    uint16_t answer_max;
    int8_t protocol_feature; /* that must have been negotiated, or VQ_VHOST_ALWAYS */
    int8_t feature;          /* device feature that must have been negotiated, or VQ_VHOST_ALWAYS */
};

/* NULL for a number that the protocol does not know. */
const struct vq_vhost_request_info *vq_vhost_request_info(uint32_t request);
const struct vq_vhost_request_info *vq_vhost_backend_request_info(uint32_t request);

/*
 * Judges the shape of a request: payload size, the relations inside the payload
 * that decide how far it may be read (region count, config size), and the number
 * of descriptors. NULL when it is well, else what is wrong, for people.
 */
const char *vq_vhost_check(const struct vq_vhost_request_info *info,
                           const struct vq_vhost_message *message);

/* The same for the message that answers `request` of `info`: header, size, descriptors. */
const char *vq_vhost_check_answer(const struct vq_vhost_request_info *info, uint32_t request,
                                  bool own, const struct vq_vhost_message *answer);

/* Empties a message and makes a request or a reply of it. */
void vq_vhost_message_init(struct vq_vhost_message *message, uint32_t request, uint32_t flags,
                           uint32_t size);

/* Closes the descriptors that are still in a message. */
void vq_vhost_message_close(struct vq_vhost_message *message);

/* Takes a descriptor out of a message: the caller owns it. -1 if there is none. */
int vq_vhost_message_take_fd(struct vq_vhost_message *message, uint32_t index);

#endif
