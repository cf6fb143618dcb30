package logtext_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/record/logtext"
)

func TestAppend(t *testing.T) {
	t.Parallel()
	const head = `"executionId":"01hzy3v8k9q2w4e6r8t0y2u4i6","seq":7,"timestamp":"2026-11-22T20:16:00.000Z"`
	for event, want := range map[string]string{
		`{"type":"execution:log",` + head + `,"level":"info","stream":"stdout","message":"hello"}`:                                                "hello\n",
		`{"type":"execution:log",` + head + `,"level":"info","stream":"stderr","message":"a\"\\\/\b\f\n\r\t\u0000\u00e9\ud83d\ude00"}`:            "a\"\\/\b\f\n\r\t\x00é😀\n",
		`{"type":"execution:log",` + head + `,"level":"info","stream":"stdout","message":"part","partial":true}`:                                  "part",
		`{"type":"execution:log",` + head + `,"level":"info","stream":"stdout","message":"�","raw":"/w=="}`:                                       "\xff\n",
		`{"type":"execution:log",` + head + `,"level":"info","stream":"stdout","message":"�","partial":true,"raw":"/w=="}`:                        "\xff",
		`{"type":"execution:log",` + head + `,"level":"info","stream":"agent","message":"by the runner"}`:                                         "",
		`{"type":"execution:log",` + head + `,"level":"info","stream":"stdout","message":"{\"a\":1}","data":{"a":1}}`:                             "{\"a\":1}\n",
		`{"type":"execution:log",` + head + `,"level":"error","stream":"stdout","message":"x","data":{"command":"error"}}`:                        "::error::x\n",
		`{"type":"execution:log",` + head + `,"level":"error","stream":"stdout","message":"{\"command\":\"error\"} ","data":{"command":"error"}}`: "{\"command\":\"error\"} \n",
		`{"type":"execution:log",` + head + `,"level":"debug","stream":"stdout","message":"::progress 1::x","data":{"command":"progress"}}`:       "::progress 1::x\n",
		`{"type":"execution:log",` + head + `,"level":"info","stream":"stdout","message":"","data":{"command":"endgroup","group":"g"}}`:           "::endgroup::\n",
		`{"type":"execution:progress",` + head + `,"message":"x","data":{"line":"::progress 1::x"},"progress":1}`:                                 "::progress 1::x\n",
		`{"type":"execution:progress",` + head + `,"message":"x","progress":1}`:                                                                   "",
		`{"type":"execution:started",` + head + `,"command":["x"]}`:                                                                               "",
		`{"type":"execution:completed",` + head + `,"result":{"type":"execution:log","stream":"stdout","message":"no"}}`:                          "",
		`{"stream":"stdout","message":"other order","type":"execution:log","seq":1}`:                                                              "other order\n",
		`{"type":"execution:log",` + head + `,"level":"info","message":"other order","stream":"stdout"}`:                                          "other order\n",
		`{"type":"execution:log",` + head + `,"level":"info","stream":"stdout","message":"cut`:                                                    "",
		``:     "",
		`junk`: "",
	} {
		for _, end := range []string{"", "\n"} {
			if got := string(logtext.Append([]byte("before "), []byte(event+end))); got != "before "+want {
				t.Errorf("%s\ngives %q, want %q", event, got, "before "+want)
			}
		}
	}
}

func TestAppendAll(t *testing.T) {
	t.Parallel()
	event := `{"type":"execution:log","executionId":"x","seq":1,"timestamp":"t","level":"info","stream":"stdout","message":"m"}` + "\n"
	if got := string(logtext.AppendAll(nil, []byte(strings.Repeat(event, 3)))); got != "m\nm\nm\n" {
		t.Errorf("got %q", got)
	}
}

// FuzzAppend: the two ways of reading an event agree, and nothing panics.
func FuzzAppend(f *testing.F) {
	f.Add(`{"type":"execution:log","executionId":"x","seq":1,"timestamp":"t","level":"info","stream":"stdout","message":"a\u00e9\ud83d\ude00\ud800","partial":true,"raw":"/w==","data":{"command":"error"}}`)
	f.Add(`{"type":"execution:progress","data":{"line":"x"}}`)
	f.Fuzz(func(t *testing.T, event string) {
		got := logtext.Append(nil, []byte(event))
		var e execution.Event
		if json.Unmarshal([]byte(event), &e) != nil || strings.Contains(event, `\u`) && bytes.Contains(got, []byte("\uFFFD")) {
			return
		}
		// The same event, laid out otherwise.
		b, err := json.Marshal(e)
		if err != nil {
			return
		}
		again := logtext.Append(nil, append([]byte(" "), b...))
		if ours := logtext.Append(nil, b); !bytes.Equal(ours, again) {
			t.Fatalf("%s\ngives %q one way and %q the other", b, ours, again)
		}
	})
}

// A conversation has two texts: what people read, and what the agent's program wrote.
func TestAppend_conversation(t *testing.T) {
	t.Parallel()
	const head = `{"type":"execution:log","executionId":"x","seq":1,"timestamp":"2026-01-02T03:04:05.000Z","level":"info","stream":"agent","message":`
	events := head + `"Reading","data":{"kind":"text","raw":{"type":"assistant",  "x":"é\\u00e9"}}}` + "\n" +
		head + `"a second block\nof two lines","data":{"kind":"text"}}` + "\n" +
		head + `"keep_alive","data":{"kind":"raw","raw":{"type":"keep_alive"}}}` + "\n" +
		head + `"the runner's own word"}` + "\n"
	if got, want := string(logtext.AppendAll(nil, []byte(events))), "Reading\na second block\nof two lines\n"; got != want {
		t.Errorf("people read %q, want %q", got, want)
	}
	if got, want := string(logtext.AppendAllRaw(nil, []byte(events))), `{"type":"assistant",  "x":"é\\u00e9"}`+"\n"+`{"type":"keep_alive"}`+"\n"; got != want {
		t.Errorf("the bytes are %q, want %q", got, want)
	}
}
