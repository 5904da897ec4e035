package sim

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
)

//go:embed src
var sources embed.FS

// ErrNoCompiler is what Build returns where there is no C++ compiler.
var ErrNoCompiler = errors.New("no C++ compiler: looked for $CXX, c++, g++ and clang++")

// Flags of all files. Nothing is fused, so that results are the same bits on
// every machine. Kernels trap where an address is not aligned as its type asks,
// as a GPU does.
var (
	flags       = []string{"-std=c++17", "-g1", "-fPIC", "-pthread", "-fno-strict-aliasing", "-ffp-contract=off", "-fvisibility=hidden", "-fno-exceptions"}
	hostFlags   = append(slices.Clone(flags), "-O1", "-Wall", "-Wextra")
	denseFlags  = append(slices.Clone(flags), "-O3", "-Wall", "-Wextra")
	kernelFlags = append(slices.Clone(flags), "-O1", "-w", "-fno-rtti", "-fsanitize=alignment", "-fsanitize-undefined-trap-on-error")
)

// compiler is a C++ compiler and what it says of its version.
type compiler struct {
	path, version string
}

func findCompiler() (compiler, error) {
	for _, name := range []string{os.Getenv("CXX"), "c++", "g++", "clang++"} {
		if name == "" {
			continue
		}
		p, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		version, err := exec.Command(p, "--version").Output()
		if err != nil {
			return compiler{}, fmt.Errorf("%s --version: %w", p, err)
		}
		return compiler{p, string(version)}, nil
	}
	return compiler{}, ErrNoCompiler
}

// run runs the compiler. Its output is in the error.
func (c compiler) run(dir string, stdin []byte, args ...string) ([]byte, error) {
	cmd := exec.Command(c.path, args...)
	cmd.Dir, cmd.Stdin = dir, bytes.NewReader(stdin)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", filepath.Base(c.path), err, stderr.Bytes())
	}
	return out, nil
}

// unit is one file to compile. Its name is that of a kernel file or of a file
// in src.
type unit struct {
	name   string
	text   []byte
	flags  []string
	source *Source // of a file of kernels
}

// Build compiles the simulator with the kernels of package kernels, and with
// extra ones, and returns the path of the shared library. What has not changed
// since an earlier call is not compiled again, in whatever process that was.
func Build(extra ...Source) (string, error) {
	c, err := findCompiler()
	if err != nil {
		return "", err
	}
	units, headers, err := list(c, extra)
	if err != nil {
		return "", err
	}
	dir, err := cacheDir()
	if err != nil {
		return "", err
	}
	objects, err := compileAll(c, dir, units, headers)
	if err != nil {
		return "", err
	}
	library, err := link(c, dir, objects)
	if err != nil {
		return "", err
	}
	prune(dir)
	return library, nil
}

// keepFor is how long the cache holds what is not asked for.
const keepFor = 7 * 24 * time.Hour

// prune removes what was used long ago. A file that cannot be removed stays.
func prune(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		info, err := e.Info()
		if err == nil && time.Since(info.ModTime()) > keepFor {
			_ = os.Remove(filepath.Join(dir, e.Name()))
		}
	}
}

// cached tells whether a file is in the cache, and marks it as used.
func cached(file string) bool {
	now := time.Now()
	return os.Chtimes(file, now, now) == nil
}

// cacheDir is the user's, or where there is none a temporary one.
func cacheDir() (string, error) {
	root, err := os.UserCacheDir()
	if err != nil {
		root = os.TempDir()
	}
	dir := filepath.Join(root, "tiller", "simulator")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		dir = filepath.Join(os.TempDir(), fmt.Sprintf("tiller-simulator-%d", os.Getuid()))
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return "", fmt.Errorf("making a folder for the simulator: %w", err)
		}
	}
	return dir, nil
}

// list is all that is compiled, and the headers by name.
func list(c compiler, extra []Source) ([]unit, map[string][]byte, error) {
	headers := map[string][]byte{}
	var units []unit
	entries, err := sources.ReadDir("src")
	if err != nil {
		return nil, nil, err
	}
	for _, e := range entries {
		text, err := sources.ReadFile(path.Join("src", e.Name()))
		if err != nil {
			return nil, nil, err
		}
		switch {
		case strings.HasSuffix(e.Name(), ".h"):
			headers[e.Name()] = text
		case e.Name() == "product.cpp" || e.Name() == "lstm.cpp":
			units = append(units, unit{name: e.Name(), text: text, flags: denseFlags})
		default:
			units = append(units, unit{name: e.Name(), text: text, flags: hostFlags})
		}
	}
	kernels, err := kernelUnits(c, extra)
	return append(units, kernels...), headers, err
}

// digest names what is made of some texts.
func digest(texts ...[]byte) string {
	h := sha256.New()
	for _, t := range texts {
		fmt.Fprintf(h, "%d ", len(t))
		h.Write(t)
	}
	return fmt.Sprintf("%x", h.Sum(nil))[:32]
}

// compileAll compiles the units, several at a time, and returns their objects.
func compileAll(c compiler, dir string, units []unit, headers map[string][]byte) ([]string, error) {
	work, err := os.MkdirTemp("", "tiller-simulator-")
	if err != nil {
		return nil, fmt.Errorf("making a folder for the simulator: %w", err)
	}
	defer os.RemoveAll(work)
	var included []byte
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		if err := os.WriteFile(filepath.Join(work, name), headers[name], 0o644); err != nil {
			return nil, err
		}
		included = append(included, headers[name]...)
	}
	objects, errs := make([]string, len(units)), make([]error, len(units))
	var wg sync.WaitGroup
	turns := make(chan struct{}, runtime.NumCPU())
	for i, u := range units {
		wg.Go(func() {
			turns <- struct{}{}
			defer func() { <-turns }()
			objects[i], errs[i] = compile(c, dir, work, u, included)
		})
	}
	wg.Wait()
	return objects, errors.Join(errs...)
}

// compile returns the path of a unit's object, which it makes where it is not in
// the cache.
func compile(c compiler, dir, work string, u unit, included []byte) (string, error) {
	object := filepath.Join(dir, digest([]byte(c.path), []byte(c.version), []byte(strings.Join(u.flags, " ")), included, u.text)+".o")
	if cached(object) {
		return object, nil
	}
	source := filepath.Join(work, u.name)
	if err := os.WriteFile(source, u.text, 0o644); err != nil {
		return "", err
	}
	made := source + ".o"
	args := append(slices.Clone(u.flags), "-c", "-o", made, u.name)
	_, err := c.run(work, nil, args...)
	if err != nil && u.source != nil {
		return compile(c, dir, work, failed(*u.source, err), included)
	}
	if err != nil {
		return "", fmt.Errorf("compiling %s for the simulator: %w", u.name, err)
	}
	return object, install(made, object)
}

// link returns the path of the library.
func link(c compiler, dir string, objects []string) (string, error) {
	library := filepath.Join(dir, digest([]byte(strings.Join(objects, "\n")))+".so")
	if cached(library) {
		return library, nil
	}
	work, err := os.MkdirTemp("", "tiller-simulator-")
	if err != nil {
		return "", fmt.Errorf("making a folder for the simulator: %w", err)
	}
	defer os.RemoveAll(work)
	made := filepath.Join(work, "sim.so")
	args := append([]string{"-shared", "-pthread", "-Wl,-z,defs", "-o", made}, objects...)
	if _, err := c.run(work, nil, append(args, "-lm")...); err != nil {
		return "", fmt.Errorf("linking the simulator: %w", err)
	}
	return library, install(made, library)
}

// install copies a file into the cache, where others see it whole or not at all.
func install(from, to string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(to), "new-")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), to)
	}
	if err != nil {
		os.Remove(f.Name())
		return fmt.Errorf("keeping the simulator: %w", err)
	}
	return nil
}
