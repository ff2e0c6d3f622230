/*
 * The device's end of PCI for somebody else's machine: serves one PCI function, a block
 * device of this library whose disk is a file, to QEMU's x-pci-proxy-dev, and so to the
 * drivers of the guest.
 *
 *     pci_remote DISK modern|transitional|legacy split|packed QUEUES -- PROGRAM ARGUMENT...
 *
 * starts PROGRAM with a socket as descriptor 3 and answers what comes there: accesses to
 * configuration space and BARs, by addresses of the machine, and where its memory is.
 * Ends with the program, and with its status.
 *
 * Messages are a command and a length of 8 bytes each, then what the command takes, with
 * descriptors beside the first; each access is answered. The interrupt line is an
 * eventfd.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vq/blk_device.h>
#include <vq/pci_device.h>

enum { QUEUES = 4, SIZE = 128, REGIONS = 8, HEADER = 16, CHILD_SOCKET = 3 };

enum command {
    SYNC_MEMORY,
    ANSWER,
    CONFIG_WRITE,
    CONFIG_READ,
    BAR_WRITE,
    BAR_READ,
    SET_INTERRUPT,
    RESET,
};

struct message {
    uint64_t command; /* 32 bits count */
    uint64_t bytes;
    union {
        uint64_t value;
        struct {
            uint32_t offset, value, bytes;
        } config;
        struct {
            uint64_t address, value;
            uint32_t bytes;
            bool memory;
        } bar;
        struct {
            uint64_t address[REGIONS], bytes[REGIONS], offset[REGIONS];
        } memory;
    } u;
};
_Static_assert(sizeof(struct message) == HEADER + 192, "as they are on the wire");

struct disk {
    struct vq_blk_lane lane;
    struct vq_blk_io *done[SIZE];
    unsigned count;
};

static struct {
    uint8_t *disk;
    uint64_t disk_bytes;
    struct disk lanes[QUEUES];
    struct vq_blk_device block;
    struct vq_region regions[REGIONS];
    struct vq_memory memory;
    struct vq_model_queue queues[QUEUES];
    struct vq_pci_device pci;
    int socket, interrupt;
    uint64_t interrupts;
} m;

static void die(const char *what)
{
    fprintf(stderr, "pci_remote: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* The disk: the file, mapped. */

static void disk_submit(struct vq_blk_lane *lane, struct vq_blk_io *const ios[], size_t count)
{
    struct disk *d = (struct disk *)(void *)lane;

    for (size_t i = 0; i < count; i++) {
        struct vq_blk_io *io = ios[i];
        uint8_t *at = m.disk + io->offset;

        for (uint32_t k = 0; k < io->segment_count; k++) {
            const struct vq_segment *s = &io->segments[k];
            if (io->type == VQ_BLK_IO_READ)
                memcpy(s->base, at, s->bytes);
            else
                memcpy(at, s->base, s->bytes);
            at += s->bytes;
        }
        io->result = VQ_OK;
        if (io->type == VQ_BLK_IO_FLUSH && msync(m.disk, m.disk_bytes, MS_SYNC) != 0)
            io->result = VQ_ERR_IO;
        d->done[d->count++] = io;
    }
}

static size_t disk_reap(struct vq_blk_lane *lane, struct vq_blk_io *ios[], size_t count, bool wait)
{
    struct disk *d = (struct disk *)(void *)lane;
    size_t n = 0;
    (void)wait;

    while (n < count && d->count != 0)
        ios[n++] = d->done[--d->count];
    return n;
}

static int disk_wait_fd(const struct vq_blk_lane *lane)
{
    (void)lane;
    return -1;
}

static const struct vq_blk_lane_ops disk_ops = {"mapped file", disk_submit, disk_reap,
                                                disk_wait_fd};

static void line(void *context, bool high)
{
    const uint64_t one = 1;
    (void)context;

    if (high && ++m.interrupts && m.interrupt >= 0 &&
        write(m.interrupt, &one, sizeof(one)) != sizeof(one))
        die("interrupt");
}

static void make_device(const char *path, const char *kind, bool packed, uint16_t queues)
{
    struct vq_blk_lane *lanes[QUEUES];
    struct vq_blk_device_config block = {
        .queue_count = queues, .queue_size = SIZE, .serial = "a remote function", .lanes = lanes};
    struct vq_pci_device_config pci = {.device = {.model = &m.block.model,
                                                  .memory = &m.memory,
                                                  .queues = m.queues,
                                                  .queue_count = queues},
                                       .kind = strcmp(kind, "modern") == 0 ? VQ_PCI_MODERN
                                               : strcmp(kind, "transitional") == 0
                                                   ? VQ_PCI_TRANSITIONAL
                                                   : VQ_PCI_LEGACY,
                                       .line = line};
    struct stat st;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    size_t bytes;
    void *memory;

    if (queues == 0 || queues > QUEUES) {
        fprintf(stderr, "pci_remote: 1 to %d queues\n", QUEUES);
        exit(2);
    }
    if (fd < 0 || fstat(fd, &st) != 0)
        die(path);
    m.disk_bytes = (uint64_t)st.st_size & ~UINT64_C(511);
    m.disk = mmap(NULL, m.disk_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (m.disk == MAP_FAILED)
        die(path);
    (void)close(fd);
    block.capacity = m.disk_bytes / 512;
    for (unsigned i = 0; i < queues; i++) {
        m.lanes[i].lane.ops = &disk_ops;
        lanes[i] = &m.lanes[i].lane;
    }
    if (!packed)
        vq_feature_set(&block.without, VQ_F_RING_PACKED);
    bytes = vq_blk_device_bytes(&block);
    memory = aligned_alloc(64, bytes);
    if (memory == NULL || vq_blk_device_init(&m.block, &block, memory, bytes) != VQ_OK ||
        vq_pci_device_init(&m.pci, &pci) != VQ_OK) {
        fprintf(stderr, "pci_remote: no device can be made of these arguments\n");
        exit(2);
    }
}

/* Memory came, went or moved. */
static void map_memory(const struct message *message, const int fds[], unsigned count)
{
    struct vq_region regions[REGIONS];

    vq_model_hold(&m.pci.state);
    for (uint32_t i = 0; i < m.memory.count; i++)
        (void)munmap(m.regions[i].host, m.regions[i].size);
    for (unsigned i = 0; i < count; i++) {
        void *p = mmap(NULL, message->u.memory.bytes[i], PROT_READ | PROT_WRITE, MAP_SHARED, fds[i],
                       (off_t)message->u.memory.offset[i]);
        if (p == MAP_FAILED)
            die("memory of the machine");
        regions[i] = (struct vq_region){message->u.memory.address[i], message->u.memory.bytes[i], p,
                                        VQ_READ | VQ_WRITE};
        (void)close(fds[i]);
    }
    /* By address. */
    for (unsigned i = 0; i < count; i++) {
        unsigned k = i;
        for (; k > 0 && m.regions[k - 1].address > regions[i].address; k--)
            m.regions[k] = m.regions[k - 1];
        m.regions[k] = regions[i];
    }
    if (vq_memory_init(&m.memory, m.regions, count) != VQ_OK) {
        fprintf(stderr, "pci_remote: the memory that came makes no sense\n");
        exit(1);
    }
    vq_model_release(&m.pci.state);
}

static uint64_t bar(const struct message *message, bool write)
{
    unsigned which;
    uint64_t offset;

    if (!vq_pci_device_decode(&m.pci, !message->u.bar.memory, message->u.bar.address,
                              message->u.bar.bytes, &which, &offset))
        return 0;
    if (!write)
        return vq_pci_device_bar_read(&m.pci, which, offset, message->u.bar.bytes);
    vq_pci_device_bar_write(&m.pci, which, offset, message->u.bar.bytes, message->u.bar.value);
    return 0;
}

static void answer(uint64_t value)
{
    struct message message = {.command = ANSWER, .bytes = 8, .u.value = value};

    if (send(m.socket, &message, HEADER + 8, MSG_NOSIGNAL) != HEADER + 8)
        die("answer");
}

static void handle(const struct message *message, const int fds[], unsigned count)
{
    switch ((uint32_t)message->command) {
    case SYNC_MEMORY:
        map_memory(message, fds, count);
        return;
    case SET_INTERRUPT:
        if (count == 2) {
            m.interrupt = fds[0];
            (void)close(fds[1]);
        }
        return;
    case CONFIG_WRITE:
        vq_pci_device_config_write(&m.pci, message->u.config.offset, message->u.config.bytes,
                                   message->u.config.value);
        answer(0);
        break;
    case CONFIG_READ:
        answer(
            vq_pci_device_config_read(&m.pci, message->u.config.offset, message->u.config.bytes));
        break;
    case BAR_WRITE:
        answer(bar(message, true));
        break;
    case BAR_READ:
        answer(bar(message, false));
        break;
    case RESET:
        vq_pci_device_bus_reset(&m.pci);
        answer(0);
        break;
    default:
        fprintf(stderr, "pci_remote: command %u is not known\n", (unsigned)message->command);
        exit(1);
    }
    (void)vq_model_run(&m.pci.state);
}

/* One message. False: the machine is gone. */
static bool receive(void)
{
    struct message message = {0};
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof(int) * REGIONS)];
    } control;
    struct iovec header = {&message, HEADER};
    struct msghdr msg = {.msg_iov = &header,
                         .msg_iovlen = 1,
                         .msg_control = &control,
                         .msg_controllen = sizeof(control)};
    int fds[REGIONS];
    unsigned count = 0;

    ssize_t n = recvmsg(m.socket, &msg, MSG_WAITALL | MSG_CMSG_CLOEXEC);
    if (n != HEADER)
        return false;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c != NULL; c = CMSG_NXTHDR(&msg, c))
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
            count = (unsigned)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
            memcpy(fds, CMSG_DATA(c), sizeof(int) * count);
        }
    if (message.bytes > sizeof(message.u)) {
        fprintf(stderr, "pci_remote: a message of %ju bytes\n", (uintmax_t)message.bytes);
        exit(1);
    }
    if (message.bytes != 0 &&
        recv(m.socket, &message.u, message.bytes, MSG_WAITALL) != (ssize_t)message.bytes)
        return false;
    handle(&message, fds, count);
    return true;
}

int main(int argc, char **argv)
{
    int ends[2], status = 1;
    pid_t child;

    if (argc < 7 || strcmp(argv[5], "--") != 0) {
        fprintf(stderr, "usage: pci_remote DISK modern|transitional|legacy split|packed QUEUES -- "
                        "PROGRAM ARGUMENT...\n");
        return 2;
    }
    m.interrupt = -1;
    make_device(argv[1], argv[2], strcmp(argv[3], "packed") == 0,
                (uint16_t)strtoul(argv[4], NULL, 10));
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        die("socket");
    child = fork();
    if (child < 0)
        die(argv[6]);
    if (child == 0) {
        if (ends[1] == CHILD_SOCKET ? fcntl(CHILD_SOCKET, F_SETFD, 0) == 0
                                    : dup2(ends[1], CHILD_SOCKET) == CHILD_SOCKET)
            (void)execvp(argv[6], argv + 6);
        die(argv[6]);
    }
    (void)close(ends[1]);
    m.socket = ends[0];
    while (receive())
        ;
    (void)waitpid(child, &status, 0);
    fprintf(stderr, "pci_remote: %ju requests, %ju interrupts, status %#x\n",
            (uintmax_t)vq_blk_device_served(&m.block), (uintmax_t)m.interrupts, m.pci.state.status);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
