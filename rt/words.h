/* SPDX-License-Identifier: MIT */
/*
 * words.h - what abi/states.def calls states, reasons and objects, for whatever of the runtime speaks of them. Beside the floors.
 */
#ifndef RT_WORDS_H
#define RT_WORDS_H

#include <stdint.h>

#include "state.h"

/* Never NULL: numbers are read while they change, or out of memory that may not be what it was. */
const char *rt_state_word(uint32_t status);
const char *rt_reason_word(uint32_t reason); /* "" for none */
const char *rt_object_word(enum rt_object object);

/* What g->wait_obj of a goroutine that waits for this reason points to. */
enum rt_object rt_reason_object(uint32_t reason);

/* Of the bits of g->flags those that people want to know of, and those of g->hold, in order; each ends with a word that is NULL. */
struct rt_flag_word {
	uint8_t bit;
	const char *word;
};
extern const struct rt_flag_word rt_flag_words[];
extern const struct rt_flag_word rt_hold_words[];

#endif
