// SPDX-License-Identifier: MIT

// skynet.go - a tree of goroutines, ten children each, n leaves: every leaf sends its number up, every parent the sum of its
// children's. The known "skynet" benchmark; n is a power of ten.
package main

const benchName = "skynet"
const benchWarmPart = 10

func node(up chan int64, number, leaves int64) {
	if leaves == 1 {
		up <- number
		return
	}
	c := make(chan int64)
	sum := int64(0)

	for i := int64(0); i < 10; i++ {
		go node(c, number+i*(leaves/10), leaves/10)
	}
	for i := int64(0); i < 10; i++ {
		sum += <-c
	}
	up <- sum
}

func benchWork(n, tasks int64) int64 {
	c := make(chan int64)

	go node(c, 0, n)
	sum := <-c

	if sum != n*(n-1)/2 {
		benchFail("the sum of %d leaves is %d", n, sum)
	}
	return sum
}
