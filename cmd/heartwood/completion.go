package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
)

var completionCommand = command{
	name:    "completion",
	summary: "write what completes commands and flags in bash, zsh or fish",
	usage: `bash | zsh | fish

  bash   source <(heartwood completion bash)
  zsh    heartwood completion zsh > "${fpath[1]}/_heartwood"
  fish   heartwood completion fish > ~/.config/fish/completions/heartwood.fish`,
}

// It needs the list of commands, which has it.
func init() {
	completionCommand.run = runCompletion
	commands = slices.Insert(commands, len(commands)-1, completionCommand)
}

// completed is a command as shells are told of it.
type completed struct {
	name, summary string
	flags         []completedFlag
}

type completedFlag struct {
	name, usage string
	// takes says that a value follows.
	takes bool
}

// completions asks each command for its flags, as help does.
func completions(ctx context.Context, p *program) []completed {
	var all []completed
	for _, c := range commands {
		flags := flag.NewFlagSet(c.name, flag.ContinueOnError)
		flags.SetOutput(io.Discard)
		flags.Usage = func() {}
		_ = c.run(ctx, p, flags, []string{"-h"})
		one := completed{name: c.name, summary: c.summary}
		flags.VisitAll(func(f *flag.Flag) {
			_, usage := flag.UnquoteUsage(f)
			boolean, ok := f.Value.(interface{ IsBoolFlag() bool })
			one.flags = append(one.flags, completedFlag{f.Name, usage, !ok || !boolean.IsBoolFlag()})
		})
		all = append(all, one)
	}
	return append(all, completed{name: "help", summary: "tell more of a command"})
}

func runCompletion(ctx context.Context, p *program, flags *flag.FlagSet, args []string) error {
	rest, err := parse(flags, args)
	if err != nil {
		return err
	}
	write, ok := map[string]func([]completed) string{"bash": bashCompletion, "zsh": zshCompletion, "fish": fishCompletion}[strings.Join(rest, " ")]
	if !ok {
		return usageError{fmt.Errorf("want bash, zsh or fish, got %q", rest)}
	}
	_, err = io.WriteString(p.stdout, write(completions(ctx, p)))
	return err
}

func namesOf(all []completed) []string {
	names := make([]string, len(all))
	for i := range all {
		names[i] = all[i].name
	}
	return names
}

func (c *completed) flagWords() string {
	words := make([]string, len(c.flags))
	for i := range c.flags {
		words[i] = "--" + c.flags[i].name
	}
	return strings.Join(words, " ")
}

func bashCompletion(all []completed) string {
	var b strings.Builder
	b.WriteString(`# bash completion of heartwood
_heartwood() {
	local current=${COMP_WORDS[COMP_CWORD]} flags=
	if [ "$COMP_CWORD" -eq 1 ]; then
		COMPREPLY=($(compgen -W "` + strings.Join(namesOf(all), " ") + `" -- "$current"))
		return
	fi
	case ${COMP_WORDS[1]} in
`)
	for i := range all {
		if c := &all[i]; len(c.flags) > 0 {
			fmt.Fprintf(&b, "\t%s) flags=%q ;;\n", c.name, c.flagWords())
		}
	}
	fmt.Fprintf(&b, "\thelp) COMPREPLY=($(compgen -W %q -- \"$current\")); return ;;\n", strings.Join(namesOf(all), " "))
	b.WriteString("\tcompletion) COMPREPLY=($(compgen -W \"bash zsh fish\" -- \"$current\")); return ;;\n")
	b.WriteString(`	esac
	case $current in
	-*) COMPREPLY=($(compgen -W "$flags" -- "$current")) ;;
	*) COMPREPLY=($(compgen -f -- "$current")) ;;
	esac
}
complete -o filenames -F _heartwood heartwood
`)
	return b.String()
}

// quoted is a word for zsh and fish, in single quotes.
func quoted(text string, escape ...string) string {
	return "'" + strings.NewReplacer(slices.Concat([]string{"\n", " "}, escape)...).Replace(text) + "'"
}

func zshCompletion(all []completed) string {
	// What a colon, brackets and a quote would mean in a specification.
	quote := func(text string) string {
		return quoted(text, "'", `'\''`, ":", `\:`, "[", `\[`, "]", `\]`)
	}
	var b strings.Builder
	b.WriteString("#compdef heartwood\n_heartwood() {\n\tlocal -a commands\n\tcommands=(\n")
	for i := range all {
		fmt.Fprintf(&b, "\t\t%s\n", quoted(all[i].name+":"+all[i].summary, "'", `'\''`))
	}
	b.WriteString("\t)\n\tif (( CURRENT == 2 )); then\n\t\t_describe command commands\n\t\treturn\n\tfi\n\tlocal command=$words[2]\n\tshift words\n\t(( CURRENT-- ))\n\tcase $command in\n")
	for i := range all {
		c := &all[i]
		fmt.Fprintf(&b, "\t%s) _arguments", c.name)
		for _, f := range c.flags {
			spec := "--" + f.name + "[" + f.usage + "]"
			spec = quote(spec)
			spec = strings.Replace(spec, `\[`, "[", 1)
			spec = strings.TrimSuffix(spec, `\]'`) + "]"
			if f.takes {
				spec += ":value:_files"
			}
			b.WriteString(" " + spec + "'")
		}
		switch c.name {
		case "help":
			b.WriteString(" '1:command:(" + strings.Join(namesOf(all), " ") + ")'")
		case "completion":
			b.WriteString(" '1:shell:(bash zsh fish)'")
		default:
			b.WriteString(" '*:file:_files'")
		}
		b.WriteString(" ;;\n")
	}
	b.WriteString("\tesac\n}\n_heartwood \"$@\"\n")
	return b.String()
}

func fishCompletion(all []completed) string {
	quote := func(text string) string { return quoted(text, `\`, `\\`, "'", `\'`) }
	var b strings.Builder
	b.WriteString("# fish completion of heartwood\n")
	for i := range all {
		c := &all[i]
		fmt.Fprintf(&b, "complete -c heartwood -n __fish_use_subcommand -f -a %s -d %s\n", c.name, quote(c.summary))
		for _, f := range c.flags {
			takes := ""
			if f.takes {
				takes = " -r"
			}
			fmt.Fprintf(&b, "complete -c heartwood -n '__fish_seen_subcommand_from %s' -l %s%s -d %s\n", c.name, f.name, takes, quote(f.usage))
		}
	}
	fmt.Fprintf(&b, "complete -c heartwood -n '__fish_seen_subcommand_from help' -f -a %s\n", quote(strings.Join(namesOf(all), " ")))
	b.WriteString("complete -c heartwood -n '__fish_seen_subcommand_from completion' -f -a 'bash zsh fish'\n")
	return b.String()
}
