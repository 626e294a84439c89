// Package bench measures what a request costs, each time against something else in the same run: kinesalite, a bare net/http server, raw
// requests of the AWS SDK. It has benchmarks alone, whose loop counts rounds; `make bench` runs them and prints the table.
//
// A round measures the contenders one after the other, in turns, so that what else the machine does meets them all. The figures are the
// medians of the rounds, and so are the ratios.
package bench
