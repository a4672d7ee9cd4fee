package record

// levels are the names of the ranges of four numbers; 0 is unset.
var levels = [...]string{"unset", "trace", "debug", "info", "warn", "error", "fatal"}

// Levels are the names of the levels, from the least severe.
func Levels() []string { return levels[:] }

// LevelIndex is the place of a severity number's level in Levels.
func LevelIndex(severity uint8) int { return min((int(severity)+3)/4, len(levels)-1) }

// Level is the name of a severity number's level.
func Level(severity uint8) string { return levels[LevelIndex(severity)] }
