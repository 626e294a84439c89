package main

// List prices in US dollars, us-east-1, without free tiers, discounts and data transfer, looked up on the day named. The pages
// named have them.
const (
	pricesDate = "2026-11-24"

	// https://aws.amazon.com/dynamodb/pricing/on-demand/, standard table class; those of requests since 2024-11-01.
	perWriteUnit    = 0.625 / 1e6
	perReadUnit     = 0.125 / 1e6 // one strongly consistent read of 4 KB
	perGBMonth      = 0.25
	perGBMonthPITR  = 0.20 // point-in-time recovery, which the template turns on
	indexBytes      = 100  // that storage counts for each item beyond its size
	storageLifeDays = 3    // a day's retention, and the days until DynamoDB has dropped what expired

	// https://aws.amazon.com/lambda/pricing/, arm64.
	perInvocation = 0.20 / 1e6
	perGBSecond   = 0.0000133334

	// https://aws.amazon.com/api-gateway/pricing/, HTTP API, the first 300 million a month, metered by 512 KB.
	perAPIRequest = 1.00 / 1e6
	apiMeter      = 512 << 10

	// https://aws.amazon.com/cloudwatch/pricing/, logs of the standard class, ingested.
	perGBLogged = 0.50

	// https://aws.amazon.com/kinesis/data-streams/pricing/. Provisioned: a payload unit is 25 KB of a record.
	perShardHour    = 0.015
	perPayloadUnit  = 0.014 / 1e6
	payloadUnit     = 25 << 10
	shardRecords    = 1000    // a second that a shard takes
	shardBytes      = 1 << 20 // a second likewise
	perStreamHour   = 0.04    // on-demand, standard
	perGBIn         = 0.08    // likewise, each record rounded up to 1 KB
	perGBOut        = 0.04    // likewise
	onDemandRounded = 1 << 10
)

// What the function takes, which no page tells: the template's memory, the time of two round trips to DynamoDB or of one, and for a
// megabyte of records, at the share of a processor that comes with the memory; and what Lambda and the handler log.
const (
	functionGB      = 0.5
	putSeconds      = 0.020
	readSeconds     = 0.010
	perMBSeconds    = 0.150
	loggedPerInvoke = 700 // bytes
)

const (
	daysPerMonth  = 30
	hoursPerMonth = daysPerMonth * 24
	megabyte      = 1 << 20
	gigabyte      = 1 << 30
)
