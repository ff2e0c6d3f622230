"""What `make proofs` proves with Frama-C, and what it must not be able to prove."""

# (file, functions)
UNITS = [
    ("src/ring/memory.c", [
        "vq_get16", "vq_get32", "vq_get64", "vq_put16", "vq_put32", "vq_put64",
        "vq_swap16", "vq_swap32", "vq_swap64", "vq_observe16", "vq_observe64", "vq_load16",
        "vq_load32", "vq_load64", "vq_store16", "vq_store32", "vq_store64", "vq_publish16",
        "vq_publish64", "vq_fetch", "vq_region_holds", "vq_region_run",
        "vq_memory_init", "find", "vq_memory_map", "vq_memory_covers",
    ]),
    ("src/ring/device.c", [
        "vq_event_passed", "vq_descriptor_of", "vq_descriptor_load", "vq_descriptor_store",
        "vq_avail_slot", "vq_used_slot", "vq_packed_advance", "vq_packed_distance",
        "vq_packed_slot", "vq_packed_observe", "vq_packed_store", "vq_packed_publish",
        "vq_packed_wish", "vq_packed_wanted", "vq_memory_map_near",
        "vq_device_break_", "vq_head_check", "vq_table_fetch", "vq_table_load",
        "vq_table_enter", "vq_gather_begin", "vq_gather_turn", "vq_gather_end",
        "vq_gather_refusal", "vq_split_available",
    ]),
    ("src/ring/device.c", ["vq_gather_add"]),
    ("src/ring/device.c", ["vq_split_follow"]),
    ("src/ring/driver.c", [
        "vq_driver_break_", "vq_chain_tail", "vq_release", "vq_in_order_after",
        "vq_add_unpublished", "vq_done_check", "vq_batch_begin", "vq_batch_next",
        "vq_split_used", "vq_packed_used",
    ]),
]

# What the sources ask the prover to believe: each is argued in README.md.
ADMITTED = ["bytes", "carry_16", "carry_32", "frozen", "mapped", "mask_apart", "mask_one",
            "mask_one_left", "mask_size", "mask_slot", "mask_wrap", "shift_8", "total_grows", "total_more",
            "total_none", "total_same", "wrap_32", "wrap_64"]

REGION = "src/ring/region.h"
MEMORY = "src/ring/memory.c"
WALK = "src/ring/device_walk.h"
SPLIT_POP = "src/ring/device_split.h"
PACKED_POP = "src/ring/device_packed.h"
PACKED = "src/ring/packed.h"
DEVICE = "src/ring/device.c"
DRIVER = "src/ring/driver.c"
ADD = "src/ring/driver_add.h"

# (name, file, text, what it becomes, unit, functions of which a goal must fail)
MUTANTS = [
    ("the end of a region computed by a sum that wraps", REGION,
     "return address - r->address < r->size;",
     "return address >= r->address && address < r->address + r->size;",
     MEMORY, ["vq_region_holds"]),
    ("what is left of a region counted from its start", REGION,
     "left = r->size - (address - r->address);", "left = r->size;",
     MEMORY, ["vq_region_run"]),
    ("the permission of a region not asked", REGION,
     "!vq_region_holds(r, address) || (r->access & (uint32_t)access) != (uint32_t)access",
     "!vq_region_holds(r, address)", MEMORY, ["vq_region_run"]),
    ("a range that wraps let through", MEMORY,
     """    size_t used = 0;

    if (bytes == 0 || bytes - 1 > UINT64_MAX - address)""",
     """    size_t used = 0;

    if (bytes == 0)""", MEMORY, ["vq_memory_map"]),
    ("segments without end", MEMORY, "while (used < room && i < memory->count)",
     "while (i < memory->count)",
     MEMORY, ["vq_memory_map"]),
    ("a search that looks one region too far", MEMORY, "while (low < high)", "while (low <= high)",
     MEMORY, ["find"]),
    ("an overlap accepted in a table", MEMORY,
     " || r->address - r[-1].address < r[-1].size", "", MEMORY, ["vq_memory_init"]),
    ("a hint that is believed", REGION, "if (*hint < memory->count && bytes != 0 && room != 0)",
     "if (bytes != 0 && room != 0)", DEVICE, ["vq_memory_map_near"]),
    ("gpa + len compared as a sum that wraps", REGION, "bytes <= r->size - offset",
     "offset + bytes <= r->size", DEVICE, ["vq_memory_map_near"]),
    ("a stale wrap counter", PACKED, "next += (uint32_t)VQ_PACKED_WRAP - size;",
     "next -= size;", DEVICE, ["vq_packed_advance"]),
    ("a position that stays at the end of the ring", PACKED,
     "(uint32_t)(at & VQ_PACKED_SLOT) + by >= size", "(uint32_t)(at & VQ_PACKED_SLOT) + by > size",
     DEVICE, ["vq_packed_advance"]),
    ("an id that is not checked", WALK,
     "    if (id >= q->size)\n        return VQ_BROKEN_HEAD_RANGE;\n", "",
     DEVICE, ["vq_head_check"]),
    ("an id that may be in flight", WALK,
     "return q->in_flight[id] ? VQ_BROKEN_HEAD_IN_FLIGHT : VQ_NOT_BROKEN;",
     "return VQ_NOT_BROKEN;", DEVICE, ["vq_head_check"]),
    ("a table inside a table", WALK,
     "    if (table->indirect)\n        return VQ_BROKEN_INDIRECT_NESTED;\n", "",
     DEVICE, ["vq_table_enter"]),
    ("a table of any length", WALK, " || bytes / VQ_DESC_BYTES > VQ_QUEUE_SIZE_MAX", "",
     DEVICE, ["vq_table_enter"]),
    ("a table of which only the start is mapped", WALK,
     "vq_memory_map_near(q->memory, address, bytes, VQ_READ, &whole, 1, &q->region_hint) == 1",
     "vq_memory_map_near(q->memory, address, 1, VQ_READ, &whole, 1, &q->region_hint) == 1",
     DEVICE, ["vq_table_enter"]),
    ("a descriptor fetched from more pieces than there is room for", WALK,
     "VQ_READ, part, VQ_DESC_BYTES,\n", "VQ_READ, part, VQ_DESC_BYTES + 1,\n",
     DEVICE, ["vq_table_fetch"]),
    ("a buffer of any length", WALK,
     "return g->bytes > UINT64_C(1) << 32 ? VQ_BROKEN_CHAIN_BYTES : VQ_NOT_BROKEN;",
     "return VQ_NOT_BROKEN;", DEVICE, ["vq_gather_end"]),
    ("an element to read after one to write", WALK,
     "        if (!writable)\n            return VQ_BROKEN_CHAIN_ORDER;\n", "",
     DEVICE, ["vq_gather_add"]),
    ("an element to write mapped for reading", WALK,
     "access = writable ? VQ_WRITE : VQ_READ;", "access = VQ_READ;", DEVICE, ["vq_gather_add"]),
    ("room that does not shrink", WALK, "    g->room -= (uint32_t)n;\n", "",
     DEVICE, ["vq_gather_add"]),
    ("a chain without end", SPLIT_POP,
     "        if (--hops == 0)\n            return VQ_BROKEN_CHAIN_LOOP;\n", "",
     DEVICE, ["vq_split_follow"]),
    ("a next that is not checked", SPLIT_POP,
     "        if (i >= table->entries)\n            return VQ_BROKEN_NEXT_RANGE;\n", "",
     DEVICE, ["vq_split_follow"]),
    ("a next that is fetched again after its check", SPLIT_POP,
     "            return VQ_BROKEN_NEXT_RANGE;\n",
     "            return VQ_BROKEN_NEXT_RANGE;\n        i = *(const volatile uint16_t *)&d->next;\n",
     DEVICE, ["vq_split_follow"]),
    ("broken forgotten for a later reason", WALK, "    if (!q->broken)\n", "",
     DEVICE, ["vq_device_break_"]),
    ("a used id that is not checked", ADD, "if (id >= q->size) {", "if (id > q->size) {",
     DRIVER, ["vq_done_check"]),
    ("a used id that nobody waits for", ADD, "q->slots[id].count == 0 || ", "",
     DRIVER, ["vq_done_check"]),
    ("a used length that is not clamped", ADD, "written < limit ? written : limit", "written",
     DRIVER, ["vq_done_check"]),
    ("strictness forgotten", ADD, "if (q->strict && written > limit)",
     "if (q->strict && written > limit + 1u)", DRIVER, ["vq_done_check"]),
    ("an id that goes on beyond the ring", ADD, "next >= q->size ? next - q->size : next",
     "next > q->size ? next - q->size : next", DRIVER, ["vq_in_order_after"]),
    ("a buffer taken twice", ADD,
     "    q->slots[id].count = 0;\n    /*@ assert slots_ok(q); */\n",
     "    /*@ assert slots_ok(q); */\n", DRIVER, ["vq_batch_next"]),
]
