package agentapi

import (
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

func metricsHandler(r *prometheus.Registry) http.Handler {
	return promhttp.HandlerFor(r, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError, MaxRequestsInFlight: 4, Timeout: 5 * time.Second})
}

// counters is the API's own count.
type counters struct {
	requests *prometheus.CounterVec
	sockets  prometheus.Gauge
	closes   *prometheus.CounterVec
	events   prometheus.Counter
}

func newCounters() *counters {
	return &counters{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "cordboard_api_requests_total", Help: "Requests and commands by route and status."}, []string{"method", "route", "status"}),
		sockets:  prometheus.NewGauge(prometheus.GaugeOpts{Name: "cordboard_api_sockets", Help: "Open event sockets."}),
		closes:   prometheus.NewCounterVec(prometheus.CounterOpts{Name: "cordboard_api_socket_closes_total", Help: "Event sockets closed by the server, by code."}, []string{"code"}),
		events:   prometheus.NewCounter(prometheus.CounterOpts{Name: "cordboard_api_events_sent_total", Help: "Events sent to event sockets."}),
	}
}

func (c *counters) answered(r *Route, status int) {
	c.requests.WithLabelValues(r.Method, r.Pattern, strconv.Itoa(status)).Inc()
}

func (c *counters) all() []prometheus.Collector {
	return []prometheus.Collector{c.requests, c.sockets, c.closes, c.events}
}

// Describe implements prometheus.Collector.
func (c *counters) Describe(ch chan<- *prometheus.Desc) {
	for _, m := range c.all() {
		m.Describe(ch)
	}
}

// Collect implements prometheus.Collector.
func (c *counters) Collect(ch chan<- prometheus.Metric) {
	for _, m := range c.all() {
		m.Collect(ch)
	}
}

// stats shows plain structs of numbers as metrics: cordboard_<subsystem>_<field in snake case>. Unsigned
// fields count and get _total, a time.Duration is a gauge in seconds, other numbers and booleans are
// gauges, a distribution is a histogram. A slice of structs gets the label index, an embedded struct is
// flattened; other kinds are left out.
type stats struct {
	mu    sync.Mutex
	parts map[string]func() any
	descs map[string]*prometheus.Desc
}

func newStats(parts map[string]func() any) *stats {
	return &stats{parts: parts, descs: make(map[string]*prometheus.Desc)}
}

// Describe implements prometheus.Collector. What there is is known at the scrape only, and what is measured may
// not run yet, so nothing is described (prometheus: an unchecked collector).
func (*stats) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (s *stats) Collect(ch chan<- prometheus.Metric) {
	for name, f := range s.parts {
		s.each(name, f, func(m prometheus.Metric) { ch <- m })
	}
}

// distribution is a field that prints as a histogram: counts[i] values up to bounds[i] and above the bound
// before, and one more count of those above the last.
type distribution interface {
	Histogram() (bounds []float64, counts []uint64, sum float64)
}

type emit func(prometheus.Metric)

func (out emit) value(d *prometheus.Desc, t prometheus.ValueType, v float64, labels []string) {
	out(prometheus.MustNewConstMetric(d, t, v, labels...))
}

func (out emit) histogram(d *prometheus.Desc, h distribution, labels []string) {
	bounds, counts, sum := h.Histogram()
	buckets, total := make(map[float64]uint64, len(bounds)), uint64(0)
	for i, n := range counts {
		total += n
		if i < len(bounds) {
			buckets[bounds[i]] = total
		}
	}
	out(prometheus.MustNewConstHistogram(d, total, sum, buckets, labels...))
}

func (s *stats) each(name string, f func() any, out emit) {
	v := reflect.Indirect(reflect.ValueOf(f()))
	if v.Kind() == reflect.Struct {
		s.walk("cordboard_"+name, v, nil, nil, out)
	}
}

func (s *stats) walk(prefix string, v reflect.Value, names, labels []string, out emit) {
	t := v.Type()
	for i := range t.NumField() {
		f, x := t.Field(i), v.Field(i)
		if !f.IsExported() {
			continue
		}
		name := prefix + "_" + snake(f.Name)
		if h, ok := x.Interface().(distribution); ok {
			out.histogram(s.desc(name, names), h, labels)
			continue
		}
		switch {
		case f.Anonymous && x.Kind() == reflect.Struct:
			s.walk(prefix, x, names, labels, out)
		case x.Type() == reflect.TypeFor[time.Duration]():
			out.value(s.desc(name+"_seconds", names), prometheus.GaugeValue, time.Duration(x.Int()).Seconds(), labels)
		case x.Kind() == reflect.Slice && x.Type().Elem().Kind() == reflect.Struct && names == nil:
			for k := range x.Len() {
				s.walk(name, x.Index(k), []string{"index"}, []string{strconv.Itoa(k)}, out)
			}
		case x.Kind() == reflect.Bool:
			b := 0.0
			if x.Bool() {
				b = 1
			}
			out.value(s.desc(name, names), prometheus.GaugeValue, b, labels)
		case x.CanUint():
			out.value(s.desc(name+"_total", names), prometheus.CounterValue, float64(x.Uint()), labels)
		case x.CanInt():
			out.value(s.desc(name, names), prometheus.GaugeValue, float64(x.Int()), labels)
		case x.CanFloat():
			out.value(s.desc(name, names), prometheus.GaugeValue, x.Float(), labels)
		}
	}
}

func (s *stats) desc(name string, labels []string) *prometheus.Desc {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.descs[name]
	if d == nil {
		d = prometheus.NewDesc(name, "See the field of the same name in the Stats of the package.", labels, nil)
		s.descs[name] = d
	}
	return d
}

// snake makes TickTimeSum tick_time_sum and RTPSent rtp_sent.
func snake(s string) string {
	r := []rune(s)
	var b strings.Builder
	for i, c := range r {
		if unicode.IsUpper(c) && i > 0 && (unicode.IsLower(r[i-1]) || (i+1 < len(r) && unicode.IsLower(r[i+1]))) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(c))
	}
	return b.String()
}
