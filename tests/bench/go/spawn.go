// SPDX-License-Identifier: MIT

// spawn.go - n goroutines that do nothing, started in batches of `tasks` and waited for: the cost of one whole life.
package main

import "sync"

const benchName = "spawn"
const benchWarmPart = 10

var wg sync.WaitGroup

func empty(wg *sync.WaitGroup) {
	wg.Done()
}

func benchWork(n, tasks int64) int64 {
	started := int64(0)

	for started < n {
		wg.Add(int(tasks))
		for i := int64(0); i < tasks; i++ {
			go empty(&wg)
		}
		wg.Wait()
		started += tasks
	}
	return started
}
