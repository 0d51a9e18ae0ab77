//go:build linux && amd64

package vdso

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// The kernel keeps to the true time: a wait until an absolute time of the wall clock is
// wrong by the whole skew, any other is right. These tests measure what targets are
// told of that (targets.Spec.Undistorted).

// waitTime is how long the waits of these tests are to take.
const waitTime = 300 * time.Millisecond

// goWaits are the ways in which a Go program waits.
var goWaits = map[string]func(){
	"time.Sleep": func() { time.Sleep(waitTime) },
	"timer":      func() { <-time.NewTimer(waitTime).C },
	"ticker": func() {
		t := time.NewTicker(waitTime)
		defer t.Stop()
		<-t.C
	},
	"context": func() {
		ctx, cancel := context.WithTimeout(context.Background(), waitTime)
		defer cancel()
		<-ctx.Done()
	},
	"deadline of a connection": func() {
		c, err := net.ListenPacket("udp4", "127.0.0.1:0")
		if err != nil {
			panic(err)
		}
		defer func() { _ = c.Close() }()
		_ = c.SetReadDeadline(time.Now().Add(waitTime))
		_, _, _ = c.ReadFrom(make([]byte, 1))
	},
	"time.AfterFunc": func() {
		done := make(chan struct{})
		time.AfterFunc(waitTime, func() { close(done) })
		<-done
	},
}

// waitForAll is the child of the test below: for each line it waits in all ways at once,
// says so, and then says which waits did not take as long as they should.
func waitForAll() {
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		var mu sync.Mutex
		var wg sync.WaitGroup
		var wrong []string
		for name, wait := range goWaits {
			wg.Go(func() {
				began := time.Now()
				wait()
				if took := time.Since(began); took < waitTime || took > time.Minute {
					mu.Lock()
					defer mu.Unlock()
					wrong = append(wrong, fmt.Sprintf("%s took %s", name, took))
				}
			})
		}
		fmt.Println("waiting")
		wg.Wait()
		fmt.Printf("wrong: %s\n", strings.Join(wrong, ", "))
	}
}

func TestNoWaitOfAGoProgramIsDistorted(t *testing.T) {
	c := start(t, "wait", os.Args[0])
	c.ask("and by now it is this program")
	if _, err := c.out.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	k := keepOnly(t, c.pid)
	defer func() {
		if err := k.Close(); err != nil {
			t.Error(err)
		}
	}()
	for _, off := range []time.Duration{0, time.Hour, -time.Hour, 0} {
		c.ask("wait under the last one")
		if err := k.Set(Clock{Offset: off}); err != nil { // and it changes meanwhile
			t.Fatal(err)
		}
		if said, err := c.out.ReadString('\n'); err != nil || said != "wrong: \n" {
			t.Errorf("while the clock became off by %s: %s %v", off, said, err)
		}
	}
}

// cWaits waits in the ways of a C library that are given an absolute time of the wall clock:
// a line says for how many milliseconds, the answer is how many nanoseconds each took.
const cWaits = `
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static long long monotonic(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

int main(void) {
	char line[64];
	pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
	pthread_cond_t c = PTHREAD_COND_INITIALIZER;
	sem_t s;
	sem_init(&s, 0, 0);
	setvbuf(stdout, NULL, _IOLBF, 0);
	while (fgets(line, sizeof line, stdin)) {
		for (int way = 0; way < 3; way++) {
			struct timespec until;
			long long began = monotonic();
			clock_gettime(CLOCK_REALTIME, &until);
			until.tv_nsec += atol(line) % 1000 * 1000000;
			until.tv_sec += atol(line) / 1000 + until.tv_nsec / 1000000000;
			until.tv_nsec %= 1000000000;
			if (way == 0) {
				pthread_mutex_lock(&m);
				while (pthread_cond_timedwait(&c, &m, &until) == 0) {}
				pthread_mutex_unlock(&m);
			}
			if (way == 1) while (sem_timedwait(&s, &until) && errno != ETIMEDOUT) {}
			if (way == 2) while (clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &until, NULL) == EINTR) {}
			printf("%lld ", monotonic() - began);
		}
		printf("\n");
	}
	return 0;
}
`

// TestAbsoluteWaitsAreDistortedAsReportsSay is what the warning in reports is about.
func TestAbsoluteWaitsAreDistortedAsReportsSay(t *testing.T) {
	path := filepath.Join(t.TempDir(), "waits.c")
	if err := os.WriteFile(path, []byte(cWaits), 0o600); err != nil {
		t.Fatal(err)
	}
	c := start(t, "", compiledFrom(t, path, "gcc", "-pthread"))
	took := func(ms int) (waits [3]time.Duration) {
		if _, err := fmt.Sscan(c.ask(fmt.Sprint(ms)), &waits[0], &waits[1], &waits[2]); err != nil {
			t.Fatal(err)
		}
		return waits
	}
	took(0)
	k := keepOnly(t, c.pid)
	defer func() {
		if err := k.Close(); err != nil {
			t.Error(err)
		}
	}()
	set := func(off time.Duration) {
		if err := k.Set(Clock{Offset: off}); err != nil {
			t.Fatal(err)
		}
	}
	ways := []string{"pthread_cond_timedwait", "sem_timedwait", "clock_nanosleep"}
	set(time.Second)
	for i, is := range took(100) {
		if is < time.Second+100*time.Millisecond {
			t.Errorf("%s of 100 ms took %s with a clock one second ahead: it is not distorted", ways[i], is)
		}
	}
	set(-time.Hour)
	const minute = 60_000
	for i, is := range took(minute) {
		if is > time.Minute/2 {
			t.Errorf("%s of a minute took %s with a clock one hour behind: it is not distorted", ways[i], is)
		}
	}
}
