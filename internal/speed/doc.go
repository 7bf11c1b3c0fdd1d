// Package speed holds the benchmarks that run whole processes, or the log store and
// bare system calls, against each other and print ratios. Nothing else may run on the machine meanwhile:
//
//	go test -run '^$' -bench . -benchtime 1x -timeout 1h ./internal/speed
//
// With C10KLAB_RECORD=DIR each leaves its record, a JSON file, in DIR.
package speed
