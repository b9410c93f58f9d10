package metrics

import (
	"io"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
)

// encoder writes metrics of which there is one for each service, server, zone or laddr. The library's own
// way makes some twenty values and an entry of a hash for each of them: with 30,000 services of four real
// servers that is 600,000 series, 600 MB and many seconds. Here the library only writes them; what it writes
// them from is made once for all metrics of a scrape.
type encoder struct {
	family func(*dto.MetricFamily) error // writes one
	blocks [][]entry
	used   int
	list   []*dto.Metric
}

// entry is one value with its labels, as the library takes them.
type entry struct {
	metric dto.Metric
	value  float64
	gauge  dto.Gauge
	count  dto.Counter
	labels [2]dto.LabelPair
	pairs  [2]*dto.LabelPair
	text   [2]string
	hist   *histogram
}

// histogram is what an entry of a histogram has in addition.
type histogram struct {
	dto.Histogram
	count   uint64
	buckets [len(bounds)]dto.Bucket
	listed  [len(bounds)]*dto.Bucket
	upTo    [len(bounds)]float64
	n       [len(bounds)]uint64
}

// blockSize is how many entries are made at a time.
const blockSize = 1024

func newEncoder(w io.Writer, f expfmt.Format) *encoder {
	if f.FormatType() == expfmt.TypeTextPlain { // Encode would look at each label whether it needs escaping, and none does
		return &encoder{family: func(m *dto.MetricFamily) error {
			_, err := expfmt.MetricFamilyToText(w, m)
			return err
		}}
	}
	return &encoder{family: expfmt.NewEncoder(w, f).Encode}
}

// next returns an entry that is free, with its labels.
func (e *encoder) next(row *Metric, a, b string) *entry {
	if e.used == len(e.blocks)*blockSize {
		e.blocks = append(e.blocks, make([]entry, blockSize))
	}
	n := &e.blocks[e.used/blockSize][e.used%blockSize]
	e.used++
	n.text = [2]string{a, b}
	for i, at := range row.sorted {
		n.labels[i].Name, n.labels[i].Value = &row.Labels[at], &n.text[at]
		n.pairs[i] = &n.labels[i]
	}
	n.metric.Label = n.pairs[:len(row.Labels)]
	n.metric.Gauge, n.metric.Counter, n.metric.Histogram = nil, nil, nil
	e.list = append(e.list, &n.metric)
	return n
}

// put adds a value of a metric.
func (e *encoder) put(row *Metric, v float64, a, b string) {
	n := e.next(row, a, b)
	n.value = v
	if row.Kind == counter {
		n.count.Value, n.metric.Counter = &n.value, &n.count
	} else {
		n.gauge.Value, n.metric.Gauge = &n.value, &n.gauge
	}
}

// durations adds a histogram.
func (e *encoder) durations(row *Metric, d *durations, service string) {
	n := e.next(row, service, "")
	if n.hist == nil {
		n.hist = new(histogram)
	}
	h := n.hist
	h.count = 0
	for i := range d.count {
		h.count += d.count[i].Load()
		if i < len(bounds) {
			h.upTo[i], h.n[i] = bounds[i].Seconds(), h.count
			h.buckets[i].UpperBound, h.buckets[i].CumulativeCount = &h.upTo[i], &h.n[i]
			h.listed[i] = &h.buckets[i]
		}
	}
	n.value = float64(d.micros.Load()) / 1e6
	h.SampleCount, h.SampleSum, h.Bucket = &h.count, &n.value, h.listed[:]
	n.metric.Histogram = &h.Histogram
}

// types are the kinds of metrics, as the library calls them.
var types = map[string]dto.MetricType{counter: dto.MetricType_COUNTER, gauge: dto.MetricType_GAUGE, histograms: dto.MetricType_HISTOGRAM}

// write writes what was added, as the values of one metric, and makes room for the next. It leaves out one
// without values.
func (e *encoder) write(row *Metric) error {
	list := e.list
	e.list, e.used = e.list[:0], 0
	if len(list) == 0 {
		return nil
	}
	kind := types[row.Kind]
	return e.family(&dto.MetricFamily{Name: &row.Name, Help: &row.Help, Type: &kind, Metric: list})
}
