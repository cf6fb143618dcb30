package health

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/shirou/gopsutil/v4/disk"
)

func (c *check) disks(ctx context.Context) error {
	all, err := c.from.mounts(ctx)
	if err != nil {
		return err
	}
	disks, failed := diskList(ctx, all, c.from.usage)
	if len(disks) == 0 && len(failed) > 0 {
		return errors.Join(failed...)
	}
	c.report.Metrics.Disks = append([]Disk{}, disks...)
	if len(disks) == 0 {
		c.out.line("  no disk is mounted here")
	}
	for _, err := range failed {
		c.report.Unchecked = append(c.report.Unchecked, Unchecked{Check: "Disks", Reason: clean(err.Error())})
		c.out.line("  can't be read: %v", err)
	}
	for _, d := range disks {
		name := clean(d.Mount)
		if d.Unresponsive {
			c.out.row(shorten(name, 22), "no answer", fmt.Sprintf("%s on %s", d.Type, d.Device))
			c.report.find(SeverityWarning, "disk.unresponsive:"+d.Mount, name+" does not answer",
				fmt.Sprintf("%s (%s) gave no answer in %v", d.Device, d.Type, usageTimeout),
				"Whatever touches it hangs: see whether the server behind it is up, or unmount it (umount -l).")
			continue
		}
		inodes := "no inode limit"
		if d.Inodes > 0 {
			inodes = "inodes " + percent(d.InodesPercent)
		}
		detail := fmt.Sprintf("%s of %s used, %s free, %s, %s", size(d.Used), size(d.Total), size(d.Free), inodes, d.Type)
		if d.ReadOnly {
			detail += ", read-only"
		}
		c.out.row(shorten(name, 22), percent(d.Percent), detail)
		if d.ReadOnly {
			continue // it can't fill up
		}
		if severity, high := above(d.Percent, c.p.DiskWarnPercent, c.p.DiskCriticalPercent); high {
			c.report.find(severity, "disk.space:"+d.Mount, fmt.Sprintf("%s is %.0f %% full", name, math.Floor(d.Percent)),
				fmt.Sprintf("%s used, %s of %s free", percent(d.Percent), size(d.Free), size(d.Total)),
				fmt.Sprintf("Find what takes the room (du -xh %s | sort -h | tail), and remove it or enlarge the disk.", name))
		}
		if d.Inodes == 0 {
			continue
		}
		if severity, high := above(d.InodesPercent, c.p.InodeWarnPercent, c.p.InodeCriticalPercent); high {
			c.report.find(severity, "disk.inodes:"+d.Mount, name+" is short of inodes",
				fmt.Sprintf("%s used, %d of %d left", percent(d.InodesPercent), d.Inodes-min(d.InodesUsed, d.Inodes), d.Inodes),
				fmt.Sprintf("Many small files use them up: find the directory (du --inodes -x %s | sort -n | tail) and clear it.", name))
		}
	}
	return nil
}

// mount is a place in the file system where something is mounted.
type mount struct {
	path, device, fstype string
	readOnly             bool
}

// usage is how full a file system is. device tells whether two mounts are the same.
type usage struct {
	total, used, free  uint64
	inodes, inodesUsed uint64
	device             uint64
}

// usageTimeout is how long a file system may take to answer: one on a server that is gone never does.
const usageTimeout = 5 * time.Second

var errUnresponsive = errors.New("does not answer")

// pseudo are file systems without a disk behind them, and images that are always full.
var pseudo = []string{
	"autofs", "binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "debugfs", "devfs", "devpts", "devtmpfs", "efivarfs", "fusectl",
	"hugetlbfs", "mqueue", "none", "nsfs", "proc", "pstore", "ramfs", "rpc_pipefs", "securityfs", "selinuxfs", "sysfs", "tmpfs", "tracefs",
	"squashfs", "iso9660", "udf", "erofs", "cramfs", "romfs",
	"fuse.lxcfs", "fuse.gvfsd-fuse", "fuse.portal", "fuse.snapfuse", "fuse.squashfuse",
}

// real reports whether a mount has a disk behind it that can fill up. Layers of containers have
// the disk of the machine, which has its own mount; only as the root of a container they count.
func (m mount) real() bool {
	if slices.Contains(pseudo, m.fstype) {
		return false
	}
	if (m.fstype == "overlay" || m.fstype == "aufs") && m.path != "/" {
		return false
	}
	return true
}

func mounts(ctx context.Context) ([]mount, error) {
	partitions, err := disk.PartitionsWithContext(ctx, true)
	if err != nil && len(partitions) == 0 {
		return nil, fmt.Errorf("list mounts: %w", err)
	}
	list := make([]mount, 0, len(partitions))
	for _, p := range partitions {
		list = append(list, mount{path: p.Mountpoint, device: p.Device, fstype: p.Fstype, readOnly: slices.Contains(p.Opts, "ro")})
	}
	return list, nil
}

// usageOf asks the file system, and gives up when it does not answer.
func usageOf(ctx context.Context, path string) (usage, error) {
	type answer struct {
		usage usage
		err   error
	}
	answered := make(chan answer, 1)
	// The call can't be interrupted: on a dead network file system the goroutine stays until this
	// process ends, which is soon.
	go func() {
		var a answer
		a.usage, a.err = statfs(ctx, path)
		answered <- a
	}()
	patience := time.NewTimer(usageTimeout)
	defer patience.Stop()
	select {
	case a := <-answered:
		return a.usage, a.err
	case <-patience.C:
		return usage{}, errUnresponsive
	case <-ctx.Done():
		return usage{}, context.Cause(ctx)
	}
}

// errNotDirectory is for files that are mounted over files, as container engines do.
var errNotDirectory = errors.New("is not a directory")

func statfs(ctx context.Context, path string) (usage, error) {
	info, err := os.Stat(path)
	if err != nil {
		return usage{}, err
	}
	if !info.IsDir() {
		return usage{}, errNotDirectory
	}
	d, err := disk.UsageWithContext(ctx, path)
	if err != nil {
		return usage{}, err
	}
	u := usage{total: d.Total, used: d.Used, free: d.Free, inodes: d.InodesTotal, inodesUsed: d.InodesUsed}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		u.device = uint64(stat.Dev)
	}
	return u, nil
}

// diskList measures every real disk once, at its shortest mount. unresponsive are those that did not answer.
func diskList(ctx context.Context, all []mount, ask func(context.Context, string) (usage, error)) (disks []Disk, failed []error) {
	slices.SortStableFunc(all, func(a, b mount) int {
		if len(a.path) != len(b.path) {
			return len(a.path) - len(b.path)
		}
		return strings.Compare(a.path, b.path)
	})
	devices, numbers, paths := map[string]bool{}, map[uint64]bool{}, map[string]bool{}
	for _, m := range all {
		if !m.real() || paths[m.path] || devices[m.device] {
			continue
		}
		d := Disk{Mount: m.path, Device: m.device, Type: m.fstype, ReadOnly: m.readOnly}
		u, err := ask(ctx, m.path)
		switch {
		case errors.Is(err, errUnresponsive):
			d.Unresponsive = true
		case errors.Is(err, errNotDirectory) || errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrPermission):
			continue // another user's mount, or one that went
		case err != nil:
			failed = append(failed, fmt.Errorf("%s: %w", m.path, err))
			continue
		case u.total == 0 || (u.device != 0 && numbers[u.device]):
			continue
		}
		paths[m.path] = true
		if u.device != 0 {
			numbers[u.device] = true
		}
		if strings.HasPrefix(m.device, "/dev/") {
			devices[m.device] = true // a second mount, or another subvolume
		}
		d.Total, d.Used, d.Free, d.Inodes, d.InodesUsed = u.total, u.used, u.free, u.inodes, u.inodesUsed
		d.Percent = share(float64(u.used), float64(u.used+u.free))
		d.InodesPercent = share(float64(u.inodesUsed), float64(u.inodes))
		disks = append(disks, d)
	}
	return disks, failed
}
