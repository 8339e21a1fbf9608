/* SPDX-License-Identifier: MIT */
/*
 * sysmon.h - the thread that watches. Floor 5.
 */
#ifndef RT_SYSMON_H
#define RT_SYSMON_H

void rt_sysmon_start(void);

#endif
