package space

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/claudeops/claudeops/protocol"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	mib = 1 << 20
	gib = 1 << 30
)

func TestMark_judge(t *testing.T) {
	t.Parallel()
	big, small := Figures{Total: 100 * gib, Inodes: 1e6, FreeInodes: 1e6}, Figures{Total: 64 * mib, Inodes: 5000, FreeInodes: 5000}
	free := func(f Figures, bytes uint64) Figures {
		f.Free = bytes
		return f
	}
	inodes := func(f Figures, n uint64) Figures {
		f.Free, f.FreeInodes = f.Total, n
		return f
	}
	const ok, low, critical = protocol.DiskOK, protocol.DiskLow, protocol.DiskCritical
	for name, test := range map[string]struct {
		mark    Mark
		figures Figures
		before  protocol.DiskState
		want    protocol.DiskState
		says    string
	}{
		"room":                              {Mark{}, free(big, 50*gib), ok, ok, ""},
		"two_percent_of_a_large_one":        {Mark{}, free(big, 2*gib), ok, ok, ""},
		"less_than_two_percent":             {Mark{}, free(big, 2*gib-1), ok, low, "2.0 GiB free, and 2.0 GiB are needed"},
		"a_gibibyte_of_a_middling_one":      {Mark{}, free(Figures{Total: 20 * gib}, gib-1), ok, low, "1.0 GiB are needed"},
		"a_tenth_of_a_small_one":            {Mark{}, free(small, 6*mib), ok, low, "6.0 MiB free, and 6.4 MiB are needed"},
		"room_on_a_small_one":               {Mark{}, free(small, 7*mib), ok, ok, ""},
		"a_quarter_of_the_mark":             {Mark{}, free(big, gib/2), ok, low, "512.0 MiB free"},
		"less_than_a_quarter":               {Mark{}, free(big, gib/2-1), ok, critical, "free"},
		"nothing":                           {Mark{}, free(big, 0), ok, critical, "0 bytes free"},
		"low_and_just_the_mark":             {Mark{}, free(big, 2*gib), low, low, "free"},
		"low_and_a_tenth_more":              {Mark{}, free(big, 2*gib+gib/5), low, ok, ""},
		"critical_and_just_the_mark":        {Mark{}, free(big, 2*gib), critical, low, "free"},
		"critical_and_a_quarter":            {Mark{}, free(big, gib/2), critical, critical, "free"},
		"critical_and_more_than_a_quarter":  {Mark{}, free(big, gib/2+gib/10), critical, low, "free"},
		"a_size":                            {Mark{Bytes: 5 * gib}, free(big, 5*gib-1), ok, low, "5.0 GiB are needed"},
		"a_size_larger_than_the_disk":       {Mark{Bytes: 5 * gib}, free(small, 64*mib), ok, critical, "free"},
		"a_share":                           {Mark{Percent: 20}, free(big, 20*gib-1), ok, low, "20.0 GiB are needed"},
		"few_inodes":                        {Mark{}, inodes(big, 19_999), ok, low, "19999 inodes free, and 20000 are needed"},
		"few_inodes_of_a_share":             {Mark{Percent: 20}, inodes(big, 199_999), ok, low, "inodes"},
		"hardly_an_inode":                   {Mark{}, inodes(big, 10), ok, critical, "10 inodes free"},
		"inodes_of_a_small_one":             {Mark{}, inodes(small, 499), ok, low, "500 are needed"},
		"inodes_are_not_counted":            {Mark{}, Figures{Total: big.Total, Free: big.Total}, ok, ok, ""},
		"inodes_low_and_just_enough":        {Mark{}, inodes(big, 20_000), low, low, "inodes"},
		"a_file_system_without_any_figures": {Mark{}, Figures{}, ok, ok, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := test.mark.judge(test.figures, test.before)
			if got.DiskState != test.want || !strings.Contains(got.Condition, test.says) || (got.Condition == "") != (test.want == ok) {
				t.Errorf("%+v, want %s with %q", got, test.want, test.says)
			}
		})
	}
}

// A disk that hovers about its mark does not let go and hold again with each byte.
func TestMark_judge_does_not_flap(t *testing.T) {
	t.Parallel()
	state, changes := protocol.DiskOK, 0
	for i := range 1000 {
		f := Figures{Total: 100 * gib, Free: 2*gib + uint64(i%2)*100*mib - 50*mib}
		if now := (Mark{}).judge(f, state).DiskState; now != state {
			state = now
			changes++
		}
	}
	if changes != 1 {
		t.Errorf("it changed %d times", changes)
	}
}

func TestParseMark(t *testing.T) {
	t.Parallel()
	size := func(text string) (int64, error) { return strconv.ParseInt(text, 10, 64) }
	for text, want := range map[string]Mark{"": {}, "off": {Off: true}, "5%": {Percent: 5}, "0.5%": {Percent: .5}, "1000": {Bytes: 1000}} {
		if got, err := ParseMark(text, size); err != nil || got != want {
			t.Errorf("%q gives %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"0", "-1", "0%", "100%", "-5%", "NaN%", "x%", "much"} {
		if got, err := ParseMark(text, size); err == nil || !strings.Contains(err.Error(), "off") && !strings.Contains(err.Error(), "5%") {
			t.Errorf("%q gives %+v, %v", text, got, err)
		}
	}
}

type disk struct {
	mu   sync.Mutex
	free uint64
	err  error
}

func (d *disk) set(free uint64, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.free, d.err = free, err
}

func (d *disk) statfs(string) (Figures, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return Figures{Free: d.free, Total: 100 * gib}, d.err
}

func TestWatcher(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := &disk{free: gib}
		var told []protocol.DiskState
		var log bytes.Buffer
		w := New(Options{Path: "/x", Statfs: d.statfs, Log: slog.New(slog.NewTextHandler(&log, nil)), Changed: func(s State) { told = append(told, s.DiskState) }})
		if _, ok := w.State(); ok {
			t.Error("it watches before it was started")
		}
		w.Start()
		w.Start()
		if s, ok := w.State(); !ok || s.DiskState != protocol.DiskLow || !slices.Equal(told, []protocol.DiskState{protocol.DiskLow}) {
			t.Errorf("when started it says %+v, %v, and told %v", s, ok, told)
		}
		look := func() {
			time.Sleep(every + time.Millisecond)
			synctest.Wait()
		}
		for range 3 {
			look()
		}
		d.set(1, nil)
		look()
		d.set(0, errors.New("gone"))
		look()
		look()
		if s, _ := w.State(); s.DiskState != protocol.DiskCritical {
			t.Errorf("without figures it says %s", s.DiskState)
		}
		d.set(50*gib, nil)
		look()
		if want := []protocol.DiskState{protocol.DiskLow, protocol.DiskCritical, protocol.DiskOK}; !slices.Equal(told, want) {
			t.Errorf("told were %v, want %v", told, want)
		}
		for text, times := range map[string]int{"level=WARN": 1, "level=ERROR": 2, "gone": 1, "room again": 1} {
			if got := strings.Count(log.String(), text); got != times {
				t.Errorf("the log has %q %d times, want %d:\n%s", text, got, times, &log)
			}
		}
		w.Stop()
		w.Stop()
		d.set(0, nil)
		look()
		if len(told) != 3 {
			t.Errorf("after its end it told %v", told)
		}
	})
}

func TestWatcher_off_or_stopped_before_it_began(t *testing.T) {
	t.Parallel()
	d := &disk{}
	off := New(Options{Low: Mark{Off: true}, Statfs: d.statfs, Changed: func(State) { t.Error("it tells something") }})
	off.Start()
	defer off.Stop()
	stopped := New(Options{Statfs: d.statfs, Changed: func(State) { t.Error("it tells something") }})
	stopped.Stop()
	stopped.Start()
	for _, w := range []*Watcher{off, stopped} {
		if s, ok := w.State(); ok || s.DiskState != protocol.DiskOK {
			t.Errorf("it says %+v, %v", s, ok)
		}
	}
}

func TestStatfs(t *testing.T) {
	t.Parallel()
	f, err := statfs(t.TempDir())
	if err != nil || f.Total == 0 || f.Free > f.Total || f.FreeInodes > f.Inodes {
		t.Errorf("%+v, %v", f, err)
	}
	if _, err := statfs("/nowhere/at/all"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
}
