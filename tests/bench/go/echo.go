// SPDX-License-Identifier: MIT

// echo.go - a TCP server, a goroutine a connection, that sends back what it gets: n messages of 64 bytes over `tasks` connections.
//
// The client is a process of its own (echo-client.c, the same for both sides), so that ns_cpu is the server's CPU time for one message.
package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
)

const benchName = "echo"
const benchWarmPart = 10

var wg sync.WaitGroup

func serve(wg *sync.WaitGroup, c net.Conn, served *int64) {
	var message [64]byte
	count := int64(0)

	for {
		n, err := c.Read(message[:])
		if err != nil {
			break
		}
		if _, err := c.Write(message[:n]); err != nil {
			benchFail("a reply was not written")
		}
		count++
	}
	c.Close()
	atomic.AddInt64(served, count)
	wg.Done()
}

// The client stands beside this program.
func startClient(port int, n, tasks int64) *exec.Cmd {
	path, err := os.Executable()
	if err != nil {
		benchFail("cannot find out where this program is: %v", err)
	}
	client := exec.Command(filepath.Join(filepath.Dir(path), "echo-client"), fmt.Sprint(port), fmt.Sprint(n), fmt.Sprint(tasks))
	client.Stderr = os.Stderr
	if err := client.Start(); err != nil {
		benchFail("cannot start %s: %v", client.Path, err)
	}
	return client
}

func benchWork(n, tasks int64) int64 {
	served := int64(0)

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		benchFail("cannot listen: %v", err)
	}
	client := startClient(listener.Addr().(*net.TCPAddr).Port, n, tasks)
	wg.Add(int(tasks))
	for i := int64(0); i < tasks; i++ {
		c, err := listener.Accept()
		if err != nil {
			benchFail("accept: %v", err)
		}
		go serve(&wg, c, &served)
	}
	wg.Wait()
	listener.Close()

	if err := client.Wait(); err != nil {
		benchFail("the client failed: %v", err)
	}
	if served != n/tasks*tasks {
		benchFail("%d messages, not %d", served, n)
	}
	return served
}
