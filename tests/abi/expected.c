/* SPDX-License-Identifier: MIT */
/* expected.c - see expected.h. The rows are made from the lists in another way than rt/abi/runtime.c makes them: by the enumerators. */
#include "expected.h"

#include "rt/config.h"
#include "rt/context.h"
#include "rt/depot.h"
#include "rt/flight.h"
#include "rt/label.h"
#include "rt/origin.h"
#include "rt/sema.h"
#include "rt/state.h"
#include "rt/timer.h"

const struct expected expected[] = {
#define GOS_STRUCT(name_, c_type) {{.name = name_, .kind = GOS_ROW_STRUCT, .size = sizeof(c_type)}, #c_type, NULL, NULL, 0},
#define GOS_FIELD(name_, c_type, field_, form) \
	{{.name = name_,                       \
	  .text = form,                        \
	  .kind = GOS_ROW_FIELD,               \
	  .size = sizeof((c_type *)0)->field_, \
	  .value = offsetof(c_type, field_)},  \
	 #c_type,                              \
	 #field_,                              \
	 NULL,                                 \
	 0},
#define GOS_CONST(name_, value_) {{.name = "const." name_, .kind = GOS_ROW_CONST, .value = value_}, NULL, NULL, NULL, 0},
#include "rt/abi/layout.def"
#define GOS_STATE(symbol, number, word, ...)                                                     \
	{{.name = "state." #symbol, .text = word, .kind = GOS_ROW_STATE, .value = GOS_##symbol}, \
	 NULL,                                                                                   \
	 NULL,                                                                                   \
	 "GOS_" #symbol,                                                                         \
	 GOS_##symbol},
#define GOS_REASON(symbol, number, word, object) \
	{{.name = "reason." #symbol,             \
	  .text = word,                          \
	  .kind = GOS_ROW_REASON,                \
	  .size = RT_OBJECT_##object,            \
	  .value = GOS_REASON_##symbol},         \
	 NULL,                                   \
	 NULL,                                   \
	 "GOS_REASON_" #symbol,                  \
	 GOS_REASON_##symbol},
#define GOS_OBJECT(symbol, number, word) \
	{{.name = "object." #symbol, .text = word, .kind = GOS_ROW_OBJECT, .value = RT_OBJECT_##symbol}, NULL, NULL, NULL, 0},
#define GOS_EVENT(symbol, bit, word)                                                                                  \
	{{.name = "event." #symbol, .text = word, .kind = GOS_ROW_EVENT, .value = __builtin_ctz(GOS_EVENT_##symbol)}, \
	 NULL,                                                                                                        \
	 NULL,                                                                                                        \
	 "GOS_EVENT_" #symbol,                                                                                        \
	 GOS_EVENT_##symbol},
#define GOS_FLAG(symbol, word)                                                                  \
	{{.name = "flag." #symbol, .text = word, .kind = GOS_ROW_FLAG, .value = RT_G_##symbol}, \
	 NULL,                                                                                  \
	 NULL,                                                                                  \
	 "RT_G_" #symbol,                                                                       \
	 RT_G_##symbol},
#define GOS_FLIGHT(symbol, number, word, payload) \
	{{.name = "flight." #symbol,              \
	  .text = word,                           \
	  .kind = GOS_ROW_FLIGHT,                 \
	  .size = GOS_PAYLOAD_##payload,          \
	  .value = GOS_FLIGHT_##symbol},          \
	 NULL,                                    \
	 NULL,                                    \
	 "GOS_FLIGHT_" #symbol,                   \
	 GOS_FLIGHT_##symbol},
#define GOS_HOLD(symbol, bits, word)                                                               \
	{{.name = "hold." #symbol, .text = word, .kind = GOS_ROW_HOLD, .value = RT_HOLD_##symbol}, \
	 NULL,                                                                                     \
	 NULL,                                                                                     \
	 "RT_HOLD_" #symbol,                                                                       \
	 RT_HOLD_##symbol},
#include "rt/abi/states.def"
};

const unsigned expected_count = sizeof expected / sizeof *expected;
