/*
 * vq serve: a disk for whoever connects, one front end at a time.
 *
 * One control thread waits for signals, front ends and their messages; the
 * workers behind it serve the rings. Nothing that a front end does ends the
 * program; a signal does, once what is in flight is done.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <vq/blk_device.h>
#include <vq/vhost_user_backend.h>

#include "host/blk_backend.h"
#include "host/listen.h"
#include "host/vhost_host.h"
#include "serve_options.h"
#include "serve_report.h"
#include "vhost_user/clock.h"
#include "vq.h"

#define SEGMENTS 126u /* data segments of a request, as drivers are used to */

#define LOCK_NOTE_MS 500u
#define LOCK_WAIT_MS 10000u
/* For words about a path, of which those after it say what to do. */
#define WHY_BYTES (PATH_MAX + 256)
/* How long a front end that cannot be accepted is left in the backlog. */
#define ACCEPT_PAUSE_MS 1000u
/* A disk that does not answer is told of after the one, and again after each of the other. */
#define SLOW_NOTE_MS  5000u
#define SLOW_AGAIN_MS 60000u

struct server {
    struct serve_options options;
    struct vq_blk_backend *backend;
    struct vq_blk_device device;
    void *device_memory;
    struct vq_vhost_host *host;
    struct vq_listener listener;
    int64_t accept_at_ms; /* not before; 0: at any time */
    bool cannot_accept_told;
    sigset_t ending;
    int signals; /* a descriptor for those */
    /* The front end that is being served. */
    struct vq_vhost_session *session;
    uint64_t reported_features;
    uint64_t served_before;
    /* Of the wait for a worker that is going on. */
    unsigned slow_seen_ms;
    unsigned slow_note_ms;
    /* --fd gave a connection, not a place to wait for one. */
    bool only_one;
    bool stop;
    const char *why; /* it stops */
    int status;
};

static bool failed(const char *what, const char *why)
{
    report_trouble("%s%s%s", what, *why ? ": " : "", why);
    return false;
}

static const char *disk_name(const struct server *s)
{
    return s->options.file ? s->options.file : s->backend->engine;
}

/* ---- signals ---- */

/* Before any thread is made, so that all of them have these blocked. */
static bool catch_signals(struct server *s)
{
    sigemptyset(&s->ending);
    sigaddset(&s->ending, SIGTERM);
    sigaddset(&s->ending, SIGINT);
    (void)signal(SIGPIPE, SIG_IGN);
    if (sigprocmask(SIG_BLOCK, &s->ending, NULL) == 0)
        s->signals = signalfd(-1, &s->ending, SFD_CLOEXEC | SFD_NONBLOCK);
    return s->signals >= 0 || failed("cannot catch signals", strerror(errno));
}

/* True once, when a signal has come that ends the program. */
static bool signalled(struct server *s)
{
    struct signalfd_siginfo info;

    if (read(s->signals, &info, sizeof(info)) != (ssize_t)sizeof(info))
        return false;
    s->why = info.ssi_signo == SIGTERM ? "SIGTERM" : "SIGINT";
    s->stop = true;
    /* A second one ends it at once. */
    (void)sigprocmask(SIG_UNBLOCK, &s->ending, NULL);
    return true;
}

/* ---- the disk ---- */

/* Long enough for the kernel to clear away a server that was killed; a signal ends it. */
static bool wait_for_lock(void *context, unsigned waited_ms)
{
    struct server *s = context;

    if (waited_ms == LOCK_NOTE_MS)
        report_trouble("%s is locked by another process; waiting for it", s->options.file);
    return waited_ms < LOCK_WAIT_MS && !signalled(s);
}

static bool open_disk(struct server *s)
{
    const struct serve_options *o = &s->options;
    struct vq_blk_backend_options options = {.wait_for_lock = wait_for_lock,
                                             .context = s,
                                             .source = o->source,
                                             .path = o->file,
                                             .bytes = o->bytes,
                                             .read_only = o->read_only,
                                             .lanes = o->queues};
    char why[WHY_BYTES] = "";

    s->backend = vq_blk_backend_open(&options, why, sizeof(why));
    if (!s->backend)
        return !s->stop && failed(why, "");
    if (o->block_size && o->block_size < s->backend->block_size) {
        (void)snprintf(why, sizeof(why),
                       "its blocks are of %u bytes: --logical-block-size %u or more",
                       s->backend->block_size, s->backend->block_size);
        return failed(disk_name(s), why);
    }
    if (o->block_size && s->backend->bytes % o->block_size != 0) {
        (void)snprintf(why, sizeof(why), "its size, %llu bytes, is not a multiple of %u",
                       (unsigned long long)s->backend->bytes, o->block_size);
        return failed(disk_name(s), why);
    }
    return true;
}

static bool make_device(struct server *s)
{
    const struct serve_options *o = &s->options;
    struct vq_blk_device_config config = {.serial = o->serial};

    vq_blk_backend_describe(s->backend, &config);
    config.read_only = s->backend->read_only;
    config.queue_size = o->queue_size;
    /* A request with its header and status must fit a ring of the size offered: without indirect
     * descriptors Linux waits for ever for room that cannot come. 0: the device works it out. */
    config.seg_max = o->queue_size < SEGMENTS + 2u ? 0 : SEGMENTS;
    config.without = o->disabled;
    if (o->block_size)
        config.block_size = o->block_size;
    size_t bytes = vq_blk_device_bytes(&config);
    if (bytes == 0)
        return failed("the options do not fit together", vq_error_text(VQ_ERR_INVALID));
    s->device_memory = aligned_alloc(64, (bytes + 63) / 64 * 64);
    if (!s->device_memory)
        return failed("not enough memory", "offer fewer or smaller queues");
    enum vq_error error = vq_blk_device_init(&s->device, &config, s->device_memory, bytes);
    if (error != VQ_OK)
        return failed("cannot make a block device", vq_error_text(error));
    return true;
}

/* All queues are stopped: the lane is ours. */
static bool flush_disk(struct server *s)
{
    struct vq_blk_lane *lane = s->backend->lanes[0];
    struct vq_blk_io flush = {.type = VQ_BLK_IO_FLUSH};
    struct vq_blk_io *io = &flush;
    bool told = false;

    if (s->backend->read_only)
        return true;
    lane->ops->submit(lane, &io, 1);
    while (lane->ops->reap(lane, &io, 1, false) == 0) {
        struct pollfd fds[] = {{.fd = lane->ops->wait_fd(lane), .events = POLLIN},
                               {.fd = s->signals, .events = POLLIN}};

        if (poll(fds, 2, told ? -1 : (int)SLOW_NOTE_MS) == 0) {
            told = true;
            (void)failed(disk_name(s), "waiting for it to be flushed");
        }
        (void)signalled(s);
    }
    if (flush.result != VQ_OK)
        return failed("the disk could not be flushed", vq_error_text(flush.result));
    return true;
}

/* ---- front ends ---- */

static void on_broken(void *opaque, uint16_t queue, enum vq_broken reason)
{
    const struct server *s = opaque;
    report_broken(&s->options, queue, reason);
}

/* The front end must not be answered before its requests are done, however long the disk takes;
 * but people can be told, and a signal heard. */
static void on_slow(void *opaque, const struct vq_worker_wait *wait)
{
    struct server *s = opaque;

    if (wait->waited_ms <= s->slow_seen_ms)
        s->slow_note_ms = SLOW_NOTE_MS;
    s->slow_seen_ms = wait->waited_ms;
    if (wait->waited_ms >= s->slow_note_ms) {
        s->slow_note_ms = wait->waited_ms + SLOW_AGAIN_MS;
        if (wait->stopping)
            report_trouble("queue %u waits for %s since %u s: it stops, but not all of the %u "
                           "requests in flight are done",
                           wait->queue, disk_name(s), wait->waited_ms / 1000, wait->in_flight);
        else
            report_trouble("queue %u waits for %s since %u s: its thread does not come back from "
                           "it",
                           wait->queue, disk_name(s), wait->waited_ms / 1000);
    }
    if (signalled(s))
        report_trouble("%s: ends when %s has done what is in flight; a second one ends it at once",
                       s->why, disk_name(s));
}

static void end_session(struct server *s, const char *reason, bool broken)
{
    char why[256];

    /* The reason goes with the session. */
    (void)snprintf(why, sizeof(why), "%s", reason);
    vq_vhost_session_destroy(s->session);
    s->session = NULL;
    vq_vhost_host_attach(s->host, NULL);
    uint64_t served = vq_blk_device_served(&s->device);
    /* Who only looked whether somebody is there is not worth a line. */
    if (s->reported_features != 0 || broken)
        report_disconnected(&s->options, why, served - s->served_before);
    s->served_before = served;
    s->stop |= s->only_one;
}

static void begin_session(struct server *s, int socket)
{
    s->session =
        vq_vhost_session_create(socket, &s->device.model, &vq_vhost_host_ops, s->host, NULL);
    if (!s->session) {
        (void)failed("cannot serve a front end", strerror(errno));
        s->stop |= s->only_one;
        return;
    }
    vq_vhost_host_attach(s->host, s->session);
    s->reported_features = 0;
}

static void accept_front_end(struct server *s)
{
    int socket = accept4(s->listener.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    s->accept_at_ms = 0;
    if (socket >= 0) {
        s->cannot_accept_told = false;
        begin_session(s, socket);
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
        /* It stays in the backlog: look again later rather than at once for ever. */
        if (!s->cannot_accept_told)
            (void)failed("cannot accept a front end, which waits until there is room for it",
                         strerror(errno));
        s->cannot_accept_told = true;
        s->accept_at_ms = vq_clock_ms() + ACCEPT_PAUSE_MS;
    } else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
        (void)failed("cannot accept front ends any more", strerror(errno));
        s->status = VQ_EXIT_FAILED;
        s->stop = true;
    }
}

static void handle_session(struct server *s)
{
    struct vq_vhost_session_info info;
    enum vq_vhost_session_state state = vq_vhost_session_handle(s->session);

    vq_vhost_session_info(s->session, &info);
    /* A driver is there when it has chosen features and given a ring. */
    if (info.rings_running != 0 && info.features != s->reported_features) {
        s->reported_features = info.features;
        report_connected(&s->options, info.features, info.memory_regions);
    }
    if (state == VQ_VHOST_SESSION_LIVE)
        return;
    const char *reason = vq_vhost_session_reason(s->session);
    if (state == VQ_VHOST_SESSION_CLOSED || !*reason)
        reason = "the front end closed the connection";
    end_session(s, reason, state == VQ_VHOST_SESSION_BROKEN);
}

/* ---- the program ---- */

static bool take_descriptor(struct server *s)
{
    int fd = s->options.fd;
    int type = 0, accepting = 0;
    socklen_t length = sizeof(type);

    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) != 0)
        return failed("--fd is not an open socket", strerror(errno));
    if (type != SOCK_STREAM)
        return failed("--fd is not a stream socket", "");
    length = sizeof(accepting);
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &accepting, &length) != 0)
        return failed("--fd", strerror(errno));
    (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    (void)fcntl(fd, F_SETFL, O_NONBLOCK);
    s->only_one = !accepting;
    s->listener.fd = fd;
    return true;
}

static bool start_listening(struct server *s)
{
    char why[WHY_BYTES];

    if (!s->options.socket_path)
        return take_descriptor(s);
    return vq_listen(&s->listener, s->options.socket_path, why, sizeof(why)) || failed(why, "");
}

static bool start_host(struct server *s)
{
    struct vq_vhost_host_config config = {.model = &s->device.model,
                                          .poll_us = s->options.poll_us,
                                          .opaque = s,
                                          .broken = on_broken,
                                          .slow = on_slow};

    s->host = vq_vhost_host_create(&config);
    return s->host || failed("cannot start threads", strerror(errno));
}

static void serve(struct server *s)
{
    if (s->only_one) {
        begin_session(s, s->listener.fd);
        s->listener.fd = -1;
    }
    while (!s->stop) {
        const int64_t now = s->accept_at_ms ? vq_clock_ms() : 0;
        const bool pause = now < s->accept_at_ms;
        /* While one is served the next waits in the backlog. */
        struct pollfd fds[2] = {
            {.fd = s->signals, .events = POLLIN},
            {.fd = s->session ? vq_vhost_session_fd(s->session)
                   : pause    ? -1
                              : s->listener.fd,
             .events = POLLIN},
        };
        if (poll(fds, 2, pause ? (int)(s->accept_at_ms - now) : -1) < 0 && errno != EINTR)
            break;
        if (fds[0].revents) {
            (void)signalled(s);
        } else if (fds[1].revents) {
            if (s->session)
                handle_session(s);
            else
                accept_front_end(s);
        }
    }
    if (s->session)
        end_session(s, "the server ends", false);
    if (!flush_disk(s))
        s->status = VQ_EXIT_FAILED;
    report_stopped(&s->options, s->why);
}

int vq_cmd_serve(int argc, char **argv)
{
    struct server s = {.listener = {.fd = -1},
                       .signals = -1,
                       .slow_note_ms = SLOW_NOTE_MS,
                       .why = "its connection ended",
                       .status = VQ_EXIT_OK};

    /* A line at a time, whoever else writes there. */
    (void)setvbuf(stderr, NULL, _IOLBF, BUFSIZ);
    switch (serve_parse(&s.options, argc, argv)) {
    case SERVE_DONE:
        return VQ_EXIT_OK;
    case SERVE_WRONG:
        return VQ_EXIT_USAGE;
    case SERVE_RUN:
        break;
    }
    if (catch_signals(&s) && open_disk(&s) && make_device(&s) && start_listening(&s) &&
        start_host(&s)) {
        struct serve_disk disk = {.kind = s.backend->engine,
                                  .bytes = s.backend->bytes,
                                  .read_only = s.backend->read_only};
        report_ready(&s.options, &disk);
        serve(&s);
    } else if (s.stop) {
        report_stopped(&s.options, s.why);
    } else {
        s.status = VQ_EXIT_FAILED;
    }
    vq_listener_close(&s.listener);
    vq_vhost_host_destroy(s.host);
    free(s.device_memory);
    vq_blk_backend_close(s.backend);
    if (s.signals >= 0)
        close(s.signals);
    return s.status;
}
