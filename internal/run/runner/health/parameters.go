package health

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// Parameters say what to look at and where health ends. The catalogue's schema describes them; its
// defaults are these.
type Parameters struct {
	IncludeDockerStats        bool    `json:"includeDockerStats"`
	DockerSocket              string  `json:"dockerSocket"`
	TopProcesses              int     `json:"topProcesses"`
	SampleSeconds             float64 `json:"sampleSeconds"`
	CPUWarnPercent            float64 `json:"cpuWarnPercent"`
	CPUCriticalPercent        float64 `json:"cpuCriticalPercent"`
	LoadWarnPerCore           float64 `json:"loadWarnPerCore"`
	LoadCriticalPerCore       float64 `json:"loadCriticalPerCore"`
	MemoryWarnPercent         float64 `json:"memoryWarnPercent"`
	MemoryCriticalPercent     float64 `json:"memoryCriticalPercent"`
	SwapWarnPercent           float64 `json:"swapWarnPercent"`
	SwapCriticalPercent       float64 `json:"swapCriticalPercent"`
	DiskWarnPercent           float64 `json:"diskWarnPercent"`
	DiskCriticalPercent       float64 `json:"diskCriticalPercent"`
	InodeWarnPercent          float64 `json:"inodeWarnPercent"`
	InodeCriticalPercent      float64 `json:"inodeCriticalPercent"`
	NetworkErrorWarnPercent   float64 `json:"networkErrorWarnPercent"`
	ZombieWarnCount           int     `json:"zombieWarnCount"`
	ContainerRestartWarnCount int     `json:"containerRestartWarnCount"`
}

// DefaultParameters are in force where nothing else is given.
func DefaultParameters() Parameters {
	return Parameters{
		DockerSocket: "/var/run/docker.sock", TopProcesses: 5, SampleSeconds: 1,
		CPUWarnPercent: 85, CPUCriticalPercent: 95, LoadWarnPerCore: 1.5, LoadCriticalPerCore: 4,
		MemoryWarnPercent: 85, MemoryCriticalPercent: 95, SwapWarnPercent: 50, SwapCriticalPercent: 90,
		DiskWarnPercent: 85, DiskCriticalPercent: 95, InodeWarnPercent: 85, InodeCriticalPercent: 95,
		NetworkErrorWarnPercent: 1, ZombieWarnCount: 10, ContainerRestartWarnCount: 3,
	}
}

func readParameters(config string) (Parameters, error) {
	p := DefaultParameters()
	if config != "" {
		d := json.NewDecoder(strings.NewReader(config))
		d.DisallowUnknownFields()
		if err := d.Decode(&p); err != nil {
			return p, fmt.Errorf("read the parameters in CLAUDEOPS_CONFIG: %w", err)
		}
	}
	if !(p.SampleSeconds > 0 && p.SampleSeconds <= 60) {
		return p, fmt.Errorf("sampleSeconds must be more than 0 and at most 60, got %v", p.SampleSeconds)
	}
	if p.TopProcesses < 0 {
		return p, fmt.Errorf("topProcesses must not be negative, got %d", p.TopProcesses)
	}
	return p, nil
}

func (p Parameters) sample() time.Duration {
	return time.Duration(p.SampleSeconds * float64(time.Second))
}
