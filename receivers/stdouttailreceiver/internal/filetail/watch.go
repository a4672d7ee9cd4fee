package filetail

import "context"

// watcher is told of changes by the file system.
type watcher struct{}

func newWatcher(*Tailer) (*watcher, error) { return nil, nil }

func (*watcher) run(context.Context) {}
