package results

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"os/exec"
	"strings"
	"time"
)

// Info is run.json: everything that all trials of a run share.
type Info struct {
	Schema       int           `json:"schema"`
	Packed       int           `json:"packed,omitempty"` // the version of the packed form; 0: each trial has files of its own
	Specs        []Spec        `json:"specs"`
	Full         bool          `json:"full"` // the full variant of the specs, not the quick one
	CommandLine  []string      `json:"command_line"`
	Seed         uint64        `json:"seed"`
	Started      time.Time     `json:"started"`
	Source       Source        `json:"source"`
	BinarySHA256 string        `json:"binary_sha256"` // of the program that served and loaded
	DataDir      string        `json:"data_dir"`
	Host         Host          `json:"host"`
	Cells        []PlannedCell `json:"cells"`             // what was planned, in the order of tables and figures
	Resumed      []Resumption  `json:"resumed,omitempty"` // when an interrupted run was continued, and where
}

// Resumption is one continuation of a run.
type Resumption struct {
	At          time.Time `json:"at"`
	CommandLine []string  `json:"command_line"`
	Host        Host      `json:"host"`
}

// Spec is an experiment as it was when the run started.
type Spec struct {
	ID      string `json:"id"`
	SHA256  string `json:"sha256"`
	Text    string `json:"text"`
	Repeats int    `json:"repeats"` // how many blocks were planned
}

func NewSpec(id, text string, repeats int) Spec {
	sum := sha256.Sum256([]byte(text))
	return Spec{ID: id, Text: text, SHA256: fmt.Sprintf("%x", sum), Repeats: repeats}
}

// PlannedCell is one combination of knobs that each block runs once.
type PlannedCell struct {
	Experiment string            `json:"experiment"`
	ID         string            `json:"id"`
	Knobs      map[string]string `json:"knobs"`
	// TwinOf is the cell that this one repeats (A/A): what differs between the two
	// is noise.
	TwinOf string `json:"twin_of,omitempty"`
	// Planted are the knobs in which it differs from that cell after all: a positive control.
	Planted map[string]string `json:"planted,omitempty"`
}

func (p PlannedCell) Equal(q PlannedCell) bool {
	return p.Experiment == q.Experiment && p.ID == q.ID && p.TwinOf == q.TwinOf && maps.Equal(p.Planted, q.Planted) && maps.Equal(p.Knobs, q.Knobs)
}

// UnknownRevision stands where git could not be asked.
const UnknownRevision = "unknown"

// Source is the state of the program's source when the run started.
type Source struct {
	Revision string `json:"revision"`
	Clean    bool   `json:"clean"` // the working tree had no uncommitted change
}

// Tree says in words whether the revision is all that ran.
func (s Source) Tree() string {
	if s.Clean {
		return "clean"
	}
	return "with uncommitted changes or unknown"
}

// ReadSource asks git about the working tree around dir. Build stamps would not
// do: they are absent under `go run`. Changes of what is no source, given as paths from
// the tree's root, do not count.
func ReadSource(dir string, but ...string) Source {
	revision, err := exec.Command("git", "-C", dir, "rev-parse", "HEAD").Output()
	if err != nil {
		return Source{Revision: UnknownRevision}
	}
	status := []string{"-C", dir, "status", "--porcelain", "--"}
	for _, path := range but {
		status = append(status, ":(top,exclude)"+path)
	}
	changes, err := exec.Command("git", status...).Output()
	return Source{Revision: strings.TrimSpace(string(revision)), Clean: err == nil && len(changes) == 0}
}

// CommandLine is the command that made a run, quoted for a POSIX shell and without
// the path of the program, which `go run` makes up.
func CommandLine(info Info) string {
	words := []string{"c10klab"}
	for _, argument := range info.CommandLine[min(1, len(info.CommandLine)):] {
		words = append(words, ShellQuote(argument))
	}
	return strings.Join(words, " ")
}

func ShellQuote(argument string) string {
	const plain = "-_=./:,+@%"
	special := func(r rune) bool {
		return !strings.ContainsRune(plain, r) && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	}
	if argument != "" && !strings.ContainsFunc(argument, special) {
		return argument
	}
	return "'" + strings.ReplaceAll(argument, "'", `'\''`) + "'"
}
