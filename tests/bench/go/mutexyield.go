// SPDX-License-Identifier: MIT

// mutexyield.go - `tasks` goroutines count to n together under one mutex, and who holds it lets others run meanwhile: all of them want it, and all but
// one wait for it.
package main

import (
	"runtime"
	"sync"
)

const benchName = "mutexyield"
const benchWarmPart = 10

var wg sync.WaitGroup

var counter struct {
	lock  sync.Mutex
	value int64
}

func count(wg *sync.WaitGroup, times int64) {
	for i := int64(0); i < times; i++ {
		counter.lock.Lock()
		counter.value++
		runtime.Gosched()
		counter.lock.Unlock()
	}
	wg.Done()
}

func benchWork(n, tasks int64) int64 {
	counter.value = 0
	wg.Add(int(tasks))
	for i := int64(0); i < tasks; i++ {
		go count(&wg, n/tasks)
	}
	wg.Wait()

	if counter.value != n/tasks*tasks {
		benchFail("counted to %d, not %d", counter.value, n/tasks*tasks)
	}
	return counter.value
}
