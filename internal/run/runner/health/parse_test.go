package health

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDiskList_every_real_disk_once(t *testing.T) {
	t.Parallel()
	all := []mount{
		{path: "/var/lib/docker/overlay2/x/merged", device: "overlay", fstype: "overlay"},
		{path: "/mnt/again", device: "/dev/sda1", fstype: "ext4"},
		{path: "/", device: "/dev/sda1", fstype: "ext4"},
		{path: "/home", device: "/dev/sdb1", fstype: "xfs"},
		{path: "/srv/bind", device: "/dev/mapper/x", fstype: "xfs"},
		{path: "/etc/hosts", device: "/dev/sdc1", fstype: "ext4"},
		{path: "/snap/core/1", device: "/dev/loop0", fstype: "squashfs", readOnly: true},
		{path: "/dev", device: "udev", fstype: "devtmpfs"}, {path: "/sys", device: "sysfs", fstype: "sysfs"},
		{path: "/private", device: "/dev/sdd1", fstype: "ext4"},
		{path: "/nfs", device: "server:/x", fstype: "nfs4"},
		{path: "/empty", device: "x", fstype: "fuse.x"},
		{path: "/broken", device: "/dev/sde1", fstype: "ext4"},
		{path: "/pool/a", device: "pool/a", fstype: "zfs"}, {path: "/pool/b", device: "pool/b", fstype: "zfs"},
	}
	answers := map[string]usage{
		"/": {total: 10, used: 5, free: 5, device: 1}, "/home": {total: 10, used: 1, free: 9, device: 2}, "/srv/bind": {total: 10, used: 1, free: 9, device: 2},
		"/pool/a": {total: 10, used: 1, free: 9, device: 7}, "/pool/b": {total: 10, used: 1, free: 9, device: 8}, "/mnt/again": {total: 10, device: 1},
	}
	errs := map[string]error{"/etc/hosts": errNotDirectory, "/private": os.ErrPermission, "/nfs": errUnresponsive, "/broken": errors.New("input/output error")}
	disks, failed := diskList(t.Context(), all, func(_ context.Context, path string) (usage, error) {
		if strings.HasPrefix(path, "/var/lib/docker") || path == "/dev" || path == "/sys" || strings.HasPrefix(path, "/snap") {
			t.Errorf("%s was asked about", path)
		}
		return answers[path], errs[path]
	})
	var got []string
	for _, d := range disks {
		got = append(got, d.Mount)
	}
	if diff := cmp.Diff([]string{"/", "/nfs", "/home", "/pool/a", "/pool/b"}, got); diff != "" {
		t.Error(diff)
	}
	if !disks[1].Unresponsive || disks[0].Percent != 50 {
		t.Errorf("%+v", disks)
	}
	if len(failed) != 1 || !strings.Contains(failed[0].Error(), "/broken: input/output error") {
		t.Errorf("failed %v", failed)
	}
}

func TestDiskList_a_container_has_its_root(t *testing.T) {
	t.Parallel()
	disks, _ := diskList(t.Context(), []mount{{path: "/", device: "overlay", fstype: "overlay"}}, func(context.Context, string) (usage, error) {
		return usage{total: 10, used: 9, free: 1, device: 3}, nil
	})
	if len(disks) != 1 || disks[0].Percent != 90 {
		t.Errorf("%+v", disks)
	}
}

func TestUsageOf(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	u, err := usageOf(t.Context(), dir)
	if err != nil || u.total == 0 || u.device == 0 {
		t.Errorf("%+v, %v", u, err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := usageOf(t.Context(), file); !errors.Is(err, errNotDirectory) {
		t.Errorf("a file: %v", err)
	}
}

const unitsOutput = `nginx.service       loaded failed failed A high performance web server and a reverse proxy server
● old-mark.service  loaded failed failed Marked as older versions do
postgresql@14.service loaded failed failed

short line
`

func TestParseUnits(t *testing.T) {
	t.Parallel()
	want := []Unit{
		{Name: "nginx.service", Description: "A high performance web server and a reverse proxy server"},
		{Name: "old-mark.service", Description: "Marked as older versions do"},
		{Name: "postgresql@14.service"},
	}
	if diff := cmp.Diff(want, parseUnits(unitsOutput)); diff != "" {
		t.Error(diff)
	}
}

// TestFailedUnits runs a program in systemctl's place: what it is asked, and what its failure becomes.
func TestFailedUnits(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	// Written by another process: a program that this one had open for writing, while a test beside
	// it forks, can't be run for a moment ("text file busy").
	program := func(script string) string {
		t.Helper()
		path := filepath.Join(dir, "systemctl")
		cmd := exec.CommandContext(t.Context(), "install", "-m", "700", "/dev/stdin", path)
		cmd.Stdin = strings.NewReader("#!/bin/sh\n" + script)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return path
	}
	environ := []string{"PATH=" + dir + ":/usr/bin:/bin"}
	path := program(`[ "$LC_ALL $*" = "C list-units --state=failed --all --plain --full --no-legend --no-pager" ] && echo "a.service loaded failed failed It"`)
	if got := systemctl(environ); got != path {
		t.Errorf("found %s", got)
	}
	s, err := failedUnits(t.Context(), path, environ)
	if err != nil || !s.Systemd || len(s.Failed) != 1 || s.Failed[0].Name != "a.service" {
		t.Errorf("%+v, %v", s, err)
	}
	if _, err := failedUnits(t.Context(), program("echo no bus >&2; exit 1"), environ); err == nil || !strings.Contains(err.Error(), "ask systemd for failed units: no bus") {
		t.Errorf("got %v", err)
	}
}

// FuzzNarrator looks for text from outside that gets to speak for the check.
func FuzzNarrator(f *testing.F) {
	f.Add("a\n::error::b", unitsOutput)
	f.Add("::progress 50::x", "\x1b]0;x\x07")
	f.Add("\xff\xfe", "\u2028::group::\u202e")
	f.Fuzz(func(t *testing.T, name, units string) {
		var out bytes.Buffer
		n := &narrator{w: &out}
		n.line("%s", name)
		n.row(shorten(clean(name), 22), "1", name)
		n.finding(Finding{Severity: SeverityInfo, Title: name, Evidence: name})
		for _, u := range parseUnits(units) {
			n.row(u.Name, "failed", u.Description)
		}
		lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
		if want := 3 + len(parseUnits(units)); len(lines) != want {
			t.Errorf("%d lines of %d: %q", len(lines), want, &out)
		}
		for _, line := range lines {
			if strings.HasPrefix(line, "::") || strings.ContainsAny(line, "\r\x1b\u2028\u202e") {
				t.Errorf("line %q", line)
			}
		}
	})
}
