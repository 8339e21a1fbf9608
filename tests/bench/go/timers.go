// SPDX-License-Identifier: MIT

// timers.go - `tasks` goroutines sleep again and again, n sleeps in all: goroutine i for 1 + i % 10 ms each time.
//
// ns_cpu is the CPU time of a sleep; the time that passes is the sleeps' own. late50 and late99: how long after its time a sleep
// ended, median and 99th percentile, in ns. Every sample-th sleep is measured.
package main

import (
	"sort"
	"sync"
	"sync/atomic"
	"time"
)

const benchName = "timers"
const benchWarmPart = 10

const sample = 16

var wg sync.WaitGroup

var late []int64
var lateCount int64

func sleeper(wg *sync.WaitGroup, times int64, ns int64, done *int64) {
	var i int64
	for i = 0; i < times; i++ {
		if i%sample != 0 {
			time.Sleep(time.Duration(ns))
			continue
		}
		begin := benchNow()
		time.Sleep(time.Duration(ns))
		at := atomic.AddInt64(&lateCount, 1) - 1
		if at < int64(len(late)) {
			late[at] = benchNow() - begin - ns
		}
	}
	*done = i
	wg.Done()
}

func benchWork(n, tasks int64) int64 {
	done := make([]int64, tasks)
	sum := int64(0)

	lateCount = 0
	late = make([]int64, n)
	wg.Add(int(tasks))
	for i := range done {
		go sleeper(&wg, n/tasks, int64(1+i%10)*int64(time.Millisecond), &done[i])
	}
	wg.Wait()

	for _, d := range done {
		sum += d
	}
	if sum != n/tasks*tasks {
		benchFail("%d sleeps, not %d", sum, n)
	}
	late = late[:lateCount]
	sort.Slice(late, func(i, j int) bool { return late[i] < late[j] })
	if late[0] < 0 {
		benchFail("a sleep ended %d ns early", -late[0])
	}
	benchNote("late50", float64(late[lateCount/2]))
	benchNote("late99", float64(late[lateCount*99/100]))
	return sum
}
