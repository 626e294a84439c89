package bench

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"testing"
	"text/tabwriter"
)

// table is the result: what was measured, beside what it was measured against and what it should be.
type table struct {
	rows []row
}

// row is one line. ratio is what the target is about.
type row struct {
	what, ours, other string
	ratio             string
	target            string
	kept              bool
}

func (t *table) add(r row) { t.rows = append(t.rows, r) }

// atLeast adds a comparison whose ratio should not be less than the target, and reports the ratio as the benchmark's result.
func (t *table) atLeast(b *testing.B, what, ours, other string, ratio, target float64) {
	b.Helper()
	b.ReportMetric(ratio, "ratio")
	t.add(row{what, ours, other, fmt.Sprintf("%.2f", ratio), fmt.Sprintf(">= %g", target), ratio >= target})
}

// atMost is the same for a figure that should not be more than the target.
func (t *table) atMost(b *testing.B, what, ours, other string, figure, target float64, unit string) {
	b.Helper()
	b.ReportMetric(figure, "figure")
	t.add(row{what, ours, other, fmt.Sprintf("%.2f%s", figure, unit), fmt.Sprintf("<= %g", target), figure <= target})
}

func (t *table) print(out io.Writer) {
	if len(t.rows) == 0 {
		return
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\nwhat\tmillrace\tagainst\tratio\ttarget\t")
	for _, r := range t.rows {
		verdict := "missed"
		if r.kept {
			verdict = "kept"
		}
		if r.target == "" {
			verdict = ""
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", r.what, r.ours, r.other, r.ratio, r.target, verdict)
	}
	w.Flush()
}

// median returns the middle one, 0 of none.
func median[T cmp.Ordered](all []T) T {
	if len(all) == 0 {
		return *new(T)
	}
	return slices.Sorted(slices.Values(all))[len(all)/2]
}
