package main

import (
	"math"
	"time"
)

// bill is what a load costs a month, in dollars.
type bill struct {
	dynamoDB, storage, requests float64 // requests: API Gateway, Lambda, and what they log
}

func (b bill) total() float64 { return b.dynamoDB + b.storage + b.requests }

// month returns what it costs to put so many records a day in requests of the shape that was measured, to keep them a day,
// and to read each once. Consumers' polls are a cost of their own: see polling.
func (f figures) month(recordsPerDay float64) bill {
	records := recordsPerDay * daysPerMonth
	each := func(sum float64) float64 { return records * sum / float64(f.count()) }
	stored := recordsPerDay * storageLifeDays * float64(f.bytes+f.items*indexBytes) / float64(f.count())
	return bill{
		dynamoDB: each(f.writing())*perWriteUnit + each(f.reading)*perReadUnit,
		storage:  stored / gigabyte * (perGBMonth + perGBMonthPITR),
		requests: records/float64(f.records)*request(putSeconds, f.records*f.size) + records*carrying(f.size),
	}
}

// carrying returns what the bytes of a record cost in the answer that reads it, besides what an empty answer costs.
func carrying(size int) float64 {
	return inBase64(size)/apiMeter*perAPIRequest + perMBSeconds*float64(size)/megabyte*functionGB*perGBSecond
}

func inBase64(size int) float64 { return float64(size) * 4 / 3 }

// request returns what a request with so many bytes of records costs, without DynamoDB.
func request(seconds float64, size int) float64 {
	metered := max(math.Ceil(inBase64(size)/apiMeter), 1)
	seconds += perMBSeconds * float64(size) / megabyte
	return metered*perAPIRequest + perInvocation + seconds*functionGB*perGBSecond + loggedPerInvoke*perGBLogged/gigabyte
}

// polling returns what it costs a month that a consumer asks one shard for records so often, whether there are any or not.
func polling(every time.Duration) float64 {
	polls := hoursPerMonth * time.Hour.Seconds() / every.Seconds()
	return polls * (request(readSeconds, 0) + perReadUnit)
}

// provisioned returns what Kinesis costs a month for the same load on so many shards.
func (s shape) provisioned(recordsPerDay float64, shards int) float64 {
	units := math.Ceil(float64(s.size) / payloadUnit)
	return float64(shards)*hoursPerMonth*perShardHour + recordsPerDay*daysPerMonth*units*perPayloadUnit
}

// carries tells whether so many shards take the load, spread evenly over the day.
func (s shape) carries(recordsPerDay float64, shards int) bool {
	perSecond := recordsPerDay / (24 * time.Hour.Seconds())
	return perSecond <= float64(shards*shardRecords) && perSecond*float64(s.size) <= float64(shards*shardBytes)
}

// onDemand returns what Kinesis costs a month for the same load on a stream in on-demand mode, standard.
func (s shape) onDemand(recordsPerDay float64) float64 {
	records := recordsPerDay * daysPerMonth
	in := records * math.Ceil(float64(s.size)/onDemandRounded) * onDemandRounded
	return hoursPerMonth*perStreamHour + in/gigabyte*perGBIn + records*float64(s.size)/gigabyte*perGBOut
}

// breakEven returns how many records a day cost as much here as there: infinitely many where there it is dearer at any load, and 0
// where it is cheaper at any. Both costs grow in a straight line.
func breakEven(here, there func(recordsPerDay float64) float64) float64 {
	const some = 1e6
	start := there(0) - here(0)
	slope := (here(some) - here(0) - there(some) + there(0)) / some
	switch {
	case start*slope > 0:
		return start / slope
	case start > 0:
		return math.Inf(1)
	default:
		return 0
	}
}
