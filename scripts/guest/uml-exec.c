/*
 * uml-exec PROGRAM ARGUMENT...: runs User-mode Linux on processors whose register state is larger
 * than it expects.
 *
 * Linux 6.1 keeps a guest process's extended registers in a fixed buffer. It reads them with
 * PTRACE_GETREGSET, which fills what there is room for, but PTRACE_SETREGSET demands the whole
 * state, so that on processors with tile registers (AMX) the first guest process dies of "ptrace
 * set fp regs failed". When the first read fails it falls back to the classic registers. So where
 * the state is too large this answers that one request with ENODEV, by a seccomp filter, as a
 * processor without extended state would. Nothing else is filtered, nothing is parsed.
 *
 * Guest programs then lose the upper halves of vector registers at page faults: keep glibc from
 * using them (see uml_start in lib.sh).
 */
#include <cpuid.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/elf.h>
#include <linux/filter.h>
#include <linux/ptrace.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What User-mode Linux has room for: everything up to AVX-512 and protection keys. */
#define UML_STATE_BYTES 2696u

static unsigned int state_bytes(void)
{
    unsigned int a = 0;
    unsigned int b = 0;
    unsigned int c = 0;
    unsigned int d = 0;
    return __get_cpuid_count(0xd, 0, &a, &b, &c, &d) ? b : 0;
}

static int hide_extended_state(void)
{
/* The low half of a system call's argument; the machine is little-endian. */
#define ARGUMENT(n) (uint32_t)(offsetof(struct seccomp_data, args) + (n) * sizeof(uint64_t))
    struct sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 0, 7),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ptrace, 0, 5),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ARGUMENT(0)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PTRACE_GETREGSET, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ARGUMENT(2)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NT_X86_XSTATE, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENODEV),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {.len = sizeof(program) / sizeof(program[0]), .filter = program};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) {
        return -1;
    }
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: uml-exec PROGRAM ARGUMENT...\n");
        return 2;
    }
    if (state_bytes() > UML_STATE_BYTES && hide_extended_state()) {
        fprintf(stderr, "uml-exec: no seccomp filter: %s\n", strerror(errno));
        return 2;
    }
    execvp(argv[1], argv + 1);
    fprintf(stderr, "uml-exec: %s: %s\n", argv[1], strerror(errno));
    return 127;
}
