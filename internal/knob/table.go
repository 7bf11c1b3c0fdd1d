package knob

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// Table is an ordered set of knobs with unique names. It is immutable once made.
type Table struct {
	knobs  []Knob
	byName map[string]int
}

// NewTable concatenates groups. It panics on a duplicate name or on a default
// that its own knob refuses: both are mistakes in the program, not of its user.
func NewTable(groups ...[]Knob) *Table {
	t := &Table{byName: map[string]int{}}
	for _, group := range groups {
		for _, k := range group {
			if _, taken := t.byName[k.Name]; taken {
				panic("knob: two knobs are named " + k.Name)
			}
			if err := k.Check(k.Default); err != nil {
				panic("knob: bad default: " + err.Error())
			}
			t.byName[k.Name] = len(t.knobs)
			t.knobs = append(t.knobs, k)
		}
	}
	return t
}

// Knobs returns the knobs in table order; the caller must not change them.
func (t *Table) Knobs() []Knob { return t.knobs }

// Has reports whether the table holds a knob of that name.
func (t *Table) Has(name string) bool {
	_, found := t.byName[name]
	return found
}

// Lookup finds a knob by name; its error suggests the nearest name.
func (t *Table) Lookup(name string) (Knob, error) {
	if i, found := t.byName[name]; found {
		return t.knobs[i], nil
	}
	names := make([]string, len(t.knobs))
	for i, k := range t.knobs {
		names[i] = k.Name
	}
	return Knob{}, fmt.Errorf("no knob is named %q%s", name, DidYouMean(name, names))
}

// Values holds one checked text per knob of a table. It is not safe for
// concurrent changes.
type Values struct {
	table *Table
	text  map[string]string
}

// Defaults returns the table's default values.
func (t *Table) Defaults() *Values {
	v := &Values{table: t, text: make(map[string]string, len(t.knobs))}
	for _, k := range t.knobs {
		v.text[k.Name] = k.Default
	}
	return v
}

// Values returns the defaults overridden by those of the settings that the table
// has a knob for; it ignores the others.
func (t *Table) Values(settings map[string]string) (*Values, error) {
	v := t.Defaults()
	for name, text := range settings {
		if !t.Has(name) {
			continue
		}
		if err := v.Set(name, text); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// Set changes one value after checking it.
func (v *Values) Set(name, text string) error {
	k, err := v.table.Lookup(name)
	if err != nil {
		return err
	}
	if err := k.Check(text); err != nil {
		return err
	}
	v.text[name] = text
	return nil
}

// Map returns a copy of all values as text, for records.
func (v *Values) Map() map[string]string {
	m := make(map[string]string, len(v.text))
	for name, text := range v.text {
		m[name] = text
	}
	return m
}

// Text returns the value as it was given. Like all getters it panics on a name
// that the table lacks.
func (v *Values) Text(name string) string {
	text, found := v.text[name]
	if !found {
		panic("knob: no knob is named " + name)
	}
	return text
}

func (v *Values) Int(name string) int {
	return must(strconv.Atoi(v.Text(name)))
}

func (v *Values) Float(name string) float64 {
	return must(strconv.ParseFloat(v.Text(name), 64))
}

func (v *Values) Bool(name string) bool {
	return must(strconv.ParseBool(v.Text(name)))
}

func (v *Values) Duration(name string) time.Duration {
	return must(time.ParseDuration(v.Text(name)))
}

func (v *Values) Bytes(name string) int64 {
	return must(ParseBytes(v.Text(name)))
}

// Fill sets the fields of a struct that have a tag `knob:"NAME"` to that knob's value: a
// string, bool, int, int64, float64 or time.Duration by the knob's kind. A bool may be
// tagged `knob:"NAME=TEXT"`: whether the value is that text. Like all getters it panics on
// what does not fit.
func (v *Values) Fill(config any) {
	fields := reflect.ValueOf(config).Elem()
	for i := range fields.NumField() {
		tag, tagged := fields.Type().Field(i).Tag.Lookup("knob")
		if !tagged {
			continue
		}
		name, text, isText := strings.Cut(tag, "=")
		switch field, kind := fields.Field(i), must(v.table.Lookup(name)).Kind; {
		case isText:
			field.SetBool(v.Text(name) == text)
		case kind == Int:
			field.SetInt(int64(v.Int(name)))
		case kind == Float:
			field.SetFloat(v.Float(name))
		case kind == Bool:
			field.SetBool(v.Bool(name))
		case kind == Duration:
			field.SetInt(int64(v.Duration(name)))
		case kind == Bytes:
			field.SetInt(v.Bytes(name))
		default:
			field.SetString(v.Text(name))
		}
	}
}

// must unwraps a value that Check has already accepted.
func must[T any](value T, err error) T {
	if err != nil {
		panic("knob: a value passed its check but cannot be read: " + err.Error())
	}
	return value
}
