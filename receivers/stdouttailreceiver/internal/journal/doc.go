// Package journal reads the journal of systemd through journalctl, and turns its
// entries into what a record's origin says.
//
// # Losing nothing
//
// The plain way, journalctl --follow --after-cursor, loses entries. These were
// found with journalctl 252 reading real journal files; package tests repeat them:
//
//   - From 251 on, --follow shows the current boot only, whatever --boot says: what
//     lies between the cursor and a reboot is passed over.
//   - Before 255, --after-cursor leaves out one entry too many when the entry of the
//     cursor is gone (rotated away) or does not fit the filters.
//   - Without --all, a field of more than 4096 bytes is null.
//   - --follow shows no more than ten lines of what is there, if not told otherwise.
//
// So a Reader asks with --cursor, which begins with the cursor's own entry or the
// next one that is left, and leaves out the former itself; and it reads in two
// steps:
//
//	          ┌─ no cursor, start at end: the newest entry's becomes it
//	catch up ─┤
//	  │       └─ without --follow, until journalctl ends: all boots
//	follow    from the last entry read, until journalctl dies, then catch up again
//
// Where a directory is given, as for journals of other machines, whose next boot
// may begin at any time, --follow is given --merge, which lifts the limit to the
// boot. Some builds of 251 to 253 refuse that; it is left out then, and Log says so.
//
// A cursor that is no cursor at all makes journalctl fail: the Reader begins as if
// there were none, at the beginning, so that what is lost is nothing, and Log says
// so.
//
// # Acknowledgement
//
// Handler.Entry returns nil when the entry is taken over. A journalctl that died is
// started again after the last such entry. What is safe to begin with after this
// process has ended, only the receiver knows: it keeps the cursor of the last entry
// that was delivered, and gives it to Run.
package journal
