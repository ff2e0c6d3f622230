/*
 * The block device on the wire (virtio 1.4, section 5.2): feature bits, the
 * configuration space, the request. Both ends of the device use these.
 *
 * Every number is little-endian, but in the native order of the driver when
 * VERSION_1 was not negotiated (legacy); ranges, which are data, are little-endian
 * even then. The structs state the layout; shared
 * memory is reached through loads and stores of single fields, never by
 * overlaying them.
 */
#ifndef VQ_BLK_H
#define VQ_BLK_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VQ_BLK_DEVICE_ID    2u
#define VQ_BLK_SECTOR_SHIFT 9u
#define VQ_BLK_SECTOR_BYTES 512u /* the unit of every sector number, whatever blk_size says */

/* Feature bits of the type. */
enum {
    VQ_BLK_F_BARRIER = 0, /* legacy only */
    VQ_BLK_F_SIZE_MAX = 1,
    VQ_BLK_F_SEG_MAX = 2,
    VQ_BLK_F_GEOMETRY = 4,
    VQ_BLK_F_RO = 5,
    VQ_BLK_F_BLK_SIZE = 6,
    VQ_BLK_F_SCSI = 7,  /* legacy only */
    VQ_BLK_F_FLUSH = 9, /* legacy drivers know it as WCE */
    VQ_BLK_F_TOPOLOGY = 10,
    VQ_BLK_F_CONFIG_WCE = 11,
    VQ_BLK_F_MQ = 12,
    VQ_BLK_F_DISCARD = 13,
    VQ_BLK_F_WRITE_ZEROES = 14,
    VQ_BLK_F_LIFETIME = 15,
    VQ_BLK_F_SECURE_ERASE = 16,
    VQ_BLK_F_ZONED = 17,
};

/* Configuration space, in bytes from its start. A device may show less of it. */
enum {
    VQ_BLK_CONFIG_CAPACITY = 0,                       /* u64, sectors */
    VQ_BLK_CONFIG_SIZE_MAX = 8,                       /* u32, bytes; SIZE_MAX */
    VQ_BLK_CONFIG_SEG_MAX = 12,                       /* u32; SEG_MAX */
    VQ_BLK_CONFIG_CYLINDERS = 16,                     /* u16; GEOMETRY */
    VQ_BLK_CONFIG_HEADS = 18,                         /* u8 */
    VQ_BLK_CONFIG_SECTORS = 19,                       /* u8 */
    VQ_BLK_CONFIG_BLK_SIZE = 20,                      /* u32, bytes; BLK_SIZE */
    VQ_BLK_CONFIG_PHYSICAL_BLOCK_EXP = 24,            /* u8, log2 of blocks; TOPOLOGY */
    VQ_BLK_CONFIG_ALIGNMENT_OFFSET = 25,              /* u8, blocks */
    VQ_BLK_CONFIG_MIN_IO_SIZE = 26,                   /* u16, blocks */
    VQ_BLK_CONFIG_OPT_IO_SIZE = 28,                   /* u32, blocks */
    VQ_BLK_CONFIG_WRITEBACK = 32,                     /* u8, may be written; CONFIG_WCE */
    VQ_BLK_CONFIG_NUM_QUEUES = 34,                    /* u16; MQ */
    VQ_BLK_CONFIG_MAX_DISCARD_SECTORS = 36,           /* u32; DISCARD */
    VQ_BLK_CONFIG_MAX_DISCARD_SEG = 40,               /* u32 */
    VQ_BLK_CONFIG_DISCARD_SECTOR_ALIGNMENT = 44,      /* u32, sectors */
    VQ_BLK_CONFIG_MAX_WRITE_ZEROES_SECTORS = 48,      /* u32; WRITE_ZEROES */
    VQ_BLK_CONFIG_MAX_WRITE_ZEROES_SEG = 52,          /* u32 */
    VQ_BLK_CONFIG_WRITE_ZEROES_MAY_UNMAP = 56,        /* u8 */
    VQ_BLK_CONFIG_MAX_SECURE_ERASE_SECTORS = 60,      /* u32; SECURE_ERASE */
    VQ_BLK_CONFIG_MAX_SECURE_ERASE_SEG = 64,          /* u32 */
    VQ_BLK_CONFIG_SECURE_ERASE_SECTOR_ALIGNMENT = 68, /* u32, sectors */
    VQ_BLK_CONFIG_ZONED = 72,                         /* six u32 and a u8; ZONED */
    VQ_BLK_CONFIG_ZONED_MODEL = 92,                   /* u8 */
    VQ_BLK_CONFIG_SIZE = 96,
};

enum {
    VQ_BLK_ZONED_NONE = 0,
    VQ_BLK_ZONED_HOST_MANAGED = 1,
    VQ_BLK_ZONED_HOST_AWARE = 2,
};

/* What a request asks for. */
enum {
    VQ_BLK_T_IN = 0,
    VQ_BLK_T_OUT = 1,
    VQ_BLK_T_SCSI_CMD = 2,     /* legacy only */
    VQ_BLK_T_SCSI_CMD_OUT = 3, /* legacy only */
    VQ_BLK_T_FLUSH = 4,
    VQ_BLK_T_FLUSH_OUT = 5, /* legacy only, means FLUSH */
    VQ_BLK_T_GET_ID = 8,
    VQ_BLK_T_GET_LIFETIME = 10,
    VQ_BLK_T_DISCARD = 11,
    VQ_BLK_T_WRITE_ZEROES = 13,
    VQ_BLK_T_SECURE_ERASE = 14,
    VQ_BLK_T_ZONE_APPEND = 15,
    VQ_BLK_T_ZONE_REPORT = 16,
    VQ_BLK_T_ZONE_OPEN = 18,
    VQ_BLK_T_ZONE_CLOSE = 20,
    VQ_BLK_T_ZONE_FINISH = 22,
    VQ_BLK_T_ZONE_RESET = 24,
    VQ_BLK_T_ZONE_RESET_ALL = 26,
};
#define VQ_BLK_T_BARRIER UINT32_C(0x80000000) /* legacy only: a flag beside the type */

/* The last writable byte of a request. */
enum {
    VQ_BLK_S_OK = 0,
    VQ_BLK_S_IOERR = 1,
    VQ_BLK_S_UNSUPP = 2,
    VQ_BLK_S_ZONE_INVALID_CMD = 3,
    VQ_BLK_S_ZONE_UNALIGNED_WP = 4,
    VQ_BLK_S_ZONE_OPEN_RESOURCE = 5,
    VQ_BLK_S_ZONE_ACTIVE_RESOURCE = 6,
};

/* First readable bytes of every request. */
struct vq_blk_header {
    uint32_t type;
    uint32_t reserved; /* legacy: I/O priority */
    uint64_t sector;   /* 0 where the type has no use for it */
};

/* Data of DISCARD, WRITE_ZEROES and SECURE_ERASE: one or more of these. */
struct vq_blk_range {
    uint64_t sector;
    uint32_t sectors;
    uint32_t flags;
};
#define VQ_BLK_RANGE_UNMAP UINT32_C(1) /* WRITE_ZEROES only */

#define VQ_BLK_HEADER_BYTES 16u
#define VQ_BLK_RANGE_BYTES  16u
#define VQ_BLK_ID_BYTES     20u /* data of GET_ID: text, without a final NUL if it is that long */
#define VQ_BLK_STATUS_BYTES 1u

#ifdef __cplusplus
#define VQ_BLK_ASSERT(what) static_assert(what, #what)
#else
#define VQ_BLK_ASSERT(what) _Static_assert(what, #what)
#endif
VQ_BLK_ASSERT(sizeof(struct vq_blk_header) == VQ_BLK_HEADER_BYTES);
VQ_BLK_ASSERT(offsetof(struct vq_blk_header, reserved) == 4);
VQ_BLK_ASSERT(offsetof(struct vq_blk_header, sector) == 8);
VQ_BLK_ASSERT(sizeof(struct vq_blk_range) == VQ_BLK_RANGE_BYTES);
VQ_BLK_ASSERT(offsetof(struct vq_blk_range, sectors) == 8);
VQ_BLK_ASSERT(offsetof(struct vq_blk_range, flags) == 12);
#undef VQ_BLK_ASSERT

#ifdef __cplusplus
}
#endif
#endif
