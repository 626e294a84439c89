// Package boltstore keeps streams in one bbolt file, fsynced before the answer: the store of the local endpoint.
//
// # Layout, format 1
//
// Numbers are big-endian, so that keys order as numbers do. SHARD is the stream's id, a zero byte, and the shard's index
// (4 bytes); ids hold no zero byte, so no shard's keys run into another's.
//
//	bucket     key                                     value
//	meta       "format"                                format version, 4 bytes
//	streams    stream's name                           JSON: id, created, retention, mode, whether it is being deleted
//	shards     SHARD                                   JSON: created, hash key range
//	counters   SHARD                                   record version, state, next slot (8 bytes)
//	log        SHARD, slot (8 bytes), piece (2 bytes)  a piece of the slot's content
//
// A slot's content is a head (record version, count, arrival, expiry, nonce, length of the segment) and the segment, cut
// into pieces of [pieceSize] bytes. bbolt leaves up to four entries in a leaf page however large they are, and writes a
// leaf anew for each entry that joins it: with segments of 500 KB in one piece each, an append would write some 2 MB.
//
// A file of a later format is refused with a [FormatError]. A change of layout takes the next format; Open then rewrites
// files of the one before. A change within a counter or a content takes the next record version.
//
// # Slots and crashes
//
// Allocate hands slots out from memory, and the counter's next slot reaches the file with the content of the slots: the
// transaction that stores slot s raises it to at least s+1. Open goes on from there, or from the slot after the last one
// in the log if that is more. So a slot that was handed out and not stored when the process died may be handed out again.
// This keeps "a slot is handed to at most one live append": the one process that holds the file's lock hands each slot
// out once, and no append of a process that died is live. It keeps "content never changes" too, as a slot that has
// content lies below the next slot. For this nobody may see content that a crash could take back: reads
// wait for the fsync of the commit that they saw.
//
// A counter that is closed or removed refuses to hand out slots, and is so in the file before the call that closed it
// returns.
//
// # Commits
//
// Puts that wait while a commit runs share the next transaction and its fsyncs; a put that finds no commit running starts
// one at once. There are no timers, so a lone put waits for nothing but the disk.
//
// A commit that failed before the file's meta page changed has left nothing: its puts are tried again one by one, as one
// that does not fit the disk must not fail its neighbours, and fail with [shardlog.ErrRefused]. If the meta page changed but could
// not be synced, nobody can tell what a crash would leave: the store then refuses everything until it is opened anew.
//
// # Settings
//
// Each commit syncs (never NoSync). The list of free pages is not written with each commit (NoFreelistSync): after a
// large stream is deleted it is megabytes long. Open rebuilds it by walking the file's pages instead. It is kept as a
// hash map, which finds a run of free pages at once, where the array walks it all.
package boltstore
