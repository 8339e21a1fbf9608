/* SPDX-License-Identifier: MIT */
/*
 * probe.h - RT_PROBE1(name, a), RT_PROBE2, RT_PROBE3: the USDT probes that probes.def lists, provider "gossamer".
 *
 * Without <sys/sdt.h>, or with RT_NO_PROBES, they only check that their arguments compile, and that the name is in the list.
 */
#ifndef RT_ABI_PROBE_H
#define RT_ABI_PROBE_H

enum rt_probe {
#define GOS_PROBE(name, arguments, when) RT_PROBE_##name,
#include "probes.def"
};

#if defined(__has_include) && !defined(RT_NO_PROBES)
#if __has_include(<sys/sdt.h>)
#include <sys/sdt.h>
#endif
#endif

#ifdef STAP_PROBE1
#define RT_PROBE1(name, a) ((void)sizeof(RT_PROBE_##name)); STAP_PROBE1(gossamer, name, a)
#define RT_PROBE2(name, a, b) ((void)sizeof(RT_PROBE_##name)); STAP_PROBE2(gossamer, name, a, b)
#define RT_PROBE3(name, a, b, c) ((void)sizeof(RT_PROBE_##name)); STAP_PROBE3(gossamer, name, a, b, c)
#else
#define RT_PROBE1(name, a) ((void)sizeof(RT_PROBE_##name), (void)sizeof(a))
#define RT_PROBE2(name, a, b) (RT_PROBE1(name, a), (void)sizeof(b))
#define RT_PROBE3(name, a, b, c) (RT_PROBE2(name, a, b), (void)sizeof(c))
#endif

#endif
