// SPDX-License-Identifier: MIT

// bench.go - runs one benchmark program, PROGRAM N [TASKS], and prints its result as one line of key=value words.
// The peer of ../bench.c; keep the two alike.
//
// Time is taken inside the process, around the work alone, after a warm-up: starting a process and a runtime is not part of
// any figure. CPU time of all threads is taken over the same span, so that workers that spin while they wait are seen.
package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

var notes string

var epoch = time.Now()

func benchNow() int64 {
	return int64(time.Since(epoch)) // time.Now reads CLOCK_MONOTONIC too
}

// CPU time of all threads, ns.
func benchCPU() int64 {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return u.Utime.Nano() + u.Stime.Nano()
}

// Resident bytes now, from /proc/self/statm.
func benchRSS() int64 {
	var size, resident int64
	b, err := os.ReadFile("/proc/self/statm")
	if err == nil {
		_, err = fmt.Sscan(string(b), &size, &resident)
	}
	if err != nil {
		benchFail("cannot read /proc/self/statm: %v", err)
	}
	return resident * int64(os.Getpagesize())
}

// Bytes, from a kB line of /proc/self/status, such as "VmPTE".
func benchStatus(key string) int64 {
	f, err := os.Open("/proc/self/status")
	if err != nil {
		benchFail("%v", err)
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if strings.HasPrefix(s.Text(), key+":") {
			kb, _ := strconv.ParseInt(strings.Fields(s.Text())[1], 10, 64)
			return kb * 1024
		}
	}
	benchFail("no %s in /proc/self/status", key)
	return 0
}

// Touches that much memory and gives it back to the kernel. What runs next finds pages that the host, if there is one, has ready.
func benchTouch(bytes int64) {
	p, err := syscall.Mmap(-1, 0, int(bytes), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE|syscall.MAP_ANON)
	if err != nil {
		benchFail("no %d bytes of memory: %v", bytes, err)
	}
	for i := int64(0); i < bytes; i += 4096 {
		p[i] = 1
	}
	syscall.Munmap(p)
}

func benchNote(key string, value float64) {
	notes += fmt.Sprintf(" %s=%.2f", key, value)
}

func benchFail(format string, args ...interface{}) {
	fmt.Fprintf(os.Stderr, benchName+": "+format+"\n", args...)
	os.Exit(1)
}

func main() {
	if len(os.Args) < 2 {
		benchFail("usage: %s N [TASKS]", os.Args[0])
	}
	n, _ := strconv.ParseInt(os.Args[1], 10, 64)
	tasks := int64(0)
	if len(os.Args) > 2 {
		tasks, _ = strconv.ParseInt(os.Args[2], 10, 64)
	}

	benchWork(n/benchWarmPart, tasks)

	notes = ""
	wall := benchNow()
	cpu := benchCPU()
	check := benchWork(n, tasks)
	cpu = benchCPU() - cpu
	wall = benchNow() - wall

	fmt.Printf("bench=%s side=go procs=%d n=%d tasks=%d check=%d wall=%d cpu=%d ns=%.2f ns_cpu=%.2f peak=%d%s\n", benchName,
		runtime.GOMAXPROCS(0), n, tasks, check, wall, cpu, float64(wall)/float64(n),
		float64(cpu)/float64(n), benchStatus("VmHWM"), notes)
}
