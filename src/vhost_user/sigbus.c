/*
 * The SIGBUS handler and its table. Everything that the handler does is a load, a
 * store or a plain system call; it takes no lock and allocates nothing.
 */
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sigbus.h"

#define SLOTS 8192

/* `start` is written last and cleared first: whoever sees it sees the rest. */
struct slot {
    atomic_bool taken;
    atomic_uintptr_t start;
    atomic_uintptr_t bytes;
    _Atomic(struct vq_vhost_guard *) guard;
};

static struct slot slots[SLOTS];
static atomic_int slots_used; /* no slot at or beyond this was ever taken */
static struct sigaction former;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* Puts zero pages over the guarded range that holds `address`. */
static bool mend(uintptr_t address)
{
    int used = atomic_load_explicit(&slots_used, memory_order_acquire);

    for (int i = 0; i < used; i++) {
        uintptr_t start = atomic_load_explicit(&slots[i].start, memory_order_acquire);
        size_t bytes = atomic_load_explicit(&slots[i].bytes, memory_order_relaxed);
        if (start == 0 || address - start >= bytes)
            continue;
        struct vq_vhost_guard *guard = atomic_load_explicit(&slots[i].guard, memory_order_relaxed);
        void *mapped = mmap((void *)start, bytes, PROT_READ | PROT_WRITE,
                            MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (mapped == MAP_FAILED)
            return false;
        atomic_store_explicit(&guard->torn, true, memory_order_release);
        uint64_t one = 1;
        ssize_t ignored = write(guard->wake, &one, sizeof one);
        (void)ignored;
        return true;
    }
    return false;
}

void vq_vhost_sigbus_handler(int signal_number, siginfo_t *info, void *context)
{
    int saved = errno;

    /* Only a fault has an address; SIGBUS may also be sent by somebody. */
    if (info->si_code > 0 && mend((uintptr_t)info->si_addr)) {
        errno = saved;
        return;
    }
    errno = saved;
    if ((former.sa_flags & SA_SIGINFO) != 0) {
        former.sa_sigaction(signal_number, info, context);
    } else if (former.sa_handler == SIG_DFL || former.sa_handler == SIG_IGN) {
        /* The access is repeated, or the signal sent again, without this handler. */
        (void)signal(SIGBUS, SIG_DFL);
        if (info->si_code <= 0)
            (void)raise(SIGBUS);
    } else {
        former.sa_handler(signal_number);
    }
}

static void install(void)
{
    struct sigaction action;

    memset(&action, 0, sizeof action);
    action.sa_sigaction = vq_vhost_sigbus_handler;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(SIGBUS, &action, &former);
}

void vq_vhost_sigbus_install(void)
{
    (void)pthread_once(&once, install);
}

int vq_vhost_sigbus_add(void *start, size_t bytes, struct vq_vhost_guard *guard)
{
    for (int i = 0; i < SLOTS; i++) {
        bool expected = false;
        if (!atomic_compare_exchange_strong(&slots[i].taken, &expected, true))
            continue;
        int used = atomic_load(&slots_used);
        while (used <= i && !atomic_compare_exchange_weak(&slots_used, &used, i + 1))
            ;
        atomic_store_explicit(&slots[i].bytes, bytes, memory_order_relaxed);
        atomic_store_explicit(&slots[i].guard, guard, memory_order_relaxed);
        atomic_store_explicit(&slots[i].start, (uintptr_t)start, memory_order_release);
        return i;
    }
    return -1;
}

void vq_vhost_sigbus_remove(int slot)
{
    if (slot < 0)
        return;
    atomic_store_explicit(&slots[slot].start, 0, memory_order_release);
    atomic_store_explicit(&slots[slot].taken, false, memory_order_release);
}
