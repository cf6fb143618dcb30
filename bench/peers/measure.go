package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"time"
)

// readers is the load's process.
type readers struct {
	cmd     *exec.Cmd
	reports chan report
}

func startReaders(ctx context.Context, s *server, count, sample int, deflate bool) (*readers, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self, "load", "-server", s.name, "-address", s.address, "-readers", fmt.Sprint(count),
		"-token", s.token, "-execution", s.execution, fmt.Sprintf("-deflate=%v", deflate), "-sample", fmt.Sprint(sample))
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := onCore(loadCore, cmd.Start); err != nil {
		return nil, err
	}
	r := &readers{cmd: cmd, reports: make(chan report, 1)}
	go func() {
		defer close(r.reports)
		for scan := bufio.NewScanner(out); scan.Scan(); {
			var one report
			if json.Unmarshal(scan.Bytes(), &one) == nil {
				r.reports <- one
			}
		}
	}()
	return r, nil
}

func (r *readers) stop() {
	_ = r.cmd.Process.Kill()
	for range r.reports {
	}
	_ = r.cmd.Wait()
}

// until gives the first report that fits.
func (r *readers) until(fits func(report) bool) (report, error) {
	deadline := time.After(90 * time.Second)
	for {
		select {
		case one, ok := <-r.reports:
			if !ok {
				return report{}, fmt.Errorf("the readers ended early")
			}
			if fits(one) {
				return one, nil
			}
		case <-deadline:
			return report{}, fmt.Errorf("the readers did not get so far")
		}
	}
}

func measure(ctx context.Context, name, binary string, w work, length time.Duration) (result, error) {
	s, err := startServer(ctx, name, binary)
	if err != nil {
		return result{}, err
	}
	defer s.stop()
	if name == "claudeops" { // the readers must know what to follow
		if err := s.begin(w.rate); err != nil {
			return result{}, err
		}
	}
	frames := w.readers * w.rate // a second, at most
	r, err := startReaders(ctx, s, w.readers, 1+frames/20_000, w.deflate)
	if err != nil {
		return result{}, err
	}
	defer r.stop()
	if _, err := r.until(func(one report) bool { return one.Connected == w.readers }); err != nil {
		return result{}, err
	}
	if name != "claudeops" {
		if err := s.begin(w.rate); err != nil {
			return result{}, err
		}
	}
	if _, err := r.until(func(one report) bool { return one.Lines > 0 }); err != nil {
		return result{}, err
	}
	<-r.reports // a second to settle
	first := <-r.reports
	cpu, began := cpuTime(s.pid()), time.Now()
	var last report
	var p50, p99 []float64
	for time.Since(began) < length {
		one, ok := <-r.reports
		if !ok {
			return result{}, fmt.Errorf("the readers ended early")
		}
		last = one
		p50, p99 = append(p50, one.P50), append(p99, one.P99)
	}
	elapsed := time.Since(began)
	used := cpuTime(s.pid()) - cpu
	lines := float64(last.Lines - first.Lines)
	if w.deflate {
		lines *= float64(w.readers) // only the first reader's frames were inflated and counted
	}
	if lines == 0 {
		return result{}, fmt.Errorf("nothing was delivered")
	}
	return result{
		microseconds: float64(used.Nanoseconds()) / 1e3 / lines,
		share:        lines / (float64(w.readers*w.rate) * elapsed.Seconds()),
		cpu:          used.Seconds() / elapsed.Seconds(),
		p50:          microseconds(middle(p50)), p99: microseconds(middle(p99)),
		bytesPerLine: float64(last.Bytes-first.Bytes) / lines,
		rssMB:        residentKB(s.pid()) / 1024,
		cut:          last.Cut,
	}, nil
}

func microseconds(us float64) time.Duration { return time.Duration(us * 1e3) }

func middle(all []float64) float64 {
	if len(all) == 0 {
		return 0
	}
	sorted := append([]float64(nil), all...)
	for i := range sorted {
		for j := i; j > 0 && sorted[j] < sorted[j-1]; j-- {
			sorted[j], sorted[j-1] = sorted[j-1], sorted[j]
		}
	}
	return sorted[len(sorted)/2]
}

// measureResting opens connections that follow nothing, and gives what each costs the server.
func measureResting(ctx context.Context, name, binary string, count int) (float64, error) {
	s, err := startServer(ctx, name, binary)
	if err != nil {
		return 0, err
	}
	defer s.stop()
	time.Sleep(time.Second)
	before := residentKB(s.pid())
	r, err := startReaders(ctx, s, count, 1, false)
	if err != nil {
		return 0, err
	}
	defer r.stop()
	if _, err := r.until(func(one report) bool { return one.Connected == count }); err != nil {
		return 0, err
	}
	time.Sleep(5 * time.Second) // what was needed to connect is given back
	return (residentKB(s.pid()) - before) / float64(count), nil
}
