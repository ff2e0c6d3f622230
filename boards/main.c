/*
 * The program of every board: what it is, what it finds, and what the tests of its
 * devices say.
 */
#include "board.h"
#include "options.h"
#include "pci.h"
#include "text.h"

_Noreturn void board_trap(uintptr_t cause, uintptr_t where)
{
    say_hex("board trapped cause=", cause);
    say_hex(" at=", where);
    say("\n");
    board_exit(false);
}

_Noreturn void board_main(void)
{
    const struct board *board = board_init();
    say("board ");
    say(board->name);
    say_number(" clock=", board_clock());
    say("\n");
    for (unsigned i = 0; i < board->slots.count; i++) {
        uintptr_t s = board->slots.base + i * board->slots.step;
        if (board_load(s, 4) != 0x74726976 || board_load(s + 8, 4) == 0)
            continue;
        say_hex("mmio at=", s);
        say_number(" version=", board_load(s + 4, 4));
        say_number(" type=", board_load(s + 8, 4));
        say("\n");
    }
    struct pci_function f[8];
    unsigned n = board->pci.present ? pci_find(&board->pci, 0x1af4, f, 8) : 0;
    for (unsigned i = 0; i < n; i++) {
        say_number("pci at=", f[i].device);
        say_hex(" id=", f[i].id);
        for (unsigned b = 0; b < PCI_BARS; b++)
            if (f[i].bar[b].bytes != 0) {
                say_number(f[i].bar[b].io ? " io" : " bar", b);
                say_hex("=", f[i].bar[b].address);
                say_hex("+", f[i].bar[b].bytes);
            }
        say("\n");
    }
    say_number("size=", option_number("size", 77));
    say("\n");
    board_exit(true);
}
