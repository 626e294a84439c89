package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"text/tabwriter"
	"time"
)

// report prints what was measured, and the months that follow from it.
func report(out io.Writer, measured []figures, poll time.Duration) error {
	p := &printer{out: out}
	p.units(measured)
	for _, s := range []shape{{500, 100, kindJSON}, {100, 1024, kindJSON}, {1, 1024, kindJSON}} {
		at := slices.IndexFunc(measured, func(f figures) bool { return f.shape == s })
		if at < 0 {
			return fmt.Errorf("%s was not measured", s)
		}
		p.months(measured[at], poll)
	}
	return p.err
}

// printer prints tables, and keeps the first error.
type printer struct {
	out io.Writer
	err error
}

func (p *printer) line(format string, args ...any) {
	if _, err := fmt.Fprintf(p.out, format+"\n", args...); p.err == nil {
		p.err = err
	}
}

func (p *printer) table(head string, rows []string) {
	w := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, row := range append([]string{head}, rows...) {
		fmt.Fprintln(w, row+"\t") // an error is Flush's too
	}
	if err := w.Flush(); p.err == nil {
		p.err = err
	}
}

func (p *printer) units(measured []figures) {
	p.line("DynamoDB capacity units for 1,000 records, put into a stream of %d shards and read back.", shards)
	p.line("Single: with each record as an item of its own, after the same allocations.")
	p.line("")
	var rows []string
	wrong := 0
	for _, f := range measured {
		rows = append(rows, fmt.Sprintf("%s\t%.0f\t%.0f\t%.1fx\t%.1f\t%.1f\t%.0f",
			f.shape, f.perThousand(f.writing()), f.perThousand(f.single), f.ratio(), f.perThousand(f.reading),
			f.perThousand(float64(f.items)), f.perThousand(float64(f.bytes))/1000))
		if f.putting != f.formula {
			wrong++
		}
	}
	p.table("a request\twrite\tsingle\tratio\tread\titems\tbytes a record", rows)
	p.line("")
	if wrong > 0 {
		p.line("DynamoDB billed %d shapes otherwise than one write unit for each kilobyte begun of an item.", wrong)
		return
	}
	p.line("Each item was billed as one write unit for each kilobyte begun, and each allocation as one.")
}

func (p *printer) months(f figures, poll time.Duration) {
	p.line("")
	p.line("US dollars a month, requests of %s, kept a day, read once by a consumer that asks %d shards every %s;", f.shape, shards, poll)
	p.line("list prices of %s, us-east-1. Kinesis with 1 and %d shards, and on demand.", pricesDate, shards)
	p.line("")
	consumer := shards * polling(poll)
	var rows []string
	for _, day := range []float64{0, 1e6, 10e6, 100e6} {
		b := f.month(day)
		rows = append(rows, fmt.Sprintf("%s\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t%s\t%s\t%.2f", count(day),
			b.dynamoDB, b.storage, b.requests, consumer, b.total()+consumer,
			f.shardsCost(day, 1), f.shardsCost(day, shards), f.onDemand(day)))
	}
	p.table("records a day\tDynamoDB\tstorage\trequests\tconsumer\ttotal\t1 shard\t"+strconv.Itoa(shards)+" shards\ton demand", rows)
	p.line("")
	p.line("Records a day that cost as much as in Kinesis: with 1 shard %s, with %d shards %s, on demand %s.",
		f.level(poll, 1, f.withShards(1)), shards, f.level(poll, shards, f.withShards(shards)), f.level(poll, shards, f.onDemand))
}

// shardsCost returns Kinesis's month as the table has it.
func (f figures) shardsCost(recordsPerDay float64, shards int) string {
	if !f.carries(recordsPerDay, shards) {
		return "too few"
	}
	return fmt.Sprintf("%.2f", f.provisioned(recordsPerDay, shards))
}

func (f figures) withShards(shards int) func(float64) float64 {
	return func(recordsPerDay float64) float64 { return f.provisioned(recordsPerDay, shards) }
}

// level tells how many records a day cost as much here, with a consumer of so many shards, as there.
func (f figures) level(poll time.Duration, shards int, there func(float64) float64) string {
	here := func(recordsPerDay float64) float64 {
		return f.month(recordsPerDay).total() + float64(shards)*polling(poll)
	}
	switch day := breakEven(here, there); {
	case day == 0:
		return "none, Kinesis is always cheaper"
	case math.IsInf(day, 1):
		return "none, Kinesis is always dearer"
	default:
		return count(day)
	}
}

// count returns a number of records as people say it.
func count(n float64) string {
	switch {
	case n >= 1e6:
		return strconv.FormatFloat(n/1e6, 'g', 3, 64) + " million"
	case n >= 1e3:
		return strconv.FormatFloat(math.Round(n/1e3), 'f', 0, 64) + ",000"
	default:
		return strconv.FormatFloat(n, 'f', 0, 64)
	}
}
