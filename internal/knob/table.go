package knob

import (
	"fmt"
	"maps"
	"reflect"
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
func (v *Values) Map() map[string]string { return maps.Clone(v.text) }

// Text returns the value as it was given. Like all getters it panics on a name
// that the table lacks, and those of a type on a knob of another kind.
func (v *Values) Text(name string) string {
	text, found := v.text[name]
	if !found {
		panic("knob: no knob is named " + name)
	}
	return text
}

func (v *Values) Int(name string) int                { return v.value(name).(int) }
func (v *Values) Float(name string) float64          { return v.value(name).(float64) }
func (v *Values) Bool(name string) bool              { return v.value(name).(bool) }
func (v *Values) Duration(name string) time.Duration { return v.value(name).(time.Duration) }
func (v *Values) Bytes(name string) int64            { return v.value(name).(int64) }

func (v *Values) value(name string) any {
	text := v.Text(name)
	value, err := v.table.knobs[v.table.byName[name]].read(text)
	if err != nil {
		panic("knob: a value passed its check but cannot be read: " + err.Error())
	}
	return value
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
		switch field, value := fields.Field(i), reflect.ValueOf(v.value(name)); {
		case isText:
			field.SetBool(v.Text(name) == text)
		case value.CanInt():
			field.SetInt(value.Int())
		case value.CanFloat():
			field.SetFloat(value.Float())
		case value.Kind() == reflect.Bool:
			field.SetBool(value.Bool())
		default:
			field.SetString(value.String())
		}
	}
}
