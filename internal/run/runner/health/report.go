package health

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Overall is how the machine is: as bad as its worst finding.
type Overall string

const (
	Healthy  Overall = "healthy"
	Warning  Overall = "warning"
	Critical Overall = "critical"
)

// Severity is how bad a finding is. Info is worth knowing and makes nothing worse.
type Severity string

const (
	SeverityInfo     Severity = "info"
	SeverityWarning  Severity = "warning"
	SeverityCritical Severity = "critical"
)

// Report is the result of a check. Sizes are bytes, shares percent.
type Report struct {
	Overall    Overall     `json:"overall"`
	Summary    string      `json:"summary"`
	CheckedAt  time.Time   `json:"checkedAt"`
	DurationMs int64       `json:"durationMs"`
	Host       Host        `json:"host"`
	Metrics    Metrics     `json:"metrics"`
	Findings   []Finding   `json:"findings"` // the worst first
	Unchecked  []Unchecked `json:"unchecked,omitempty"`
}

// Finding is one thing that is not as it should be, or worth knowing.
type Finding struct {
	ID             string   `json:"id"` // stable: "disk.space:/var"
	Severity       Severity `json:"severity"`
	Title          string   `json:"title"`
	Evidence       string   `json:"evidence"`
	Recommendation string   `json:"recommendation"`
}

// Unchecked is something that could not be looked at.
type Unchecked struct {
	Check  string `json:"check"`
	Reason string `json:"reason"`
}

// Host says which machine it is.
type Host struct {
	Hostname       string    `json:"hostname"`
	OS             string    `json:"os"`
	Platform       string    `json:"platform"` // "debian 12.4"
	Kernel         string    `json:"kernel"`
	Architecture   string    `json:"architecture"`
	Virtualization string    `json:"virtualization,omitempty"`
	CPUModel       string    `json:"cpuModel,omitempty"`
	Cores          int       `json:"cores"`
	UptimeSeconds  uint64    `json:"uptimeSeconds"`
	BootedAt       time.Time `json:"bootedAt"`
	RebootRequired bool      `json:"rebootRequired"`
}

// Metrics is everything that was measured.
type Metrics struct {
	CPU       CPU         `json:"cpu"`
	Load      Load        `json:"load"`
	Memory    Memory      `json:"memory"`
	Swap      Swap        `json:"swap"`
	Disks     []Disk      `json:"disks"`
	Processes Processes   `json:"processes"`
	Network   []Interface `json:"network"`
	Services  Services    `json:"services"`
	Clock     Clock       `json:"clock"`
	Docker    *Docker     `json:"docker,omitempty"`
}

// CPU is what the processors did while they were watched.
type CPU struct {
	Percent       float64   `json:"percent"`
	PerCore       []float64 `json:"perCore"`
	User          float64   `json:"user"`
	System        float64   `json:"system"`
	IOWait        float64   `json:"ioWait"`
	Steal         float64   `json:"steal"`
	SampleSeconds float64   `json:"sampleSeconds"`
}

// Load is how many processes want to run, on average.
type Load struct {
	One     float64 `json:"one"`
	Five    float64 `json:"five"`
	Fifteen float64 `json:"fifteen"`
	PerCore float64 `json:"perCore"` // Five by core
}

// Memory counts as used what programs could not get.
type Memory struct {
	Total     uint64  `json:"total"`
	Used      uint64  `json:"used"`
	Available uint64  `json:"available"`
	Cached    uint64  `json:"cached"`
	Percent   float64 `json:"percent"`
}

// Swap is all of it together. Total is 0 where there is none.
type Swap struct {
	Total   uint64  `json:"total"`
	Used    uint64  `json:"used"`
	Percent float64 `json:"percent"`
}

// Disk is one mounted file system. Percent is of what ordinary users may fill.
type Disk struct {
	Mount         string  `json:"mount"`
	Device        string  `json:"device"`
	Type          string  `json:"type"`
	ReadOnly      bool    `json:"readOnly,omitempty"`
	Total         uint64  `json:"total"`
	Used          uint64  `json:"used"`
	Free          uint64  `json:"free"`
	Percent       float64 `json:"percent"`
	Inodes        uint64  `json:"inodes"` // 0 where the file system has no fixed number
	InodesUsed    uint64  `json:"inodesUsed"`
	InodesPercent float64 `json:"inodesPercent"`
	Unresponsive  bool    `json:"unresponsive,omitempty"`
}

// Processes counts them, and lists the busiest.
type Processes struct {
	Total       int       `json:"total"`
	Running     int       `json:"running"`
	Zombies     int       `json:"zombies"`
	TopByCPU    []Process `json:"topByCpu"`
	TopByMemory []Process `json:"topByMemory"`
}

// Process is one of them. Its arguments are left out: they may hold secrets.
type Process struct {
	PID        int32   `json:"pid"`
	Name       string  `json:"name"`
	User       string  `json:"user,omitempty"`
	CPUPercent float64 `json:"cpuPercent"` // of one core
	Memory     uint64  `json:"memory"`     // resident
}

// Interface is one network interface. Counters are since the machine started.
type Interface struct {
	Name             string  `json:"name"`
	BytesReceived    uint64  `json:"bytesReceived"`
	BytesSent        uint64  `json:"bytesSent"`
	PacketsReceived  uint64  `json:"packetsReceived"`
	PacketsSent      uint64  `json:"packetsSent"`
	Errors           uint64  `json:"errors"`
	Drops            uint64  `json:"drops"`
	ErrorPercent     float64 `json:"errorPercent"`
	ReceivePerSecond float64 `json:"receivePerSecond"` // bytes, while watched
	SendPerSecond    float64 `json:"sendPerSecond"`
}

// Services is what systemd says.
type Services struct {
	Systemd bool   `json:"systemd"` // whether it runs here
	Failed  []Unit `json:"failed"`
}

// Unit is a systemd unit that failed.
type Unit struct {
	Name        string `json:"name"`
	Description string `json:"description"`
}

// Clock says whether the kernel's clock is kept in time.
type Clock struct {
	Known        bool    `json:"known"`
	Synchronized bool    `json:"synchronized"`
	OffsetMs     float64 `json:"offsetMs"`
	MaxErrorMs   float64 `json:"maxErrorMs"`
}

// Docker is what the engine says.
type Docker struct {
	Available  bool        `json:"available"`
	Reason     string      `json:"reason,omitempty"` // why not
	Running    int         `json:"running"`
	Containers []Container `json:"containers"`
}

// Container is one container.
type Container struct {
	ID            string  `json:"id"` // the first 12 characters
	Name          string  `json:"name"`
	Image         string  `json:"image"`
	State         string  `json:"state"`
	Health        string  `json:"health,omitempty"`
	ExitCode      int     `json:"exitCode"`
	OOMKilled     bool    `json:"oomKilled,omitempty"`
	Restarts      int     `json:"restarts"`
	CPUPercent    float64 `json:"cpuPercent"` // of one core
	Memory        uint64  `json:"memory"`
	MemoryLimit   uint64  `json:"memoryLimit"`
	MemoryPercent float64 `json:"memoryPercent"`
}

func (r *Report) find(severity Severity, id, title, evidence, recommendation string) {
	r.Findings = append(r.Findings, Finding{ID: id, Severity: severity, Title: title, Evidence: evidence, Recommendation: recommendation})
}

// above gives the severity of a value by its two limits; ok is false below both.
func above(value, warn, critical float64) (severity Severity, ok bool) {
	switch {
	case value >= critical:
		return SeverityCritical, true
	case value >= warn:
		return SeverityWarning, true
	default:
		return "", false
	}
}

// word picks the one that fits the severity.
func word(s Severity, warning, critical string) string {
	if s == SeverityCritical {
		return critical
	}
	return warning
}

func rank(s Severity) int {
	switch s {
	case SeverityCritical:
		return 0
	case SeverityWarning:
		return 1
	default:
		return 2
	}
}

// conclude sorts the findings and says what they come to.
func (r *Report) conclude() {
	if r.Findings == nil {
		r.Findings = []Finding{}
	}
	slices.SortStableFunc(r.Findings, func(a, b Finding) int { return cmp.Compare(rank(a.Severity), rank(b.Severity)) })
	counts := map[Severity]int{}
	var titles []string
	for _, f := range r.Findings {
		counts[f.Severity]++
		if f.Severity != SeverityInfo {
			titles = append(titles, f.Title)
		}
	}
	switch {
	case counts[SeverityCritical] > 0:
		r.Overall = Critical
	case counts[SeverityWarning] > 0:
		r.Overall = Warning
	default:
		r.Overall = Healthy
	}
	const most = 3
	switch {
	case len(titles) == 0:
		r.Summary = "everything that was checked is within its limits"
	case len(titles) <= most:
		r.Summary = strings.Join(titles, "; ")
	default:
		r.Summary = fmt.Sprintf("%s; and %d more", strings.Join(titles[:most], "; "), len(titles)-most)
	}
	if n := len(r.Unchecked); n == 1 {
		r.Summary += "; 1 check could not be done"
	} else if n > 1 {
		r.Summary += fmt.Sprintf("; %d checks could not be done", n)
	}
}
