package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
)

// progress shows how far a measurement is, as a bar on a terminal and as lines elsewhere. Safe for
// concurrent use.
type progress struct {
	mu      sync.Mutex
	w       io.Writer
	tty     bool
	began   time.Time
	total   int
	done    int
	what    string
	stopped chan struct{}
	wg      sync.WaitGroup
}

const barWidth = 24

// newProgress starts a bar of total steps.
func newProgress(total int) *progress {
	p := &progress{w: os.Stderr, began: time.Now(), total: total, stopped: make(chan struct{})}
	if st, err := os.Stderr.Stat(); err == nil {
		p.tty = st.Mode()&os.ModeCharDevice != 0
	}
	if p.tty {
		p.wg.Go(p.beat)
	}
	return p
}

// beat redraws the bar so that its clock moves.
func (p *progress) beat() {
	t := time.NewTicker(500 * time.Millisecond)
	defer t.Stop()
	for {
		select {
		case <-p.stopped:
			return
		case <-t.C:
			p.mu.Lock()
			p.draw()
			p.mu.Unlock()
		}
	}
}

// step says what is being done now.
func (p *progress) step(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.what = fmt.Sprintf(format, args...)
	if p.tty {
		p.draw()
	} else {
		fmt.Fprintf(p.w, "[%d/%d %s] %s\n", p.done, p.total, time.Since(p.began).Round(time.Second), p.what)
	}
}

// finish counts one step as done.
func (p *progress) finish() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done++
	if p.tty {
		p.draw()
	}
}

func (p *progress) draw() {
	fmt.Fprint(p.w, "\r\x1b[K"+line(p.done, p.total, time.Since(p.began), p.what))
}

// line is the bar: share done, time gone, time left by the pace so far, and what is going on.
func line(done, total int, gone time.Duration, what string) string {
	total = max(total, 1)
	full := min(done*barWidth/total, barWidth)
	left := ""
	if done > 0 && done < total {
		left = fmt.Sprintf(", %v left", (gone * time.Duration(total-done) / time.Duration(done)).Round(time.Second))
	}
	return fmt.Sprintf("[%s%s] %d/%d  %v%s  %s", strings.Repeat("#", full), strings.Repeat(".", barWidth-full), done, total, gone.Round(time.Second), left, what)
}

// say prints a line of result above the bar.
func (p *progress) say(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.tty {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
	fmt.Printf(format+"\n", args...)
	if p.tty {
		p.draw()
	}
}

// close ends the bar.
func (p *progress) close() {
	close(p.stopped)
	p.wg.Wait()
	if p.tty {
		fmt.Fprintln(p.w)
	}
}
