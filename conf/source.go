// SPDX-License-Identifier: MIT

package conf

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"unicode/utf8"
)

// Bounds of one configuration, so that a wrong path (a core dump, a log, a
// directory of generated files) is an error and not an hour of reading.
const (
	sourceBytesMax  = 1 << 20 // all files together
	includeDepthMax = 16      // files that include each other
	includeFilesMax = 256     // files read, counted each time
	directivesMax   = 1 << 16 // in all files together
	blockDepthMax   = 32      // blocks within blocks
)

// errTooBig says that the files together exceed sourceBytesMax.
var errTooBig = fmt.Errorf("the configuration is larger than %d bytes", sourceBytesMax)

// readFile returns the content of a regular file of at most limit bytes. Its
// errors do not repeat the path.
func readFile(path string, limit int) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", pathless(err)
	}
	if info.IsDir() {
		return "", errors.New("is a directory, not a file")
	}
	if !info.Mode().IsRegular() {
		return "", errors.New("is not a regular file") // reading a pipe could block for ever
	}
	if info.Size() > int64(limit) {
		return "", errTooBig
	}
	f, err := os.Open(path)
	if err != nil {
		return "", pathless(err)
	}
	b, err := io.ReadAll(io.LimitReader(f, int64(limit)+1))
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return "", pathless(err)
	}
	if len(b) > limit {
		return "", errTooBig
	}
	return string(b), nil
}

func pathless(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	return err
}

// cleanText removes a UTF-8 byte order mark and refuses what is no text: other
// encodings, control characters, a carriage return that ends no line.
func cleanText(raw string) (string, *lexError) {
	if strings.HasPrefix(raw, "\xff\xfe") || strings.HasPrefix(raw, "\xfe\xff") {
		return "", &lexError{line: 1, msg: "the file is UTF-16; save it as UTF-8"}
	}
	text := strings.TrimPrefix(raw, "\ufeff")
	line := 1
	for i, r := range text {
		switch {
		case r == '\n':
			line++
		case r == '\r' && !strings.HasPrefix(text[i+1:], "\n"):
			return "", &lexError{line: line, msg: "carriage return without line feed"}
		case r == '\r', r == '\t':
		case r < ' ', r == 0x7f:
			return "", &lexError{line: line, msg: fmt.Sprintf("control character %q", r)}
		case r == utf8.RuneError && !strings.HasPrefix(text[i:], "\ufffd"):
			return "", &lexError{line: line, msg: "the file is not UTF-8 text"}
		}
	}
	return text, nil
}
