/*
 * What happens when a front end truncates the file behind its memory, or when that
 * file gets no page where it has none yet (hugetlbfs, a full tmpfs): the next access
 * raises SIGBUS in whichever thread makes it. The handler finds the address
 * in a lock-free table of guarded ranges, puts zero pages over the range, marks its
 * guard as torn, and the thread goes on. All other faults go to the handler that was
 * there before.
 */
#ifndef VQ_VHOST_USER_SIGBUS_H
#define VQ_VHOST_USER_SIGBUS_H

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct vq_vhost_guard {
    atomic_bool torn;
    int wake; /* an eventfd: written when torn, so that somebody looks */
};

/* Installs the handler, once in a process; later calls do nothing. */
void vq_vhost_sigbus_install(void);

/* The handler itself, for a process whose SIGBUS belongs to somebody else (a test runner). */
void vq_vhost_sigbus_handler(int signal_number, siginfo_t *info, void *context);

/* Guards a page-aligned mapping. A slot number, or -1 when the table is full. Any thread. */
int vq_vhost_sigbus_add(void *start, size_t bytes, struct vq_vhost_guard *guard);

/* Before the mapping goes away, when nobody uses it any more. -1 is ignored. */
void vq_vhost_sigbus_remove(int slot);

#endif
