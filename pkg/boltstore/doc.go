// Package boltstore keeps streams in a directory: contents in a journal, which is synced before the answer, and an index of them in one bbolt file, with
// all else that streams are. It is the store of the local endpoint.
//
// # The life of a put
//
//  1. Puts that wait while a commit runs share the next one; what finds none running starts one at once. There are no timers, so a lone put waits for
//     nothing but the disk.
//  2. A commit appends the counters of the shards and the contents to the journal, with one sync for all, and the puts are answered. A content is
//     written once, and stays where it is.
//  3. What is in the journal and not in the index is kept in memory, some 120 bytes a content, where reads find it.
//  4. Once a few thousand contents are pending, or something else changes the index, one transaction settles them: it puts their entries into the log, and notes up to
//     where in the journal the index has everything. That goes on beside the puts.
//
// A store that is closed has settled all. A crash leaves the rest to the next Open, which reads the journal from that note on.
//
// What lost: contents in the bbolt file, at two syncs a commit and with every page on a commit's way through the tree. That took three quarters of the
// single puts in a second, and nine tenths of those of 500 records.
//
// # Layout, format 2
//
// The journal's files are in the directory journal; package journal tells their layout, and journaled.go that of the records in them. In the bbolt file numbers
// are big-endian, so that keys order as numbers do. SHARD is the stream's id, a zero byte, and the shard's index
// (4 bytes); ids hold no zero byte, so no shard's keys run into another's.
//
//	bucket     key                   value
//	meta       "format"              format version, 4 bytes
//	meta       "settled"             file (8 bytes) and offset (8 bytes) in the journal up to which the index has everything
//	streams    stream's name         JSON: id, created, settings, revision, whether it is being deleted
//	shards     SHARD                 JSON: created, hash key range, parents, closed, sealed, final slot
//	counters   SHARD                 record version, state, and as varints: next slot, retention, last, mark due, marks
//	log        SHARD, slot (8 bytes) the slot's content: a head, and where in the journal its segment is
//	files      file (8 bytes)        how many segments of the log are in that file of the journal (8 bytes), and their bytes (8 bytes)
//
// A counter's times are Unix seconds: last, mark due less last, and of each mark its slot and its time, less those of the mark before
// it, or 0 and last. A closed shard keeps its counter, closed, with the next slot as it was when the shard closed: the final slot comes before it.
// A shard without a counter is gone: its stream is being deleted.
//
// A head is record version, count (2 bytes), arrival, expiry (8 bytes each), nonce (16 bytes), and the length of the segment (4 bytes); file and offset follow, 0 for
// an empty segment.
//
// A directory of a later format is refused with a [FormatError]. A change of layout takes the next format; Open then rewrites
// files of the one before, from the first release on. A change within a counter or a content takes the next record version.
//
// # Slots and crashes
//
// Allocate moves a shard's counter in memory, and the counter reaches the journal with the content of the slots: the commit that
// stores slot s stores the counter as it then is, which has handed s out, before it. Open goes on from there, or from the slot after the last one
// in the log if that is more. So a slot that was handed out and not stored when the process died may be handed out again.
// This keeps "a slot is handed to at most one live append": the one process that holds the file's lock hands each slot
// out once, and no append of a process that died is live. It keeps "content never changes" too, as a slot that has
// content lies below the next slot.
//
// It keeps the meaning of a counter's Last and marks. Each counter on the disk is one that the shard had at some moment, all of it from
// that moment: what it says of the slots below its Next, when the last of them was handed out and by when those below a mark were, was
// true, and they are not handed out again. The slots from Next on that a crash took back have no content, and what the counter learns
// when they are handed out again is of the later time.
//
// For this nobody may see what a crash could take back: a content is seen once its commit is synced, reads of the index wait for the fsync of the transaction that
// they saw, and Counter, whose Next may become a reader's position, has a counter that is ahead of the disk stored before it tells it.
//
// What limited appends took of a shard in the last seconds is kept in memory alone, and forgotten when the store is closed.
//
// # Closing and retention
//
// Reshard and SetRetention hold the shards that they change: from when the transaction reads their counters in memory until it is
// committed, Allocate waits, and nothing is journaled. So every slot that was handed out lies below the Next that the transaction stored, and every later
// one gets to see the change: none of a closed shard, or the new retention. If the commit fails, Allocate goes on as before. No counter in the journal is
// older than one that the index has from elsewhere: what was journaled before is settled in the same transaction.
//
// The appends that got a slot before still put their contents. DeleteStream removes the counters, after which a put is forgotten. A
// counter that is closed or removed is so in the file before the call that closed it returns.
//
// # Expiry
//
// [Store.Reclaim] drops entries from the log, and [Store.Extend] rewrites those whose expiry moves, some thousand at a time. Both find them in read transactions, and look
// again in the write transaction whether the other one came between.
//
// A file of the journal is removed once the log refers to nothing in it. Contents came to it at about the same time, so most expire at about the same time; where a
// few outlive the others, Reclaim moves their segments to the journal's end once they are less than a quarter of the file. A segment that
// moves is journaled and settled like a content; until then, and after a crash before that, the log has it where it was.
//
// # Failures
//
// A put whose context ends is told so within a tenth of a second, while it waits or is being committed; it is stored or not.
//
// A commit that could not be written has left nothing: its puts are tried again one by one, as one
// that does not fit the disk must not fail its neighbours, and fail with [shardlog.ErrRefused]. If it was written but could
// not be synced, nobody can tell what a crash would leave: the store then refuses everything until it is opened anew. The same holds for the index's transactions.
//
// # Settings
//
// Each transaction syncs (never NoSync). The list of free pages is not written with each commit (NoFreelistSync): after a
// large stream is deleted it is megabytes long. Open rebuilds it by walking the file's pages instead. It is kept as a
// hash map, which finds a run of free pages at once, where the array walks it all.
package boltstore
