package results

import (
	"c10klab/internal/record"
	"encoding/json"
	"errors"
	"io"
	"strings"
)

// rawRecord is a JSON object of which only some members are looked at.
type rawRecord map[string]json.RawMessage

// copyRecord copies a trial's record as evidence: without the disk samples that schema 2
// kept there, the list of the server's threads, whose sums by group remain, and single
// requests. Nothing but paths changes else, so that no version adds what another did not
// measure.
func copyRecord(w io.Writer, from io.Reader, paths *strings.Replacer) error {
	read, err := io.ReadAll(from)
	if err != nil {
		return err
	}
	text := []byte(paths.Replace(string(read)))
	var t record.Trial
	var record rawRecord
	if err := errors.Join(json.Unmarshal(text, &t), json.Unmarshal(text, &record)); err != nil {
		return err
	}
	if err := errors.Join(record.dropDiskSamples(&t), record.edit("measurement", rawRecord.dropSingles)); err != nil {
		return err
	}
	return json.NewEncoder(w).Encode(record)
}

// dropDiskSamples leaves what they were in the window.
func (r rawRecord) dropDiskSamples(t *record.Trial) (err error) {
	if detachDiskSamples(t) == nil {
		return nil
	}
	var disks []rawRecord
	if err := json.Unmarshal(r["disks"], &disks); err != nil {
		return err
	}
	for _, d := range disks {
		delete(d, "samples")
	}
	if r["disks"], err = json.Marshal(disks); err != nil {
		return err
	}
	r["disk_windows"], err = json.Marshal(t.DiskWindows)
	return err
}

// dropSingles drops the threads of a measurement, of which thread_use remains, which older
// records have not, and the slowest of its joined requests.
func (r rawRecord) dropSingles() error {
	threads := func(atEnd rawRecord) error {
		if atEnd["thread_use"] != nil {
			delete(atEnd, "census")
		}
		return nil
	}
	slowest := func(join rawRecord) error {
		delete(join, "slowest")
		return nil
	}
	return errors.Join(r.editServers(threads), r.edit("server_at_end", threads), r.edit("join", slowest))
}

// editServers changes what each of a measurement's servers was like at the end.
func (r rawRecord) editServers(change func(rawRecord) error) error {
	var servers []rawRecord
	if r["servers"] == nil {
		return nil
	}
	if err := json.Unmarshal(r["servers"], &servers); err != nil {
		return err
	}
	for _, s := range servers {
		if err := s.edit("at_end", change); err != nil {
			return err
		}
	}
	text, err := json.Marshal(servers)
	r["servers"] = text
	return err
}

// edit changes a member that is an object, if there is one.
func (r rawRecord) edit(member string, change func(rawRecord) error) error {
	var inner rawRecord
	if r[member] == nil {
		return nil
	}
	if err := errors.Join(json.Unmarshal(r[member], &inner), change(inner)); err != nil {
		return err
	}
	text, err := json.Marshal(inner)
	r[member] = text
	return err
}
