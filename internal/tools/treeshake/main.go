// Command treeshake copies generated API clients without the operations that
// nobody calls, and writes a go.mod that builds with the copies.
//
// A client for a cloud API has hundreds of operations, each with its own
// serialisers. A Collector calls two or three of them, but the linker cannot
// tell: two libraries of every Collector look up methods by name through
// reflection, and from then on each exported method of each reachable type has
// to stay. Removing the methods from the source, before the compiler sees it,
// takes them out of the build time and of the binary.
//
// For each package named in the file given by -packages, treeshake keeps what
// its importers mention and all that this leads to, by identifier, which errs on
// the side of keeping. Whole top-level declarations go. Of a type that stays,
// unexported methods go that nothing mentions, and operations: methods of a type
// called ...Client whose first parameter is a context.Context. Something removed
// that was needed after all is an error of the compiler, never a change of
// behaviour. Removed text is replaced by as many line ends, so that positions in
// stack traces stay right.
//
// The sources are those of the module cache, which the go command has checked
// against go.sum; they are left as they are. The folder given by -out gets the
// copies and a go.mod and go.sum for 'go build -modfile'. A build without that
// flag gives the same program, larger.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

func main() {
	dir := flag.String("dir", ".", "folder of the main package that is to be built")
	tags := flag.String("tags", "", "build tags, as for go build")
	out := flag.String("out", "", "folder for the copies, go.mod and go.sum; what it held before is removed")
	names := flag.String("packages", "", "file that names the packages, one a line")
	flag.Parse()
	targets, err := readPackages(*names)
	if err == nil {
		err = run(*dir, *tags, *out, targets, os.Stderr)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "treeshake:", err)
		os.Exit(1)
	}
}

// readPackages reads one import path a line; # begins a comment.
func readPackages(file string) ([]string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("-packages: %w", err)
	}
	var packages []string
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, "#")
		if line = strings.TrimSpace(line); line != "" {
			packages = append(packages, line)
		}
	}
	if len(packages) == 0 {
		return nil, fmt.Errorf("-packages: %s names no package", file)
	}
	return packages, nil
}

// listed is what 'go list -json' says of a package.
type listed struct {
	ImportPath string
	Name       string
	Dir        string
	GoFiles    []string
	SFiles     []string
	HFiles     []string
	EmbedFiles []string
	Imports    []string
	Module     *struct{ Path, Dir string }
}

func run(dir, tags, out string, targets []string, report io.Writer) error {
	if out == "" {
		return errors.New("-out is empty: name the folder for the copies")
	}
	if err := os.RemoveAll(out); err != nil {
		return err
	}
	packages, err := list(dir, tags)
	if err != nil {
		return err
	}
	goMod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil {
		return err
	}
	modules := map[string]bool{}
	for _, target := range targets {
		pkg, ok := packages[target]
		if !ok || pkg.Module == nil {
			return fmt.Errorf("package %s is not among what %s is built from: take it out of the list", target, dir)
		}
		if module := pkg.Module.Path; !modules[module] {
			modules[module] = true
			if err := copyModule(module, pkg.Module.Dir, filepath.Join(out, module), packages); err != nil {
				return fmt.Errorf("%s: %w", module, err)
			}
			from, err := relative(dir, filepath.Join(out, module))
			if err != nil {
				return err
			}
			goMod = fmt.Appendf(goMod, "\nreplace %s => %s\n", module, from)
		}
		if err := writeShaken(pkg, packages, out, report); err != nil {
			return fmt.Errorf("%s: %w", target, err)
		}
	}
	goSum, err := os.ReadFile(filepath.Join(dir, "go.sum"))
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(out, "go.sum"), goSum, 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(out, "go.mod"), goMod, 0o644)
}

// relative gives the path from a folder to another in the form that a replace
// directive takes.
func relative(from, to string) (string, error) {
	from, err := filepath.Abs(from)
	if err != nil {
		return "", err
	}
	to, err = filepath.Abs(to)
	if err != nil {
		return "", err
	}
	path, err := filepath.Rel(from, to)
	if err != nil {
		return "", err
	}
	return filepath.ToSlash(path), nil
}

// copyModule copies those packages of a module that are built, and its go.mod.
func copyModule(module, from, to string, packages map[string]listed) error {
	files := []string{"go.mod"}
	for _, pkg := range packages {
		if pkg.Module == nil || pkg.Module.Path != module {
			continue
		}
		for _, name := range slices.Concat(pkg.GoFiles, pkg.SFiles, pkg.HFiles, pkg.EmbedFiles) {
			file, err := filepath.Rel(from, filepath.Join(pkg.Dir, name))
			if err != nil {
				return err
			}
			files = append(files, file)
		}
	}
	for _, file := range files {
		text, err := os.ReadFile(filepath.Join(from, file))
		if err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Dir(filepath.Join(to, file)), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(to, file), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func writeShaken(pkg listed, packages map[string]listed, out string, report io.Writer) error {
	shaken, err := shake(pkg, packages)
	if err != nil {
		return err
	}
	var before, after int
	for name, file := range shaken {
		if err := os.WriteFile(filepath.Join(out, filepath.FromSlash(pkg.ImportPath), name), file.text, 0o644); err != nil {
			return err
		}
		before += file.before
		after += file.after
	}
	fmt.Fprintf(report, "%s: %d of %d kB of source kept\n", pkg.ImportPath, after/1000, before/1000)
	return nil
}

func list(dir, tags string) (map[string]listed, error) {
	cmd := exec.Command("go", "list", "-deps", "-tags", tags, "-json=ImportPath,Name,Dir,GoFiles,SFiles,HFiles,EmbedFiles,Imports,Module", ".")
	cmd.Dir = dir
	cmd.Stderr = os.Stderr
	text, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list in %s: %w", dir, err)
	}
	packages := map[string]listed{}
	for decoder := json.NewDecoder(bytes.NewReader(text)); ; {
		var pkg listed
		if err := decoder.Decode(&pkg); errors.Is(err, io.EOF) {
			return packages, nil
		} else if err != nil {
			return nil, fmt.Errorf("output of go list: %w", err)
		}
		packages[pkg.ImportPath] = pkg
	}
}

// declaration is a top-level declaration, or one specification of a group.
type declaration struct {
	file       string
	start, end int // byte offsets in the file, comments above included
	names      []string
	receiver   string // of a method
	byName     bool   // a method that stays only when its name is mentioned
	root       bool   // stays in any case
	mentions   map[string]bool
	kept       bool
}

type shakenFile struct {
	text          []byte
	before, after int // bytes, without and with what was removed
}

func shake(pkg listed, packages map[string]listed) (map[string]shakenFile, error) {
	used, err := mentionedByImporters(pkg.ImportPath, packages)
	if err != nil {
		return nil, err
	}
	files := token.NewFileSet()
	sources := map[string][]byte{}
	trees := map[string]*ast.File{}
	var declarations []*declaration
	for _, name := range pkg.GoFiles {
		source, err := os.ReadFile(filepath.Join(pkg.Dir, name))
		if err != nil {
			return nil, err
		}
		tree, err := parser.ParseFile(files, name, source, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		sources[name], trees[name] = source, tree
		declarations = append(declarations, split(files, name, tree)...)
	}
	keep(declarations, used)

	shaken := map[string]shakenFile{}
	for name, source := range sources {
		text := slices.Clone(source)
		removed := 0
		for _, d := range declarations {
			if d.file == name && !d.kept {
				blank(text[d.start:d.end])
				removed += d.end - d.start
			}
		}
		if removed == 0 {
			continue
		}
		blankUnusedImports(files, trees[name], text, declarations, name, packages)
		shaken[name] = shakenFile{text: text, before: len(source), after: len(source) - removed}
	}
	return shaken, nil
}

// mentionedByImporters gives every identifier in the files that import the
// package.
func mentionedByImporters(target string, packages map[string]listed) (map[string]bool, error) {
	used := map[string]bool{}
	for _, importer := range packages {
		if !slices.Contains(importer.Imports, target) {
			continue
		}
		for _, name := range importer.GoFiles {
			tree, err := parser.ParseFile(token.NewFileSet(), filepath.Join(importer.Dir, name), nil, parser.SkipObjectResolution)
			if err != nil {
				return nil, err
			}
			if slices.ContainsFunc(tree.Imports, func(i *ast.ImportSpec) bool { return importPath(i) == target }) {
				collect(tree, used)
			}
		}
	}
	return used, nil
}

func collect(node ast.Node, into map[string]bool) {
	ast.Inspect(node, func(n ast.Node) bool {
		if identifier, ok := n.(*ast.Ident); ok {
			into[identifier.Name] = true
		}
		return true
	})
}

func split(files *token.FileSet, name string, tree *ast.File) []*declaration {
	var declarations []*declaration
	add := func(node ast.Node, doc *ast.CommentGroup, d declaration) {
		start := node.Pos()
		if doc != nil {
			start = doc.Pos()
		}
		d.file, d.start, d.end = name, files.Position(start).Offset, files.Position(node.End()).Offset
		d.mentions = map[string]bool{}
		collect(node, d.mentions)
		declarations = append(declarations, &d)
	}
	for _, top := range tree.Decls {
		switch top := top.(type) {
		case *ast.FuncDecl:
			d := declaration{names: []string{top.Name.Name}, root: top.Name.Name == "init"}
			if top.Recv != nil {
				d.receiver = receiverName(top.Recv.List[0].Type)
				d.byName = !top.Name.IsExported() || strings.HasSuffix(d.receiver, "Client") && takesContext(top.Type)
			}
			add(top, top.Doc, d)
		case *ast.GenDecl:
			switch {
			case top.Tok == token.IMPORT:
			case top.Tok == token.TYPE && len(top.Specs) == 1:
				add(top, top.Doc, declaration{names: []string{top.Specs[0].(*ast.TypeSpec).Name.Name}})
			case top.Tok == token.VAR:
				var d declaration
				for _, spec := range top.Specs {
					spec := spec.(*ast.ValueSpec)
					d.names = append(d.names, identifiers(spec.Names)...)
					d.root = d.root || !assertsInterface(spec) && slices.ContainsFunc(spec.Values, calls)
				}
				add(top, top.Doc, d)
			default: // groups of types, and constants, which cost nothing
				add(top, top.Doc, declaration{root: true})
			}
		}
	}
	return declarations
}

func identifiers(list []*ast.Ident) []string {
	names := make([]string, len(list))
	for i, identifier := range list {
		names[i] = identifier.Name
	}
	return names
}

func receiverName(expression ast.Expr) string {
	switch e := expression.(type) {
	case *ast.StarExpr:
		return receiverName(e.X)
	case *ast.IndexExpr:
		return receiverName(e.X)
	case *ast.IndexListExpr:
		return receiverName(e.X)
	case *ast.Ident:
		return e.Name
	}
	return ""
}

func takesContext(function *ast.FuncType) bool {
	if len(function.Params.List) == 0 {
		return false
	}
	selector, ok := function.Params.List[0].Type.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	from, ok := selector.X.(*ast.Ident)
	return ok && from.Name == "context" && selector.Sel.Name == "Context"
}

// assertsInterface tells 'var _ Interface = (*Type)(nil)' and 'var _ Interface
// = variable', which are notes to the compiler with no effect at run time.
func assertsInterface(spec *ast.ValueSpec) bool {
	if len(spec.Values) != 1 {
		return false
	}
	switch value := spec.Values[0].(type) {
	case *ast.Ident:
		return true
	case *ast.CallExpr:
		_, converts := value.Fun.(*ast.ParenExpr)
		return converts && len(value.Args) == 1 && isNil(value.Args[0])
	}
	return false
}

// calls tells whether an initial value may do more than be one.
func calls(value ast.Expr) bool {
	found := false
	ast.Inspect(value, func(n ast.Node) bool {
		_, call := n.(*ast.CallExpr)
		found = found || call
		return !found
	})
	return found
}

func isNil(expression ast.Expr) bool {
	identifier, ok := expression.(*ast.Ident)
	return ok && identifier.Name == "nil"
}

// keep marks what stays: roots, what is mentioned by used, and on from there.
func keep(declarations []*declaration, used map[string]bool) {
	for changed := true; changed; {
		changed = false
		for _, d := range declarations {
			if d.kept || !d.wanted(used) {
				continue
			}
			d.kept, changed = true, true
			for name := range d.mentions {
				used[name] = true
			}
		}
	}
}

func (d *declaration) wanted(used map[string]bool) bool {
	switch {
	case d.root:
		return true
	case d.receiver == "":
		return slices.ContainsFunc(d.names, func(name string) bool { return name != "_" && used[name] })
	default:
		return used[d.receiver] && (!d.byName || used[d.names[0]])
	}
}

func importPath(spec *ast.ImportSpec) string {
	unquoted, err := strconv.Unquote(spec.Path.Value)
	if err != nil {
		return ""
	}
	return unquoted
}

func blankUnusedImports(files *token.FileSet, tree *ast.File, text []byte, declarations []*declaration, file string, packages map[string]listed) {
	still := map[string]bool{}
	for _, d := range declarations {
		if d.file == file && d.kept {
			for name := range d.mentions {
				still[name] = true
			}
		}
	}
	for _, spec := range tree.Imports {
		name := packages[importPath(spec)].Name
		if name == "" {
			name = path.Base(importPath(spec))
		}
		if spec.Name != nil {
			name = spec.Name.Name
		}
		if name == "_" || name == "." || still[name] {
			continue
		}
		start, end := files.Position(spec.Pos()).Offset, files.Position(spec.End()).Offset
		if before := bytes.TrimRight(text[:start], " \t"); bytes.HasSuffix(before, []byte("import")) {
			start = len(before) - len("import") // a line of its own, with no parentheses
		}
		blank(text[start:end])
	}
}

// blank keeps line ends and nothing else.
func blank(text []byte) {
	for i, c := range text {
		if c != '\n' {
			text[i] = ' '
		}
	}
}
