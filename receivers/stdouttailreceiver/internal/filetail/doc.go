// Package filetail reads files as they grow, and moves its checkpoints by
// acknowledgement: a checkpoint is stored only after the lines before it have been
// accepted by whoever comes next, and it stays before lines that are held back to be
// joined with later ones. A crash at any moment loses nothing; what is read twice
// has the same FileInfo.ID and Line.Offset both times.
//
// # The life of a line
//
//  1. A search matches the patterns, stats what it finds and asks which file each is.
//     The file system's notifications make searches and reading prompt; polling alone
//     does the same, later.
//  2. A new file gets an ID, which is stored with its checkpoint at once: the name of
//     its first line must survive a crash too.
//  3. A worker, the one that the file was given to, reads a part of it and hands the
//     complete lines to the file's Stream. Then it is another file's turn.
//  4. The Stream puts lines into its worker's batch, or holds them back.
//  5. When the batch is full or old enough the worker delivers it, and reads nothing
//     meanwhile.
//  6. When Deliver has returned nil, the checkpoints of all files that had a part in
//     the batch move in one write: to what their streams hold back, or to behind the
//     last line handed over. Writing is repeated until it has worked.
//
// A crash between 5 and 6 repeats one batch for each worker, and lines that stand
// behind one that was held back.
//
// # Which file it is
//
// A file is known by its device and inode, as long as its content agrees: a hash of
// its beginning, and hashes of the 64 bytes before the places that reading had come
// to. They are compared with each read. Hashes are stored, never content.
//
//	renamed              the same inode elsewhere: read on; looked for in its directory
//	                     too, where no pattern matches
//	copied and truncated the content differs now: read on in the copy, if there is one
//	                     beside it, and from the beginning in the file itself
//	a copy, not (yet)    equal to a file that is there, and named like a rotated copy
//	truncated            of it: waits
//	compressed           what it holds is compared the same way
//	deleted              read to its end, and let go after Config.RotateWait
//	rewritten, or the    the content differs: the old file is over, a new one begins
//	inode used again
//
// Where it can't be told whether two files are the same, they are read as two.
//
// # Known limitations
//
// Lines are lost when
//
//   - a file is cut off (copied and truncated) and the copy is removed, compressed
//     while Config.Compressed is Skip and after this process noticed, or in another
//     directory, before it was read;
//   - lines are written between the copy and the truncation that log rotation makes:
//     that is how it works, and nobody can read them, but for those that were read
//     before;
//   - a file comes and goes, or is renamed to what no pattern matches, between two
//     searches, or while nothing runs; a file that was known is found again, if it is
//     still in its directory;
//   - a file is deleted before it was read to its end while it wasn't open: while
//     nothing runs, or when there are more files than Config.MaxOpenFiles;
//   - a deleted file is written to after it was quiet for Config.RotateWait;
//   - two files of one rotation family, such as x.log and x.log.1, have the same
//     content from beginning to end, and are not copies of one another;
//   - a file is replaced by one with the same inode and the same content up to where
//     the old one was read, such as one that holds the same single line;
//   - a named pipe was read and the process is killed before it has delivered: a pipe
//     can't be read twice, and has no checkpoint;
//   - a line begins with NULs: these are left out and counted, as they are the hole
//     that a writer leaves who goes on at the old place after a truncation. NULs that
//     nothing follows are waited for.
//
// Lines are read twice, under another ID, when
//
//   - a copy was made and the original truncated, and the copy ends more than some
//     seconds before the place that had been read: it can't be recognised;
//   - a file is compressed while it isn't open, and the file system gives its inode to
//     another file before that was noticed: with Config.Compressed Read, its copy isn't
//     recognised;
//   - a file was lost from sight for Config.ForgetAfter and turns up again.
//
// A last line without an end is delivered after Config.FlushAfter, marked Unended.
// What comes behind it is a piece of the same line with Index 1.
//
// It works on Unix systems only: elsewhere New returns an error.
package filetail
