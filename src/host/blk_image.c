/*
 * Opens an image file or block device: finds its size, locks it so that no two
 * servers write the same image, and gives it to an engine.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "blk_file.h"

#define LOCK_PAUSE_MS 10
#define LOCK_WAIT_MS  1000

struct vq_blk_image {
    struct vq_blk_backend backend;
    struct vq_blk_file file;
    struct vq_blk_uring *uring;
    struct vq_blk_threads *threads;
};

/* Not left to close: a ring that had the file goes on holding it for a while. */
static void unlock(int fd)
{
    struct flock l = {.l_type = F_UNLCK, .l_whence = SEEK_SET};

    (void)fcntl(fd, F_OFD_SETLK, &l);
}

static void close_image(struct vq_blk_backend *backend)
{
    struct vq_blk_image *image = (struct vq_blk_image *)backend;

    vq_blk_uring_close(image->uring);
    vq_blk_threads_close(image->threads);
    unlock(image->file.fd);
    (void)close(image->file.fd);
    free(image);
}

static const char *advice(int number)
{
    switch (number) {
    case ENOENT:
        return "; make it first, for example: truncate -s 1G FILE";
    case EACCES:
    case EPERM:
    case EROFS:
        return "; make it writable, or serve it read-only";
    case EBUSY:
        return "; it is mounted or in use: unmount it first";
    default:
        return "";
    }
}

/* Looks before it opens: opening a pipe would wait, opening a device can do things. */
static int open_checked(const struct vq_blk_backend_options *o, struct stat *st,
                        const struct vq_blk_error *error)
{
    int flags = O_CLOEXEC | O_NOCTTY | (o->read_only ? O_RDONLY : O_RDWR);
    int fd;

    if (!o->path || stat(o->path, st) != 0) {
        vq_blk_say(error, "cannot open %s: %s%s", o->path ? o->path : "an image without a name",
                   strerror(errno), advice(errno));
        return -1;
    }
    if (!S_ISREG(st->st_mode) && !S_ISBLK(st->st_mode)) {
        vq_blk_say(error, "%s is neither a file nor a block device; name an image", o->path);
        return -1;
    }
    if (S_ISBLK(st->st_mode) && !o->read_only && !o->no_lock)
        flags |= O_EXCL; /* refuses a mounted disk */
    fd = open(o->path, flags);
    if (fd < 0 || fstat(fd, st) != 0) {
        vq_blk_say(error, "cannot open %s: %s%s", o->path, strerror(errno), advice(errno));
        if (fd >= 0)
            (void)close(fd);
        return -1;
    }
    return fd;
}

/*
 * A lock that belongs to this opening: it also keeps two servers in one process
 * apart. The kernel takes its time over the rings of a server that was killed, and
 * they keep its lock: who starts the next one at once should not be refused.
 */
static bool lock(int fd, const struct vq_blk_backend_options *o, const struct vq_blk_error *error)
{
    const struct timespec pause = {0, LOCK_PAUSE_MS * 1000000L};
    unsigned waited = 0;
    struct flock l = {.l_type = o->read_only ? F_RDLCK : F_WRLCK, .l_whence = SEEK_SET};

    if (o->no_lock)
        return true;
    while (fcntl(fd, F_OFD_SETLK, &l) != 0) {
        if (errno != EAGAIN && errno != EACCES) {
            vq_blk_say(error, "cannot lock %s: %s; put it on a file system that has locks", o->path,
                       strerror(errno));
            return false;
        }
        if (o->wait_for_lock ? !o->wait_for_lock(o->context, waited) : waited >= LOCK_WAIT_MS) {
            vq_blk_say(error,
                       "%s is in use by another process, which holds a lock on it; stop that one, "
                       "or open it read-only in both",
                       o->path);
            return false;
        }
        (void)nanosleep(&pause, NULL);
        waited += LOCK_PAUSE_MS;
    }
    return true;
}

static bool measure(int fd, const struct stat *st, struct vq_blk_backend *backend,
                    const struct vq_blk_backend_options *o, const struct vq_blk_error *error)
{
    uint64_t bytes = (uint64_t)st->st_size;
    int block = VQ_BLK_SECTOR_BYTES;

    if (S_ISBLK(st->st_mode) &&
        (ioctl(fd, BLKGETSIZE64, &bytes) != 0 || ioctl(fd, BLKSSZGET, &block) != 0)) {
        vq_blk_say(error, "cannot find the size of %s: %s", o->path, strerror(errno));
        return false;
    }
    /* What is left over of a last sector is never shown. */
    backend->bytes = bytes & ~(uint64_t)(VQ_BLK_SECTOR_BYTES - 1);
    backend->block_size = (uint32_t)block;
    if (backend->bytes == 0) {
        vq_blk_say(error, "%s has no 512 bytes; give it a size, for example: truncate -s 1G %s",
                   o->path, o->path);
        return false;
    }
    return true;
}

static bool start_engine(struct vq_blk_image *image, const struct vq_blk_backend_options *o,
                         const struct vq_blk_error *error)
{
    if (!vq_blk_lanes_make(&image->backend, o->lanes))
        return false;
    if (o->engine != VQ_BLK_ENGINE_THREADS) {
        image->uring = vq_blk_uring_open(&image->file, &image->backend, o, error);
        if (image->uring || o->engine == VQ_BLK_ENGINE_URING)
            return image->uring != NULL;
    }
    image->threads = vq_blk_threads_open(&image->file, &image->backend, o, error);
    return image->threads != NULL;
}

struct vq_blk_backend *vq_blk_file_open(const struct vq_blk_backend_options *o,
                                        const struct vq_blk_error *error)
{
    struct vq_blk_image *image = calloc(1, sizeof *image);
    struct sigaction action;
    struct stat st;

    if (!image)
        return NULL;
    image->file.fd = open_checked(o, &st, error);
    if (image->file.fd < 0) {
        free(image);
        return NULL;
    }
    image->backend.close = close_image;
    image->backend.read_only = o->read_only;
    image->backend.may_trim = true;
    if (!lock(image->file.fd, o, error) ||
        !measure(image->file.fd, &st, &image->backend, o, error) ||
        !start_engine(image, o, error)) {
        vq_blk_backend_close(&image->backend);
        return NULL;
    }
    /* A file that may not grow is a failed request, not the end of the process. */
    if (sigaction(SIGXFSZ, NULL, &action) == 0 && action.sa_handler == SIG_DFL)
        (void)signal(SIGXFSZ, SIG_IGN);
    return &image->backend;
}
