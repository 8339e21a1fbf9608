// SPDX-License-Identifier: MIT

// pingpong.go - two goroutines hand a number to and fro over two unbuffered channels; n counts round trips.
package main

const benchName = "pingpong"
const benchWarmPart = 10

func pong(there, back chan int64) {
	for v := range there {
		v++
		back <- v
	}
	close(back)
}

func benchWork(n, tasks int64) int64 {
	there := make(chan int64)
	back := make(chan int64)
	v := int64(0)

	go pong(there, back)
	for i := int64(0); i < n; i++ {
		v++
		there <- v
		v = <-back
	}
	close(there)
	<-back // until pong has done with both

	if v != 2*n {
		benchFail("%d after %d round trips", v, n)
	}
	return v
}
