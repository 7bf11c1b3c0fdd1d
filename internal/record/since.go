package record

import "reflect"

// Since returns what was counted between an earlier reading and a later one of the same
// things. Numbers are cumulative and subtracted; those tagged since:"level" are levels,
// and stay as they are in the later reading, as texts do. Elements of a list are the same
// if their texts are; entries of a map if their keys are. What the earlier reading lacks
// has counted from 0. So a number that is added to a structure is subtracted with it.
func Since[T any](later, earlier T) T {
	result := reflect.New(reflect.TypeFor[T]()).Elem()
	result.Set(reflect.ValueOf(&later).Elem())
	subtract(result, reflect.ValueOf(&earlier).Elem())
	return result.Interface().(T)
}

// subtract changes later, a copy of its own at its top, and shares nothing that it
// changes with the reading that it was copied from.
func subtract(later, earlier reflect.Value) {
	switch later.Kind() {
	case reflect.Int, reflect.Int64:
		later.SetInt(later.Int() - earlier.Int())
	case reflect.Float64:
		later.SetFloat(later.Float() - earlier.Float())
	case reflect.Struct:
		for i := range later.NumField() {
			if later.Type().Field(i).Tag.Get("since") != "level" {
				subtract(later.Field(i), earlier.Field(i))
			}
		}
	case reflect.Slice:
		subtractElements(later, earlier)
	case reflect.Map:
		subtractEntries(later, earlier)
	}
}

func subtractElements(later, earlier reflect.Value) {
	if later.IsNil() {
		return
	}
	own := reflect.MakeSlice(later.Type(), later.Len(), later.Len())
	reflect.Copy(own, later)
	for i := range own.Len() {
		for k := range earlier.Len() {
			if sameTexts(own.Index(i), earlier.Index(k)) {
				subtract(own.Index(i), earlier.Index(k))
				break
			}
		}
	}
	later.Set(own)
}

func sameTexts(a, b reflect.Value) bool {
	for i := range a.NumField() {
		if a.Field(i).Kind() == reflect.String && a.Field(i).String() != b.Field(i).String() {
			return false
		}
	}
	return true
}

func subtractEntries(later, earlier reflect.Value) {
	if later.IsNil() {
		return
	}
	own := reflect.MakeMap(later.Type())
	for entries := later.MapRange(); entries.Next(); {
		value := reflect.New(later.Type().Elem()).Elem()
		value.Set(entries.Value())
		if before := earlier.MapIndex(entries.Key()); before.IsValid() {
			subtract(value, before)
		}
		own.SetMapIndex(entries.Key(), value)
	}
	later.Set(own)
}
