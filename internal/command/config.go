package command

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// maxConfig is the size in bytes of the largest -config file.
const maxConfig = 1 << 20

// JSON is the effective configuration: an object with a line for each flag but
// -config, in order. Read back with -config it sets the same values.
func (f *Flags) JSON() []byte {
	var buf bytes.Buffer
	buf.WriteString("{")
	for i, name := range f.names() {
		if name == configName {
			break
		}
		if i > 0 {
			buf.WriteByte(',')
		}
		value := get(f.set.Lookup(name))
		if d, ok := value.(time.Duration); ok {
			value = d.String()
		}
		text, err := json.Marshal(value)
		if err != nil {
			panic(fmt.Sprintf("command: flag -%s: %v", name, err))
		}
		fmt.Fprintf(&buf, "\n  %q: %s", name, text)
	}
	buf.WriteString("\n}\n")
	return buf.Bytes()
}

func (f *Flags) readConfig(path string) error {
	data, err := readAtMost(path, maxConfig)
	if err != nil {
		return fmt.Errorf("reading the configuration: %w", err)
	}
	if err := f.setAll(data); err != nil {
		return fmt.Errorf("reading the configuration: %s: %w", path, err)
	}
	return nil
}

func readAtMost(path string, most int64) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, most+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > most {
		return nil, fmt.Errorf("%s: more than %d bytes", path, most)
	}
	return data, nil
}

// setAll sets flags from an object of names and values. A name that is no flag,
// that comes twice, or whose value is of another type is an error.
func (f *Flags) setAll(data []byte) error {
	var whole json.RawMessage
	if err := json.Unmarshal(data, &whole); err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(whole))
	d.UseNumber()
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return errors.New("want a JSON object of flags and values")
	}
	seen := map[string]bool{}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return err
		}
		var value any
		if err := d.Decode(&value); err != nil {
			return err
		}
		name := key.(string) // in valid JSON no other token stands here
		if seen[name] {
			return fmt.Errorf("%q comes twice", name)
		}
		seen[name] = true
		if err := f.setOne(name, value); err != nil {
			return err
		}
	}
	return nil
}

func (f *Flags) setOne(name string, value any) error {
	x := f.set.Lookup(name)
	if x == nil || name == configName {
		return fmt.Errorf("%q is not a flag%s", name, f.suggest(name))
	}
	kind, fits := accepts(get(x), value)
	if !fits {
		return fmt.Errorf("%q: found %s, want %s", name, describe(value), kind)
	}
	if err := f.set.Set(name, fmt.Sprint(value)); err != nil {
		return fmt.Errorf("%q: %v is not a valid value: want %s: %w", name, value, kind, err)
	}
	return nil
}

// accepts names the JSON type for flags of now's type and tells whether value
// is of it. Whether a number is whole is for the flag to say.
func accepts(now, value any) (kind string, fits bool) {
	switch now.(type) {
	case bool:
		_, fits = value.(bool)
		return "true or false", fits
	case float64:
		_, fits = value.(json.Number)
		return "a number", fits
	case int, int64, uint64:
		_, fits = value.(json.Number)
		return "a whole number", fits
	}
	_, fits = value.(string)
	return "a string", fits
}

func describe(value any) string {
	switch v := value.(type) {
	case nil:
		return "null"
	case map[string]any:
		return "an object"
	case []any:
		return "a list"
	case string:
		return fmt.Sprintf("the string %.40q", v)
	}
	return fmt.Sprint(value)
}
