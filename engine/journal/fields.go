// SPDX-License-Identifier: MIT

package journal

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"time"

	"go.uber.org/zap/zapcore"
)

// line takes zap's fields and writes each as " key=value".
var _ zapcore.ObjectEncoder = (*line)(nil)

// key appends the field's name.
func (l *line) key(key string) {
	l.add(" ")
	l.escape(l.prefix, false)
	l.escape(key, false)
	l.add("=")
}

// value appends a string, in quotes unless it is a plain ASCII word. The closing
// quote is written even when the line was cut: bodyBytesMax keeps a byte for it.
func (l *line) value(s string) {
	if isWord(s) {
		l.escape(s, false)
		return
	}
	if l.add(`"`); l.cut {
		return
	}
	l.escape(s, true)
	l.buf = append(l.buf, '"')
	if len(l.buf) > bodyBytesMax {
		l.cut = true // nothing may use the byte that the quote just took
	}
}

// isWord reports whether s can stand without quotes and still be told from the text
// and the fields around it.
func isWord(s string) bool {
	if s == "" || len(s) > LineBytesMax {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if c <= ' ' || c > '~' || c == '"' || c == '=' || c == '\\' {
			return false
		}
	}
	return true
}

// number keeps b, which is l.buf with a number appended (numberBytesMax at most), if it fits.
func (l *line) number(b []byte) {
	if l.cut || len(b) > bodyBytesMax {
		l.cut = true
		return
	}
	l.buf = b
}

func (l *line) addInt(key string, v int64) {
	l.key(key)
	l.number(strconv.AppendInt(l.buf, v, 10))
}

func (l *line) addUint(key string, v uint64) {
	l.key(key)
	l.number(strconv.AppendUint(l.buf, v, 10))
}

func (l *line) addFloat(key string, v float64, bits int) {
	l.key(key)
	l.number(strconv.AppendFloat(l.buf, v, 'g', -1, bits))
}

// AddBool implements zapcore.ObjectEncoder, as do all Add methods.
func (l *line) AddBool(key string, v bool) {
	l.key(key)
	l.add(strconv.FormatBool(v))
}

// AddString quotes and escapes v as far as needed.
func (l *line) AddString(key, v string) {
	l.key(key)
	l.value(v)
}

// AddByteString treats v as text, as AddString does.
func (l *line) AddByteString(key string, v []byte) {
	l.AddString(key, string(v[:min(len(v), LineBytesMax)]))
}

// AddBinary writes v in hexadecimal: what is logged is protocol bytes.
func (l *line) AddBinary(key string, v []byte) {
	l.AddString(key, hex.EncodeToString(v[:min(len(v), LineBytesMax/2)]))
}

// AddDuration writes Go's notation, such as 1.5s.
func (l *line) AddDuration(key string, v time.Duration) { l.AddString(key, v.String()) }

// AddTime writes the time of day in the zone that v carries, in quotes.
func (l *line) AddTime(key string, v time.Time) { l.AddString(key, v.Format(timeLayout)) }

// AddInt and the methods below write decimal numbers.
func (l *line) AddInt(key string, v int) { l.addInt(key, int64(v)) }

// AddInt64 writes a decimal number.
func (l *line) AddInt64(key string, v int64) { l.addInt(key, v) }

// AddInt32 writes a decimal number.
func (l *line) AddInt32(key string, v int32) { l.addInt(key, int64(v)) }

// AddInt16 writes a decimal number.
func (l *line) AddInt16(key string, v int16) { l.addInt(key, int64(v)) }

// AddInt8 writes a decimal number.
func (l *line) AddInt8(key string, v int8) { l.addInt(key, int64(v)) }

// AddUint writes a decimal number.
func (l *line) AddUint(key string, v uint) { l.addUint(key, uint64(v)) }

// AddUint64 writes a decimal number.
func (l *line) AddUint64(key string, v uint64) { l.addUint(key, v) }

// AddUint32 writes a decimal number.
func (l *line) AddUint32(key string, v uint32) { l.addUint(key, uint64(v)) }

// AddUint16 writes a decimal number.
func (l *line) AddUint16(key string, v uint16) { l.addUint(key, uint64(v)) }

// AddUint8 writes a decimal number.
func (l *line) AddUint8(key string, v uint8) { l.addUint(key, uint64(v)) }

// AddUintptr writes a decimal number.
func (l *line) AddUintptr(key string, v uintptr) { l.addUint(key, uint64(v)) }

// AddFloat64 writes the shortest decimal form.
func (l *line) AddFloat64(key string, v float64) { l.addFloat(key, v, 64) }

// AddFloat32 writes the shortest decimal form.
func (l *line) AddFloat32(key string, v float32) { l.addFloat(key, float64(v), 32) }

// AddComplex128 writes Go's notation.
func (l *line) AddComplex128(key string, v complex128) {
	l.AddString(key, strconv.FormatComplex(v, 'g', -1, 128))
}

// AddComplex64 writes Go's notation.
func (l *line) AddComplex64(key string, v complex64) {
	l.AddString(key, strconv.FormatComplex(complex128(v), 'g', -1, 64))
}

// AddReflected writes fmt's notation. It allocates in proportion to v: not for peer data.
func (l *line) AddReflected(key string, v any) error {
	l.AddString(key, fmt.Sprintf("%+v", v))
	return nil
}

// AddArray writes fmt's notation of the elements.
func (l *line) AddArray(key string, v zapcore.ArrayMarshaler) error {
	m := zapcore.NewMapObjectEncoder()
	err := m.AddArray(key, v)
	l.AddString(key, fmt.Sprint(m.Fields[key]))
	return err
}

// AddObject writes the object's fields, their names preceded by key and a dot.
func (l *line) AddObject(key string, v zapcore.ObjectMarshaler) error {
	outer := l.prefix
	l.OpenNamespace(key)
	err := v.MarshalLogObject(l)
	l.prefix = outer
	return err
}

// OpenNamespace puts key and a dot before the names of the fields that follow.
func (l *line) OpenNamespace(key string) {
	l.prefix += key + "."
}
