package gateway

import (
	"fmt"
	"strings"
	"testing"
)

func TestLog_range(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	id := d.supervisor.begin("echo")
	var want strings.Builder
	for i := range 500 {
		d.supervisor.say(id, logLine("stdout", fmt.Sprintf("line %d", i)))
		fmt.Fprintf(&want, "line %d\n", i)
	}
	text := want.String()
	path := "/api/executions/" + id + "/log"
	if a := d.do(t, "GET", path, "", d.as(d.token, map[string]string{"Range": "bytes=0-9"})); a.status != 200 || a.header.Get("Accept-Ranges") != "" {
		t.Errorf("while it runs: %d %v", a.status, a.header)
	}
	d.supervisor.say(id, completed)
	whole := d.do(t, "GET", path, "", d.as(d.token, nil))
	tag := whole.header.Get("ETag")
	if whole.status != 200 || whole.body != text || whole.header.Get("Content-Length") != fmt.Sprint(len(text)) || whole.header.Get("Accept-Ranges") != "bytes" || tag == "" {
		t.Fatalf("%d %v, %d bytes of %d", whole.status, whole.header, len(whole.body), len(text))
	}
	if head := d.do(t, "HEAD", path, "", d.as(d.token, nil)); head.header.Get("Content-Length") != fmt.Sprint(len(text)) || head.body != "" {
		t.Errorf("HEAD: %v", head.header)
	}
	size := len(text)
	for asked, part := range map[string]string{
		"bytes=0-9": text[:10], "bytes=100-199": text[100:200], "bytes=-20": text[size-20:], fmt.Sprintf("bytes=%d-", size-1): text[size-1:],
		"bytes=5-999999": text[5:], "bytes=-999999": text, "bytes=0-": text,
	} {
		a := d.do(t, "GET", path, "", d.as(d.token, map[string]string{"Range": asked}))
		at := strings.LastIndex(text, part)
		if a.status != 206 || a.body != part || a.header.Get("Content-Range") != fmt.Sprintf("bytes %d-%d/%d", at, at+len(part)-1, size) {
			t.Errorf("%s: %d %q, %d bytes", asked, a.status, a.header.Get("Content-Range"), len(a.body))
		}
	}
	for asked, status := range map[string]int{fmt.Sprintf("bytes=%d-", size): 416, "bytes=-0": 416, "bytes=9-5": 200, "lines=1-2": 200, "bytes=0-1,5-6": 200, "bytes=a-b": 200} {
		if a := d.do(t, "GET", path, "", d.as(d.token, map[string]string{"Range": asked})); a.status != status {
			t.Errorf("%s: %d, want %d", asked, a.status, status)
		}
	}
	for ifRange, status := range map[string]int{tag: 206, `"other"`: 200} {
		if a := d.do(t, "GET", path, "", d.as(d.token, map[string]string{"Range": "bytes=0-9", "If-Range": ifRange})); a.status != status {
			t.Errorf("If-Range %s: %d, want %d", ifRange, a.status, status)
		}
	}
}
