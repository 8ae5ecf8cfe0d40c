// SPDX-License-Identifier: MIT

package conf

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// value is a directive's arguments, understood after its kind. Of the fields,
// the one that the kind names is set.
type value struct {
	on     bool     // kindBool
	number int64    // kindWhole; kindSeconds, in milliseconds; kindKiB, kindMiB, in bytes; kindEnum, the index
	real   float64  // kindDecimal
	text   string   // kindText, kindName
	words  []string // kindList, kindListen, kindDomains

	nets    []netip.Prefix // kindNets
	rules   []Rule         // kindRule: one, or all of a variable
	replace bool           // the rules are not further ones
}

var errNoValue = errors.New("a value is missing")

// textBytesMax bounds a single word: the longest path that Linux takes.
const textBytesMax = 4096

// parse understands args. note, if any, is a warning about a value that was
// changed; err says what is wrong, without position and path.
func (s *spec) parse(args []string) (v value, note string, err error) {
	if err := s.arity(args); err != nil {
		return value{}, "", err
	}
	switch s.kind {
	case kindBool:
		v.on = args[0] == "on"
		if !v.on && args[0] != "off" {
			err = fmt.Errorf("%s is neither on nor off", quote(args[0]))
		}
	case kindWhole:
		v.number, note, err = s.whole(args[0])
	case kindDecimal:
		v.real, err = s.decimal(args[0])
	case kindSeconds:
		v.number, err = s.seconds(args[0])
	case kindKiB:
		v.number, note, err = s.whole(args[0])
		v.number *= kib
	case kindMiB:
		v.number, note, err = s.whole(args[0])
		v.number *= mib
	case kindEnum:
		v.number, err = s.enum(args)
	case kindText:
		v.text = strings.Join(args, "") // none or one
	case kindName:
		v.text, err = args[0], checkName(args[0])
	case kindList:
		v.words = args
	case kindListen:
		v.words, err = parseListen(args)
	case kindNets:
		if !s.orNone || len(args) != 1 || args[0] != noNets {
			v.nets, note, err = parseNets(args)
		}
	case kindDomains:
		v.words, err = parseDomains(args)
	case kindRule:
		var r Rule
		r, note, err = parseRule(args)
		v.rules = []Rule{r}
	case kindBlock, kindFreeBlock:
		err = errors.New("takes a block")
	}
	if err == nil && note == "" && s.caution != nil {
		note = s.caution(v)
	}
	return v, note, err
}

// checkName says what is wrong with the name of a file below a root.
func checkName(name string) error {
	below := strings.TrimPrefix(strings.TrimPrefix(name, "./"), "/")
	for element := range strings.SplitSeq(below, "/") {
		if element == "" || element == "." || element == ".." {
			return fmt.Errorf("%s is no file's name below a directory: no . or .. may stand between slashes", quote(name))
		}
	}
	return nil
}

// parseVariable understands what a variable holds. One that stands for lines of a
// block has them separated by semicolons, and takes the place of all of them.
func (s *spec) parseVariable(text string) (v value, note string, err error) {
	switch {
	case s.isList():
		return s.parse(strings.Fields(text))
	case s.kind != kindRule:
		return s.parse([]string{text})
	}
	v.replace = true
	for line := range strings.SplitSeq(text, ";") {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		one, hint, err := s.parse(words)
		if err != nil {
			return value{}, "", err
		}
		if note == "" {
			note = hint
		}
		v.rules = append(v.rules, one.rules...)
	}
	if len(v.rules) == 0 {
		err = errNoValue
	}
	return v, note, err
}

// arity checks how many words there are.
func (s *spec) arity(args []string) error {
	for _, a := range args {
		if len(a) > textBytesMax {
			return fmt.Errorf("%s is longer than %d bytes", quote(a), textBytesMax)
		}
		if strings.ContainsFunc(a, unicode.IsControl) {
			return fmt.Errorf("%s has a control character in it", quote(a))
		}
	}
	switch s.kind {
	case kindList, kindListen, kindNets, kindRule, kindDomains:
		if len(args) == 0 {
			return errNoValue
		}
		return nil
	case kindText, kindEnum:
		if len(args) == 0 && s.def == "" {
			return nil // written as "": not set
		}
	case kindBool, kindWhole, kindDecimal, kindSeconds, kindKiB, kindMiB, kindName, kindBlock, kindFreeBlock:
	}
	switch len(args) {
	case 0:
		return errNoValue
	case 1:
		return nil
	default:
		return fmt.Errorf("takes one value, not %d: %s", len(args), quote(strings.Join(args, " ")))
	}
}

func (s *spec) whole(word string) (int64, string, error) {
	n, err := strconv.ParseInt(word, 10, 64)
	switch {
	case errors.Is(err, strconv.ErrRange):
		return 0, "", s.outOfRange(word)
	case err != nil || word[0] == '+':
		return 0, "", fmt.Errorf("%s is not a whole number", quote(word))
	case float64(n) < s.min || float64(n) > s.max:
		return 0, "", s.outOfRange(word)
	case s.clampMin > 0 && float64(n) < s.clampMin:
		return int64(s.clampMin), clamped(word, s.clampMin), nil
	case s.clampMax > 0 && float64(n) > s.clampMax:
		return int64(s.clampMax), clamped(word, s.clampMax), nil
	}
	return n, "", nil
}

func clamped(word string, bound float64) string {
	return fmt.Sprintf("%s is not useful, %s is used", word, number(bound))
}

// decimal takes digits with at most one point: no exponent, no sign but a minus,
// nothing that is not finite.
func (s *spec) decimal(word string) (float64, error) {
	digits := strings.TrimPrefix(word, "-")
	before, after, point := strings.Cut(digits, ".")
	if !allDigits(before) || point && !allDigits(after) {
		return 0, fmt.Errorf("%s is not a decimal number", quote(word))
	}
	f, err := strconv.ParseFloat(word, 64)
	if err != nil || f < s.min || f > s.max {
		return 0, s.outOfRange(word)
	}
	return f, nil
}

func allDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// seconds converts to milliseconds; what is not zero does not become zero.
func (s *spec) seconds(word string) (int64, error) {
	f, err := s.decimal(word)
	if err != nil {
		return 0, err
	}
	ms := math.Round(f * secondMs)
	if ms == 0 && f != 0 {
		return 0, fmt.Errorf("%s seconds is less than a millisecond", word)
	}
	return int64(ms), nil
}

func (s *spec) enum(args []string) (int64, error) {
	if len(args) == 0 {
		return 0, nil
	}
	i := slices.Index(s.values, args[0])
	if i < 0 {
		return 0, fmt.Errorf("%s is not one of: %s%s",
			quote(args[0]), strings.Join(s.values, ", "), didYouMean(args[0], s.values))
	}
	return int64(i), nil
}

func (s *spec) outOfRange(word string) error {
	return fmt.Errorf("%s is out of range, %s to %s", quote(word), number(s.min), number(s.max))
}

func number(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// store puts a parsed value where the row says, if it says.
func (s *spec) store(b *build, v value) {
	if s.field == nil {
		return
	}
	switch p := s.field(b).(type) {
	case *bool:
		*p = v.on
	case *int:
		*p = int(v.number)
	case *int64:
		*p = v.number
	case *uint32:
		*p = uint32(v.number)
	case *float64:
		*p = v.real
	case *string:
		*p = v.text
	case *[]string:
		*p = v.words
	case *[]netip.Prefix:
		*p = v.nets
	case *[]Rule:
		if v.replace {
			*p = nil
		}
		*p = append(*p, v.rules...)
	case *Jitter:
		*p = Jitter(v.number)
	case *OutputError:
		*p = OutputError(v.number)
	case *AuthType:
		*p = AuthType(v.number)
	case *DVRPlan:
		*p = DVRPlan(v.number)
	case *LogTank:
		*p = LogTank(v.number)
	case *LogLevel:
		*p = LogLevel(v.number)
	}
}
