package vfs

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
)

// NumberedPath is that of a file named after a number in 20 digits, as Kafka names
// segments.
func NumberedPath(dir string, number int64, suffix string) string {
	return filepath.Join(dir, fmt.Sprintf("%020d%s", number, suffix))
}

// Numbers lists the numbers of the files in a directory that NumberedPath may have
// named, ascending.
func Numbers(fsys FS, dir, suffix string) ([]int64, error) {
	names, err := fsys.List(dir)
	var numbers []int64
	for _, name := range names {
		digits, found := strings.CutSuffix(name, suffix)
		if number, err := strconv.ParseUint(digits, 10, 63); found && len(digits) == 20 && err == nil {
			numbers = append(numbers, int64(number))
		}
	}
	return numbers, err
}
