// SPDX-License-Identifier: MIT

// buffered.go - one goroutine sends n numbers over a channel that holds 128 to another, which adds them up.
package main

const benchName = "buffered"
const benchWarmPart = 10

func produce(c chan int64, n int64) {
	for i := int64(0); i < n; i++ {
		c <- i
	}
	close(c)
}

func benchWork(n, tasks int64) int64 {
	c := make(chan int64, 128)
	sum := int64(0)

	go produce(c, n)
	for v := range c {
		sum += v
	}

	if sum != n*(n-1)/2 {
		benchFail("the sum of %d numbers is %d", n, sum)
	}
	return sum
}
