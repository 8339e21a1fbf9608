// SPDX-License-Identifier: MIT

// parked.go - n goroutines that all wait to receive from one channel, until it is closed.
//
// create: from the first go statement until the last goroutine is about to park; wake: from the close until the last one has
// ended. bytes: growth of the resident set while they wait. The kernel's page tables are not in the resident set: table_bytes.
//
// Most of create is the kernel's first touch of pages, and on a virtual machine a page that the host has taken back meanwhile costs
// several times as much. So each run first touches more than either side will need.
package main

import "sync"

const benchName = "parked"
const benchWarmPart = 1000 // few, or their stacks would be counted in the resident set before

var parked, ended sync.WaitGroup
var gate chan struct{}

func waiter() {
	parked.Done()
	<-gate
	ended.Done()
}

func benchWork(n, tasks int64) int64 {
	gate = make(chan struct{})
	parked.Add(int(n))
	ended.Add(int(n))
	benchTouch(n * 5120)
	rss := benchRSS()
	tables := benchStatus("VmPTE")

	begin, beginCPU := benchNow(), benchCPU()
	for i := int64(0); i < n; i++ {
		go waiter()
	}
	parked.Wait()
	created, createdCPU := benchNow(), benchCPU()

	rss = benchRSS() - rss
	tables = benchStatus("VmPTE") - tables

	opened, openedCPU := benchNow(), benchCPU()
	close(gate)
	ended.Wait()
	finished, finishedCPU := benchNow(), benchCPU()

	benchNote("bytes", float64(rss)/float64(n))
	benchNote("table_bytes", float64(tables)/float64(n))
	benchNote("create", float64(created-begin)/float64(n))
	benchNote("create_cpu", float64(createdCPU-beginCPU)/float64(n))
	benchNote("wake", float64(finished-opened)/float64(n))
	benchNote("wake_cpu", float64(finishedCPU-openedCPU)/float64(n))
	return n
}
