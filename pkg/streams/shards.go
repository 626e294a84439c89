package streams

import (
	"time"

	"millrace/pkg/kinesis"
	"millrace/pkg/seqnum"
	"millrace/pkg/shardlog"
)

// lastIndexSlot and lastIndexPlace make the sequence index 7fffffffffffffff, by which Kinesis ends a closed shard.
const (
	lastIndexSlot  = 1<<54 - 1
	lastIndexPlace = seqnum.PerSlot - 1
)

// isRetained tells whether a shard is listed: it is open, or may have records that have not expired.
func (s *Service) isRetained(stream shardlog.Stream, info shardlog.ShardInfo) bool {
	return info.IsOpen() || !stream.Expired(info.Closed.Add(time.Minute), s.config.Now())
}

// retained returns the stream's listed shards, by index.
func (s *Service) retained(stream shardlog.Stream) []shardlog.ShardInfo {
	var listed []shardlog.ShardInfo
	for _, info := range stream.Shards {
		if s.isRetained(stream, info) {
			listed = append(listed, info)
		}
	}
	return listed
}

// wireShards describes shards. A parent that is not listed any more is not named.
func (s *Service) wireShards(stream shardlog.Stream, infos []shardlog.ShardInfo) []kinesis.Shard {
	shards := make([]kinesis.Shard, len(infos))
	for i, info := range infos {
		shards[i] = kinesis.Shard{
			ShardId:      kinesis.ShardID(info.Index),
			HashKeyRange: hashKeyRange(info),
			SequenceNumberRange: kinesis.SequenceNumberRange{
				StartingSequenceNumber: info.Number(0, 0, info.Created).String(),
			},
		}
		for place, parent := range info.Parents {
			switch {
			case !s.isListed(stream, parent):
			case place == 0:
				shards[i].ParentShardId = kinesis.ShardID(parent)
			default:
				shards[i].AdjacentParentShardId = kinesis.ShardID(parent)
			}
		}
		if !info.IsOpen() {
			shards[i].SequenceNumberRange.EndingSequenceNumber = info.Number(lastIndexSlot, lastIndexPlace, info.Closed).String()
		}
	}
	return shards
}

func hashKeyRange(info shardlog.ShardInfo) kinesis.HashKeyRange {
	return kinesis.HashKeyRange{StartingHashKey: info.Keys.Start.String(), EndingHashKey: info.Keys.End.String()}
}

// after returns the shards whose ids come after an id, as text, and at most limit of them, and whether there are more.
func after(infos []shardlog.ShardInfo, id string, limit int) (page []shardlog.ShardInfo, more bool) {
	for _, info := range infos {
		if kinesis.ShardID(info.Index) <= id {
			continue
		}
		if len(page) == limit {
			return page, true
		}
		page = append(page, info)
	}
	return page, false
}

func orDefault(n, fallback int) int {
	if n == 0 {
		return fallback
	}
	return n
}
