/* SPDX-License-Identifier: MIT */
/*
 * runtime.c - the root object, its description, and the note that leads to it.
 *
 * The rows are constants of the program's file; nothing changes them at run time, so an observer may hold the file's bytes
 * against the memory's. The object is always linked: everything that runs goroutines refers to it.
 */
#include "../state.h"

#include "../../asm/switch.h"
#include "../config.h"
#include "../context.h"
#include "../debug.h"
#include "../depot.h"
#include "../flight.h"
#include "../hold.h"
#include "../label.h"
#include "../origin.h"
#include "../sema.h"
#include "../timer.h"
#include "../times.h"

#define ROW_STRUCT(name_, type) {.name = name_, .kind = GOS_ROW_STRUCT, .size = sizeof(type)},
#define ROW_FIELD(name_, type, field, form) \
	{.name = name_, .text = form, .kind = GOS_ROW_FIELD, .size = sizeof(((type *)0)->field), .value = offsetof(type, field)},
#define ROW_CONST(name_, number) {.name = "const." name_, .kind = GOS_ROW_CONST, .value = (number)},

__attribute__((used)) struct gos_runtime gos_runtime = {
	.header =
		{
			.magic = {'G', 'O', 'S', 'S', 'A', 'M', 'E', 'R'},
			.version = GOS_ABI_VERSION,
			.header_size = offsetof(struct gos_runtime, rows),
			.row_size = sizeof(struct gos_abi_row),
			.row_count = RT_ROW_COUNT,
			.machine = "x86_64",
		},
	.rows =
		{
#define GOS_STRUCT ROW_STRUCT
#define GOS_FIELD ROW_FIELD
#define GOS_CONST ROW_CONST
#include "layout.def"
#define GOS_STATE(symbol, number, word, ...) {.name = "state." #symbol, .text = word, .kind = GOS_ROW_STATE, .value = number},
#define GOS_REASON(symbol, number, word, object) \
	{.name = "reason." #symbol, .text = word, .kind = GOS_ROW_REASON, .size = RT_OBJECT_##object, .value = number},
#define GOS_OBJECT(symbol, number, word) {.name = "object." #symbol, .text = word, .kind = GOS_ROW_OBJECT, .value = number},
#define GOS_EVENT(symbol, bit, word) {.name = "event." #symbol, .text = word, .kind = GOS_ROW_EVENT, .value = bit},
#define GOS_FLAG(symbol, word) {.name = "flag." #symbol, .text = word, .kind = GOS_ROW_FLAG, .value = RT_G_##symbol},
#define GOS_FLIGHT(symbol, number, word, payload) \
	{.name = "flight." #symbol, .text = word, .kind = GOS_ROW_FLIGHT, .size = GOS_PAYLOAD_##payload, .value = number},
#define GOS_HOLD(symbol, bits, word) {.name = "hold." #symbol, .text = word, .kind = GOS_ROW_HOLD, .value = RT_HOLD_##symbol},
#include "states.def"
		},
	.resume_pc = rt_switch_resume,
	.start_pc = rt_gostart_begin,
	.entry_return_pc = rt_gostart_return,
	.trap_pc = (void *)rt_debug_trap,
	.semas = rt_sema_roots,
	.held_flags = RT_G_LOCKED,
	.hold_mask = GOS_RECORD ? RT_HOLD_FROZEN : 0,
	.times = &rt_times_of_no_p,
};

/* What observers know it by. Protected: no program's linker makes a copy of a library's for itself, which would be the only one that such a program sees. */
extern struct gos_runtime visible __asm__("gos_runtime") __attribute__((alias("gos_runtime_hidden"), visibility("protected"), used));

/*
 * The note's descriptor is the distance to the hidden name: with the visible one the linker of a shared library would leave
 * a relocation that the loader refuses.
 */

__asm__(".pushsection .note.gos, \"a\", @note\n"
	".balign 4\n"
	".long 4, 8, 1\n" /* sizes of owner and descriptor; GOS_NOTE_TYPE */
	".asciz \"GOS\"\n"
	"1: .quad gos_runtime_hidden - 1b\n"
	".popsection\n");

/*
 * Tells gdb to load our commands. The path is absolute and under gdb's own auto-load directory, because gdb declines scripts
 * from anywhere else. Where it is not installed gdb says that it is missing, and goes on; gossamer-gdb is for that case.
 */
__asm__(".pushsection \".debug_gdb_scripts\", \"MS\", @progbits, 1\n"
	".byte 1\n"
	".asciz \"/usr/share/gdb/auto-load/gossamer/gossamer-gdb.py\"\n"
	".popsection\n");
