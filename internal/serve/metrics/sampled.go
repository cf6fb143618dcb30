package metrics

import (
	"context"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/protocol"
)

// sampled are the figures that others keep, read when somebody asks.
type sampled struct {
	from Sources
	set  *Set
}

// hostWait bounds how long a sample of the host may hold up a scrape.
const hostWait = 2 * time.Second

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

var (
	executionsDesc = desc("claudeops_executions", "Executions that have not ended, by state.", "state")
	queueDesc      = desc("claudeops_queue_length", "Executions that wait for their turn.")
	stalledDesc    = desc("claudeops_executions_stalled", "Executions that can't be recorded for now (no room), so that their agents wait.")
	adoptedDesc    = desc("claudeops_executions_adopted_total", "Executions whose runner an earlier server had started and this one has reached.")
	settledDesc    = desc("claudeops_executions_settled_total", "Executions that were ended because their runner was gone.")
	linksLostDesc  = desc("claudeops_runner_links_lost_total", "Times the link to a runner broke before its last event.")

	indexPendingDesc = desc("claudeops_index_pending", "Records that have changed and are not in the index yet.")
	indexLagDesc     = desc("claudeops_index_lag_seconds", "For how long the oldest of them has not been.")
	indexErrorsDesc  = desc("claudeops_index_errors_total", "Times the index could not be written; it is tried again.")

	cutDesc         = desc("claudeops_journals_cut_total", "Journals that this server has cut back to their last whole event.")
	gapsDesc        = desc("claudeops_journal_gaps_total", "Gaps that readers were told of: events that damage or retention has taken.", "reason")
	readErrorsDesc  = desc("claudeops_journal_read_errors_total", "Times a journal could not be read for a reader.")
	unsentBytesDesc = desc("claudeops_journal_lag_bytes", "What watched journals hold past the live edge: stored, and not offered to those at the edge yet.")
	unsentDesc      = desc("claudeops_journal_lag_events", "The same in events.")
	mostUnsentDesc  = desc("claudeops_journal_lag_bytes_max", "The bytes of the watched journal that is furthest behind.")
	syncsDesc       = desc("claudeops_journal_syncs_total", "Times this server has made a journal durable (fsync). Runners do their own.")
	syncTimeDesc    = desc("claudeops_journal_sync_seconds_total", "Time spent on that.")
	syncFailedDesc  = desc("claudeops_journal_sync_failures_total", "Times it failed.")
	syncAgeDesc     = desc("claudeops_journal_sync_age_seconds", "Since a journal was last known to be made durable, by this server or by a runner. Missing before the first.")

	sealedDesc       = desc("claudeops_journals_sealed_total", "Journals of ended executions that were sealed, which makes them many times smaller.")
	sealPlainDesc    = desc("claudeops_seal_plain_bytes_total", "What those journals took up before.")
	sealStoredDesc   = desc("claudeops_seal_stored_bytes_total", "What they take up since.")
	sealTimeDesc     = desc("claudeops_seal_seconds_total", "Time spent on sealing, without its pauses.")
	sealFailuresDesc = desc("claudeops_seal_failures_total", "Times a journal could not be sealed. It stays as it was; where there is hope it is tried again.")
	sealWaitingDesc  = desc("claudeops_seal_waiting", "Ended executions that are known to wait for being sealed.")

	feedsDesc   = desc("claudeops_feeds", "Executions that somebody watches.")
	readersDesc = desc("claudeops_readers", "Readers of executions: live, or catching_up from the journal.", "place")
	framesDesc  = desc("claudeops_delivery_frames_total", "Frames given to readers, by where they stood.", "place")
	bytesDesc   = desc("claudeops_delivery_bytes_total", "Bytes of events given to readers, before compression, by where they stood.", "place")
	fellDesc    = desc("claudeops_readers_fell_behind_total", "Times a reader could not take a frame and fell off the live edge. It loses nothing.")
	gatherDesc  = desc("claudeops_gather_window_seconds", "For how long events are gathered into one frame, where that is longest now.")

	connectionsDesc = desc("claudeops_connections", "Live clients, by transport.", "transport")
	openedDesc      = desc("claudeops_connections_opened_total", "Live clients that have come, by transport.", "transport")
	usersDesc       = desc("claudeops_users", "Callers who are there now, or whom the server keeps something for.")

	agentsDesc   = desc("claudeops_agents", "Agents that can be run.")
	problemsDesc = desc("claudeops_agent_problems", "Things wrong with agent definitions.")

	removedDesc      = desc("claudeops_retention_removed_total", "Executions that retention has removed, or whose log lines, by the rule that hit.", "rule")
	freedDesc        = desc("claudeops_retention_freed_bytes_total", "What that has freed on disk, by the rule that hit.", "rule")
	retainFailedDesc = desc("claudeops_retention_failures_total", "Executions that retention could not remove; it is tried again.")
	retainRunsDesc   = desc("claudeops_retention_runs_total", "Times retention has looked at its rules, by whether it came to its end.", "outcome")
	retainAgeDesc    = desc("claudeops_retention_age_seconds", "Since retention last came to its end. Missing before the first time.")
	freeDesc         = desc("claudeops_data_disk_free_bytes", "What the server can still write on the file system of the data directory.")
	lowMarkDesc      = desc("claudeops_data_disk_low_mark_bytes", "With less free than this nothing is started.")
	freeInodesDesc   = desc("claudeops_data_disk_free_inodes", "Files that can still be made there. Missing where the file system does not count them.")
	diskLowDesc      = desc("claudeops_data_disk_low", "1 while there is too little room for anything to be started, 2 when there is too little for what runs, else 0.")

	cpuDesc       = desc("claudeops_host_cpu_ratio", "The part of the host's processors that is busy, 0 to 1.")
	loadDesc      = desc("claudeops_host_load1", "The host's load average over a minute.")
	memUsedDesc   = desc("claudeops_host_memory_used_bytes", "Memory of the host that programs can't have.")
	memTotalDesc  = desc("claudeops_host_memory_bytes", "Memory of the host.")
	diskUsedDesc  = desc("claudeops_data_disk_used_bytes", "What is taken of the file system that holds the data directory.")
	diskTotalDesc = desc("claudeops_data_disk_bytes", "The size of that file system.")
	diskRatioDesc = desc("claudeops_data_disk_used_ratio", "The part of it that is taken, of what ordinary users may take, 0 to 1.")
)

// Describe sends nothing: which figures there are depends on the sources.
func (c *sampled) Describe(chan<- *prometheus.Desc) {}

// Collect reads every source once, so that figures of one kind fit together.
func (c *sampled) Collect(out chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	total := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v, labels...)
	}
	if c.from.Counts != nil {
		gauge(queueDesc, float64(c.from.Counts().Queued))
	}
	if c.from.Supervisor != nil {
		s := c.from.Supervisor()
		for _, state := range []execution.Status{execution.Queued, execution.Running, execution.Cancelling} {
			gauge(executionsDesc, float64(s.Live[state]), string(state))
		}
		gauge(stalledDesc, float64(s.Stalled))
		total(adoptedDesc, float64(s.Adopted))
		total(settledDesc, float64(s.Settled))
		total(linksLostDesc, float64(s.LinksLost))
		total(cutDesc, float64(s.JournalsCut))
		gauge(indexPendingDesc, float64(s.IndexPending))
		gauge(indexLagDesc, s.IndexLag.Seconds())
		total(indexErrorsDesc, float64(s.IndexErrors))
	}
	last := time.Time{}
	if ns := c.set.durable.Load(); ns != 0 {
		last = time.Unix(0, ns)
	}
	if c.from.Journal != nil {
		s := c.from.Journal()
		total(syncsDesc, float64(s.Syncs))
		total(syncTimeDesc, s.SyncTime.Seconds())
		total(syncFailedDesc, float64(s.Failures))
		if s.LastSync.After(last) {
			last = s.LastSync
		}
	}
	if !last.IsZero() {
		gauge(syncAgeDesc, max(0, time.Since(last).Seconds()))
	}
	if c.from.Sealer != nil {
		s := c.from.Sealer()
		total(sealedDesc, float64(s.Sealed))
		total(sealPlainDesc, float64(s.Plain))
		total(sealStoredDesc, float64(s.Stored))
		total(sealTimeDesc, s.Worked.Seconds())
		total(sealFailuresDesc, float64(s.Failures))
		gauge(sealWaitingDesc, float64(s.Waiting))
	}
	if c.from.Feed != nil {
		s := c.from.Feed()
		gauge(feedsDesc, float64(s.Feeds))
		gauge(readersDesc, float64(s.LiveReaders), "live")
		gauge(readersDesc, float64(max(0, s.Subscriptions-s.LiveReaders)), "catching_up")
		total(framesDesc, float64(s.Frames), "live")
		total(framesDesc, float64(s.ReadFrames), "catching_up")
		total(bytesDesc, float64(s.Bytes), "live")
		total(bytesDesc, float64(s.ReadBytes), "catching_up")
		total(fellDesc, float64(s.FellOffTheEdge))
		gauge(gatherDesc, s.GatherWindow.Seconds())
		gauge(unsentBytesDesc, float64(s.UnsentBytes))
		gauge(unsentDesc, float64(s.UnsentEvents))
		gauge(mostUnsentDesc, float64(s.MostUnsentBytes))
		total(gapsDesc, float64(s.GapsDamaged), "damaged")
		total(gapsDesc, float64(s.GapsRetention), "retention")
		total(readErrorsDesc, float64(s.ReadErrors))
	}
	if c.from.Connections != nil {
		s := c.from.Connections()
		for transport, n := range s.Open {
			gauge(connectionsDesc, float64(n), transport)
		}
		for transport, n := range s.Opened {
			total(openedDesc, float64(n), transport)
		}
		gauge(usersDesc, float64(s.Users))
	}
	if c.from.Agents != nil {
		known, problems := c.from.Agents()
		gauge(agentsDesc, float64(known))
		gauge(problemsDesc, float64(problems))
	}
	c.kept(gauge, total)
	c.host(gauge)
}

// kept is how much is kept, and how much room there is for it.
func (c *sampled) kept(gauge, total func(*prometheus.Desc, float64, ...string)) {
	if c.from.Retention != nil {
		s := c.from.Retention()
		for rule, n := range s.Removed {
			total(removedDesc, float64(n), string(rule))
		}
		for rule, n := range s.Freed {
			total(freedDesc, float64(n), string(rule))
		}
		total(retainFailedDesc, float64(s.Failures))
		total(retainRunsDesc, float64(s.Runs), "ok")
		total(retainRunsDesc, float64(s.Broken), "failed")
		if !s.LastRun.IsZero() {
			gauge(retainAgeDesc, max(0, time.Since(s.LastRun).Seconds()))
		}
	}
	if c.from.Space == nil {
		return
	}
	s, ok := c.from.Space()
	if !ok {
		return
	}
	gauge(freeDesc, float64(s.Free))
	gauge(lowMarkDesc, float64(s.LowMark))
	if s.Inodes > 0 {
		gauge(freeInodesDesc, float64(s.FreeInodes))
	}
	gauge(diskLowDesc, map[protocol.DiskState]float64{protocol.DiskLow: 1, protocol.DiskCritical: 2}[s.DiskState])
}

func (c *sampled) host(gauge func(*prometheus.Desc, float64, ...string)) {
	if c.from.Host == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), hostWait)
	defer cancel()
	s, err := c.from.Host(ctx)
	if err != nil {
		// A sample with a part missing is a sample still; one that was given up is none.
		c.set.log.Warn("host could not be sampled", "error", err)
	}
	if s.Timestamp.IsZero() {
		return
	}
	gauge(cpuDesc, s.CPU/100)
	gauge(loadDesc, s.Load[0])
	if s.Memory.Total > 0 {
		gauge(memUsedDesc, float64(s.Memory.Used))
		gauge(memTotalDesc, float64(s.Memory.Total))
	}
	if s.Disk.Total > 0 {
		gauge(diskUsedDesc, float64(s.Disk.Used))
		gauge(diskTotalDesc, float64(s.Disk.Total))
		gauge(diskRatioDesc, s.Disk.Percent/100)
	}
}

// closeLabel keeps what a client can choose from becoming a label of its own each time.
func closeLabel(code int) string {
	switch {
	case code >= 1000 && code <= 1015, code == 4401, code == 4408, code == 4429:
		return strconv.Itoa(code)
	}
	return "other"
}
