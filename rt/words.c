/* SPDX-License-Identifier: MIT */
/*
 * words.c - what abi/states.def calls states, reasons and objects. Beside the floors.
 */
#include "words.h"

static const char *const states[] = {
#define GOS_STATE(symbol, number, word, ...) [number] = word,
#include "abi/states.def"
};

static const struct {
	const char *word;
	enum rt_object object;
} reasons[] = {
#define GOS_REASON(symbol, number, word, object) [number] = {word, RT_OBJECT_##object},
#include "abi/states.def"
};

static const char *const objects[] = {
#define GOS_OBJECT(symbol, number, word) [number] = word,
#include "abi/states.def"
};

const struct rt_flag_word rt_flag_words[] = {
#define GOS_FLAG(symbol, word) {RT_G_##symbol, word},
#include "abi/states.def"
	{0, NULL},
};

const struct rt_flag_word rt_hold_words[] = {
#define GOS_HOLD(symbol, bits, word) {RT_HOLD_##symbol, word},
#include "abi/states.def"
	{0, NULL},
};

#define COUNT(table) (sizeof(table) / sizeof *(table))

const char *rt_state_word(uint32_t status)
{
	return status < COUNT(states) && states[status] != NULL ? states[status] : "?";
}

const char *rt_reason_word(uint32_t reason)
{
	return reason < COUNT(reasons) && reasons[reason].word != NULL ? reasons[reason].word : "?";
}

const char *rt_object_word(enum rt_object object)
{
	return (uint32_t)object < COUNT(objects) && objects[object] != NULL ? objects[object] : "?";
}

enum rt_object rt_reason_object(uint32_t reason)
{
	return reason < COUNT(reasons) ? reasons[reason].object : RT_OBJECT_NONE;
}
