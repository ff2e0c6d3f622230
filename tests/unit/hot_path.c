/*
 * What the hot path may not do: a system call (and so no lock that sleeps, no
 * allocation that grows, no log line). Buffers go round under a filter that ends
 * the process at any system call but its own exit.
 */
#define _GNU_SOURCE /* prctl and its like beside C11 */
#include "queue_pair.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROUNDS = 20000, BATCH = 4 };

static bool forbid_system_calls(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    };
    struct sock_fprog filter = {sizeof(code) / sizeof(code[0]), code};

    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

/* Every call of both ends, with nothing between them that could make a system call. */
static bool go_round(struct queue_pair *p)
{
    static const struct vq_element e[2] = {{PAIR_DATA, 16}, {PAIR_DATA + 16, 16}};
    struct vq_segment segments[BATCH][2];
    struct vq_buffer buffer[BATCH], *buffers[BATCH];
    struct vq_done done[BATCH];
    bool good = true;

    for (unsigned i = 0; i < BATCH; i++) {
        buffer[i] = (struct vq_buffer){.segments = segments[i], .room = 2};
        buffers[i] = &buffer[i];
    }
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct vq_used used[BATCH];
        for (unsigned i = 0; i < BATCH; i++)
            good &= vq_driver_add(&p->driver, e, 1, 1) >= 0;
        (void)vq_driver_publish(&p->driver);
        good &= vq_device_pop(&p->device, buffers, BATCH) == BATCH;
        for (unsigned i = 0; i < BATCH; i++)
            used[i] = (struct vq_used){buffer[i].id, 16};
        good &= vq_device_push(&p->device, used, BATCH) == VQ_OK;
        (void)vq_device_publish(&p->device);
        (void)vq_device_enable_notifications(&p->device);
        vq_device_disable_notifications(&p->device);
        good &= vq_driver_get(&p->driver, done, BATCH) == BATCH;
        (void)vq_driver_enable_notifications(&p->driver);
        vq_driver_disable_notifications(&p->driver);
    }
    return good;
}

enum { WENT_ROUND = 0, DID_NOT = 1, NO_FILTER = 2 };

static int under_the_filter(struct queue_pair *p, bool misbehave)
{
    pid_t child = fork();
    int status;

    assert_true(child >= 0);
    if (child == 0) {
        if (!forbid_system_calls())
            syscall(SYS_exit_group, NO_FILTER);
        if (misbehave)
            (void)getppid();
        syscall(SYS_exit_group, go_round(p) ? WENT_ROUND : DID_NOT);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void no_system_call(void **state)
{
    int status;
    (void)state;

    for (unsigned bits = 0; bits < 8; bits++) {
        struct queue_pair p;
        pair_open(&p, (struct pair_options){.format = bits & 4 ? PAIR_PACKED : PAIR_SPLIT,
                                            .event_idx = (bits & 1) != 0,
                                            .indirect = (bits & 2) != 0,
                                            .indirect_entries = (bits & 2) ? 2 : 0});
        status = under_the_filter(&p, false);
        pair_close(&p);
        if (WIFEXITED(status) && WEXITSTATUS(status) == NO_FILTER)
            VQ_SKIP("seccomp filters");
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), WENT_ROUND);
    }
    /* The filter does see what it should. */
    {
        struct queue_pair p;
        pair_open(&p, (struct pair_options){.size = 8});
        status = under_the_filter(&p, true);
        pair_close(&p);
        assert_true(WIFSIGNALED(status));
        assert_int_equal(WTERMSIG(status), SIGSYS);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        VQ_TEST(no_system_call, "buffers go round without a single system call"),
    };
    return VQ_RUN(tests);
}
