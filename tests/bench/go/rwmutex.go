// SPDX-License-Identifier: MIT

// rwmutex.go - one writer counts under an RWMutex while `tasks` readers look at the counter: n locks and unlocks in all, each goroutine as many as the others.
package main

import "sync"

const benchName = "rwmutex"
const benchWarmPart = 10

var wg sync.WaitGroup

var counter struct {
	lock         sync.RWMutex
	value, twice int64 // the one is always half of the other
}

func look(wg *sync.WaitGroup, times int64) {
	for i := int64(0); i < times; i++ {
		counter.lock.RLock()
		if counter.twice != 2*counter.value {
			benchFail("a reader saw the middle of a write")
		}
		counter.lock.RUnlock()
	}
	wg.Done()
}

func count(wg *sync.WaitGroup, times int64) {
	for i := int64(0); i < times; i++ {
		counter.lock.Lock()
		counter.value++
		counter.twice += 2
		counter.lock.Unlock()
	}
	wg.Done()
}

func benchWork(n, tasks int64) int64 {
	each := n / (tasks + 1)

	counter.value, counter.twice = 0, 0
	wg.Add(int(tasks) + 1)
	go count(&wg, each)
	for i := int64(0); i < tasks; i++ {
		go look(&wg, each)
	}
	wg.Wait()

	if counter.value != each {
		benchFail("counted to %d, not %d", counter.value, each)
	}
	return counter.value
}
