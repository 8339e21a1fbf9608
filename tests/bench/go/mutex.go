// SPDX-License-Identifier: MIT

// mutex.go - `tasks` goroutines count to n together, with the counter under one mutex.
package main

import "sync"

const benchName = "mutex"
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

	if counter.value != n {
		benchFail("counted to %d, not %d", counter.value, n)
	}
	return counter.value
}
