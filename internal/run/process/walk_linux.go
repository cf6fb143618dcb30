package process

import "strconv"

// walk calls visit for every process as soon as it is read, and gives them all. marked looks
// whether the process carries id; it is asked only where nothing else decides, for it costs a read.
func walk(id string, visit func(info Info, marked func() bool)) ([]Info, error) {
	var all []Info
	stat, env := make([]byte, 1024), make([]byte, 16<<10)
	err := scan(func(dir, pid int) {
		info, err := readStat(dir, strconv.Itoa(pid)+"/stat", stat)
		if err != nil {
			return
		}
		all = append(all, info)
		visit(info, func() bool { return !info.dead() && marked(dir, pid, id, env) })
	})
	return all, err
}
