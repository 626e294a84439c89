// Package boltstore keeps streams in one bbolt file, fsynced before the answer: the store of the local endpoint.
//
// # Layout, format 1
//
// Numbers are big-endian, so that keys order as numbers do. SHARD is the stream's id, a zero byte, and the shard's index
// (4 bytes); ids hold no zero byte, so no shard's keys run into another's. BLOB is the stream's id, a zero byte, and the blob's id (8 bytes).
//
//	bucket     key                   value
//	meta       "format"              format version, 4 bytes
//	streams    stream's name         JSON: id, created, settings, revision, whether it is being deleted
//	shards     SHARD                 JSON: created, hash key range, parents, closed, sealed, final slot
//	counters   SHARD                 record version, state, and as varints: next slot, retention, last, mark due, marks
//	log        SHARD, slot (8 bytes) the slot's content, or where its segment is
//	blobs      BLOB                  a bucket with one key, "b": segments, one after another
//	blobs      BLOB, "n"             how many contents are in the blob, 4 bytes
//
// A counter's times are Unix seconds: last, mark due less last, and of each mark its slot and its time, less those of the mark before
// it, or 0 and last. A closed shard keeps its counter, closed, with the next slot as it was when the shard closed: the final slot comes before it.
// A shard without a counter is gone: its stream is being deleted.
//
// A slot's content is a head (record version, count, arrival, expiry, nonce, length of the segment, kind of place) and, of kind 0, the
// segment itself; of kind 1, the id of the blob that it is in (8 bytes), and where in the blob it begins (4 bytes).
//
// Segments of more than [maxInline] bytes go into blobs: those that one transaction stores for one stream, up to [blobBytes] in one
// blob. A blob's id is that of the transaction (6 bytes), and which of its blobs for the stream it is (2 bytes). bbolt leaves up to four entries in a leaf page however large they are, and writes a leaf anew for each entry that
// joins it, so that in the log a segment would be written two or three times. A blob is alone in its bucket's leaf: that is one run of pages,
// written once and never again. Its count is no part of the leaf. Streams share no blob, as each has its own retention and its own end.
//
// A file of a later format is refused with a [FormatError]. A change of layout takes the next format; Open then rewrites
// files of the one before. A change within a counter or a content takes the next record version.
//
// # Slots and crashes
//
// Allocate moves a shard's counter in memory, and the counter reaches the file with the content of the slots: the transaction that
// stores slot s stores the counter as it then is, which has handed s out. Open goes on from there, or from the slot after the last one
// in the log if that is more. So a slot that was handed out and not stored when the process died may be handed out again.
// This keeps "a slot is handed to at most one live append": the one process that holds the file's lock hands each slot
// out once, and no append of a process that died is live. It keeps "content never changes" too, as a slot that has
// content lies below the next slot.
//
// It keeps the meaning of a counter's Last and marks. Each counter in the file is one that the shard had at some moment, all of it from
// that moment: what it says of the slots below its Next, when the last of them was handed out and by when those below a mark were, was
// true, and they are not handed out again. The slots from Next on that a crash took back have no content, and what the counter learns
// when they are handed out again is of the later time.
//
// For this nobody may see what a crash could take back: reads wait for the fsync of the commit that they saw, and Counter, whose
// Next may become a reader's position, has a counter that is ahead of the file stored before it tells it.
//
// What limited appends took of a shard in the last seconds is kept in memory alone, and forgotten when the store is closed.
//
// # Closing and retention
//
// Reshard and SetRetention hold the shards that they change: from when the transaction reads their counters in memory until it is
// committed, Allocate waits. So every slot that was handed out lies below the Next that the transaction stored, and every later
// one gets to see the change: none of a closed shard, or the new retention. If the commit fails, Allocate goes on as before.
//
// The appends that got a slot before still put their contents. DeleteStream removes the counters, after which a put is forgotten. A
// counter that is closed or removed is so in the file before the call that closed it returns.
//
// # Expiry
//
// [Store.Reclaim] drops contents in transactions of some 16 MB, and [Store.Extend] rewrites what the log holds of those whose expiry
// moves, some 2 MB at a time. Both find their contents in read transactions, and look again in the write transaction whether the
// other one came between. The file does not shrink: bbolt takes the pages for what is written next.
//
// A blob goes in the transaction that drops the last of its contents. They came at about the same time, and so most expire at
// about the same time; what outlives the others holds the blob's space until then. Log, counts and blobs change in the same
// transactions, so a crash leaves them as they were together.
//
// # Commits
//
// Puts that wait while a commit runs share the next transaction and its fsyncs, as do counters that are to be told; what finds no
// commit running starts one at once. There are no timers, so a lone put waits for nothing but the disk.
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
