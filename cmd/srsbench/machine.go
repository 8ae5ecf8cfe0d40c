// SPDX-License-Identifier: MIT

package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"

	"srsd/bench/load"
)

// errColumns: the CSV file has been written by something else.
var errColumns = errors.New("csv: the file has other columns; give a new file")

// writeMachine writes the result where --json and --csv say.
func writeMachine(r any, flags *common, stdout io.Writer) error {
	switch flags.JSON {
	case "":
	case toStdout:
		if err := writeJSON(stdout, r); err != nil {
			return err
		}
	default:
		var b bytes.Buffer
		if err := writeJSON(&b, r); err != nil {
			return err
		}
		if err := os.WriteFile(flags.JSON, b.Bytes(), 0o644); err != nil {
			return err
		}
	}
	switch flags.CSV {
	case "":
		return nil
	case toStdout:
		return writeCSV(stdout, r, true)
	default:
		return appendCSV(flags.CSV, r)
	}
}

func writeJSON(w io.Writer, r any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(r)
}

// appendCSV adds a line to a file, and the names of the columns if it is new.
func appendCSV(name string, r any) error {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	header, err := csv.NewReader(f).Read()
	switch {
	case err == io.EOF:
		err = writeCSV(f, r, true)
	case err == nil && slices.Equal(header, columns(r)):
		err = writeCSV(f, r, false)
	case err == nil:
		err = fmt.Errorf("%w: %s", errColumns, name)
	}
	return errors.Join(err, f.Close())
}

func writeCSV(w io.Writer, r any, header bool) error {
	out := csv.NewWriter(w)
	if header {
		if err := out.Write(columns(r)); err != nil {
			return err
		}
	}
	values := make([]string, 0, 64)
	walk(reflect.Indirect(reflect.ValueOf(r)), "", func(_ string, v reflect.Value) { values = append(values, cell(v)) })
	if err := out.Write(values); err != nil {
		return err
	}
	out.Flush()
	return out.Error()
}

// columns are the names of JSON, those inside of others with a dot: "players.lost".
func columns(r any) (names []string) {
	walk(reflect.Indirect(reflect.ValueOf(r)), "", func(name string, _ reflect.Value) { names = append(names, name) })
	return names
}

// walk calls f for each field of the struct v that is not a struct itself, in order.
func walk(v reflect.Value, prefix string, f func(name string, v reflect.Value)) {
	for i := range v.NumField() {
		name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
		if field := v.Field(i); field.Kind() == reflect.Struct {
			walk(field, prefix+name+".", f)
		} else {
			f(prefix+name, field)
		}
	}
}

// cell is a value as text; the elements of a list are divided by " | ".
func cell(v reflect.Value) string {
	switch x := v.Interface().(type) {
	case []load.Problem:
		texts := make([]string, len(x))
		for i, p := range x {
			texts[i] = fmt.Sprintf("%d x %s", p.Count, p.Cause)
		}
		return strings.Join(texts, " | ")
	case []string:
		return strings.Join(x, " | ")
	case []int:
		return strings.Trim(fmt.Sprint(x), "[]")
	case float64:
		return fmt.Sprintf("%.3f", x)
	default:
		return fmt.Sprint(x)
	}
}
