// SPDX-License-Identifier: MIT

// select4.go - four goroutines send n numbers in all, each over an unbuffered channel of its own; one selects over the four.
package main

const benchName = "select4"
const benchWarmPart = 10

func produce(c chan int64, n int64) {
	for i := int64(0); i < n; i++ {
		c <- i
	}
}

func benchWork(n, tasks int64) int64 {
	var c [4]chan int64
	each := n / 4
	sum := int64(0)

	for i := range c {
		c[i] = make(chan int64)
		go produce(c[i], each)
	}
	for i := int64(0); i < 4*each; i++ {
		select {
		case v := <-c[0]:
			sum += v
		case v := <-c[1]:
			sum += v + 1
		case v := <-c[2]:
			sum += v + 2
		case v := <-c[3]:
			sum += v + 3
		}
	}

	// each * (0 + 1 + 2 + 3) for the indices, four times the sum of the numbers
	if sum != each*6+4*(each*(each-1)/2) {
		benchFail("the sum of %d numbers is %d", n, sum)
	}
	return sum
}
