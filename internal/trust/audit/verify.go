package audit

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Report is what Verify found.
type Report struct {
	Files     []string `json:"files"`               // oldest first
	Entries   uint64   `json:"entries"`             // in the chain
	First     uint64   `json:"first,omitempty"`     // number of the oldest entry there is; above 1: older files are not here
	Last      uint64   `json:"last,omitempty"`      // number of the newest
	Unchained uint64   `json:"unchained,omitempty"` // lines from before the log was chained, which nothing protects
	Fault     *Fault   `json:"fault,omitempty"`     // the first place where the chain does not hold; nil: it holds
}

// Fault is a place where the record was altered.
type Fault struct {
	File   string `json:"file"`
	Line   int    `json:"line"` // from 1
	Reason string `json:"reason"`
}

func (f *Fault) Error() string { return fmt.Sprintf("%s:%d: %s", f.File, f.Line, f.Reason) }

// Verify follows the chain through the record of a data directory or of a backup, rotated files, plain
// or gzipped, included. A fault is in the report; the error is about files that can't be read.
func Verify(dir string) (Report, error) {
	var report Report
	files, err := recordFiles(dir)
	if err != nil {
		return report, err
	}
	v := verifier{report: &report}
	for _, file := range files {
		report.Files = append(report.Files, file.name)
		if err := v.file(dir, file.name); err != nil {
			return report, err
		}
		if report.Fault != nil {
			return report, nil
		}
	}
	head, err := readHead(filepath.Join(dir, HeadFile))
	if errors.Is(err, errHead) {
		report.Fault = &Fault{HeadFile, 1, "it " + errHead.Error()}
		return report, nil
	}
	if err != nil {
		return report, err
	}
	switch {
	case head.Seq > v.end.Seq:
		name := File
		if len(report.Files) > 0 {
			name = report.Files[len(report.Files)-1]
		}
		report.Fault = &Fault{name, v.line + 1, fmt.Sprintf("entries %d to %d are missing at the end", v.end.Seq+1, head.Seq)}
	case head.Seq == v.end.Seq && head.Seq > 0 && head.Hash != v.end.Hash:
		report.Fault = &Fault{report.Files[len(report.Files)-1], v.line, "the last entry was altered"}
	}
	return report, nil
}

type recordFile struct {
	name  string
	first uint64 // number of its first entry; 0: it has none
}

// recordFiles lists the record and what rotation has made of it, oldest first.
func recordFiles(dir string) ([]recordFile, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("look for the audit log: %w", err)
	}
	var files []recordFile
	for _, entry := range entries {
		name := entry.Name()
		if !entry.Type().IsRegular() || name != File && !strings.HasPrefix(name, File+".") && !strings.HasPrefix(name, File+"-") {
			continue
		}
		file := recordFile{name: name}
		lines, done, err := openLines(filepath.Join(dir, name))
		if err != nil {
			return nil, err
		}
		for file.first == 0 {
			line, err := lines.ReadBytes('\n')
			var e chained
			if json.Unmarshal(line, &e) == nil {
				file.first = e.Seq
			}
			if err != nil {
				break
			}
		}
		if err := done(); err != nil {
			return nil, err
		}
		files = append(files, file)
	}
	slices.SortFunc(files, func(a, b recordFile) int {
		switch {
		case a.first < b.first:
			return -1
		case a.first > b.first:
			return 1
		}
		return strings.Compare(b.name, a.name) // audit.ndjson.2 is older than audit.ndjson.1
	})
	return files, nil
}

func openLines(path string) (lines *bufio.Reader, done func() error, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, fmt.Errorf("read the audit log: %w", err)
	}
	if !strings.HasSuffix(path, ".gz") {
		return bufio.NewReader(f), f.Close, nil
	}
	unpacked, err := gzip.NewReader(f)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("read the audit log %s: %w", path, err), f.Close())
	}
	return bufio.NewReader(unpacked), f.Close, nil
}

type verifier struct {
	report *Report
	end    link
	line   int // of the current file
}

func (v *verifier) file(dir, name string) error {
	lines, done, err := openLines(filepath.Join(dir, name))
	if err != nil {
		return err
	}
	defer done()
	v.line = 0
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("read the audit log %s: %w", name, err)
		}
		if len(line) > 0 {
			v.line++
			if reason := v.entry(line); reason != "" {
				v.report.Fault = &Fault{name, v.line, reason}
				return nil
			}
		}
		if err != nil {
			return nil
		}
	}
}

// entry follows the chain over one line; what it gives says what is wrong with it.
func (v *verifier) entry(line []byte) string {
	text, whole := bytes.CutSuffix(line, []byte("\n"))
	var e chained
	if err := json.Unmarshal(text, &e); err != nil {
		if !whole {
			return "the line is cut off"
		}
		return "the line is not JSON"
	}
	hash := hashOf(text)
	switch {
	case e.Seq == 0 && v.end.Seq == 0:
		v.report.Unchained++
		v.end.Hash = hash // the chain begins behind it
		return ""
	case e.Seq == 0:
		return "the entry has no number, so it was not written by the server"
	case v.end.Seq == 0 && e.Seq > 1:
		v.report.First = e.Seq // older files are not here; the chain is followed from what there is
	case v.end.Seq == 0:
		before := v.end.Hash
		if before == "" {
			before = genesis
		}
		if e.Prev != before {
			return "the line before it was altered or removed"
		}
		v.report.First = 1
	case e.Seq > v.end.Seq+1:
		return fmt.Sprintf("entries %d to %d are missing before it", v.end.Seq+1, e.Seq-1)
	case e.Seq != v.end.Seq+1:
		return fmt.Sprintf("it is entry %d, and entry %d comes before it", e.Seq, v.end.Seq)
	case e.Prev != v.end.Hash:
		return fmt.Sprintf("it does not fit the line before it: entry %d was altered", v.end.Seq)
	}
	v.end = link{e.Seq, hash}
	v.report.Entries++
	v.report.Last = e.Seq
	return ""
}
