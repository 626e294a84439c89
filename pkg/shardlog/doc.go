// Package shardlog is the append protocol: how records reach a shard's log, and how they are read back, over any database
// that can write one item under a condition.
//
// It is a shared log in the manner of CORFU (Balakrishnan et al., NSDI 2012). A shard's counter is the sequencer that hands out
// slots; slots are written once; readers fill the slots of writers that died.
//
// # Append
//
//  1. Allocate: the shard's counter moves on by one, on condition that it exists and is open, and hands out slot s.
//  2. Put once: the segment is written at slot s on condition that nothing stands there. It carries the writer's nonce.
//     Mine stands there: an earlier try was applied, done. Something else does: a reader filled the slot, go to 1.
//     Throttled or unknown: try again, with jittered backoff, inside the deadline.
//  3. Give up cleanly: at the deadline the writer fills its own slot. The fill wins: the records certainly failed. The
//     segment stands there: they certainly succeeded. Neither is known: [ErrUndecided].
//  4. The counter refused in step 1: the shard was closed or the stream deleted since this process read the stream's
//     map. The map is read again, the records are routed again, and they start over.
//
// [Log] takes steps 1 to 3, [Streams] takes step 4. Appends to one shard that wait at the same time in one process go through the steps as
// one, and share a slot: see group.go.
//
// # Limits
//
// Where a stream is limited, the counter also counts what each second took of its shard, in the same write, which is refused where
// that would be over the limits: see [Counter.Charge]. So the limits hold across all processes, and cost a further request
// only where they cut an append short: the refusal tells what is left, and step 1 is taken again for as many of the records as fit.
//
// # Read
//
// A reader walks slots in order. A slot without content before one that has some is a hole: its writer is slow, or dead.
// While the later content is younger than the grace period the reader stops before the hole; after that it puts a filler there, under
// the same condition. The fill wins: the slot is skipped for ever. It loses: the segment was there after all, and is returned.
//
// # What holds
//
//   - I1: a slot is handed to at most one live append.
//   - I2: a slot's content never changes once written.
//   - I3: a reader never passes a slot whose content is not decided, so it skips no acknowledged record.
//   - I4: an acknowledged record stays readable until its retention ends.
//   - I5: if append A is acknowledged before append B to the same shard starts, A's sequence numbers are smaller; within
//     a request, a shard's records keep their order.
//   - I6: shards fail independently: one shard's failure marks only its own records.
//
// Safety rests on no clock. Clocks decide only how soon a hole is filled, and which timestamp a record bears.
package shardlog
