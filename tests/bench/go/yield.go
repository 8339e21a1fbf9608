// SPDX-License-Identifier: MIT

// yield.go - `tasks` goroutines yield n times in all: the cost of one yield, until the next goroutine runs.
package main

import (
	"runtime"
	"sync"
)

const benchName = "yield"
const benchWarmPart = 10

var wg sync.WaitGroup

func yielder(wg *sync.WaitGroup, times int64, done *int64) {
	var i int64
	for i = 0; i < times; i++ {
		runtime.Gosched()
	}
	*done = i
	wg.Done()
}

func benchWork(n, tasks int64) int64 {
	done := make([]int64, tasks)
	sum := int64(0)

	wg.Add(int(tasks))
	for i := range done {
		go yielder(&wg, n/tasks, &done[i])
	}
	wg.Wait()

	for _, d := range done {
		sum += d
	}
	if sum != n {
		benchFail("%d yields, not %d", sum, n)
	}
	return sum
}
