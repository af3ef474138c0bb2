package web

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/discovery"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// part is a part of a content's size, as a piece of a bar that is 1000 wide.
type part struct {
	Name     string
	Class    string
	Bytes    int64
	Percent  string
	At, Wide string // numbers of SVG
}

// parts divides the size of a content. What no section of its own is for is the rest.
func parts(c *discovery.Description) []part {
	if c.Size <= 0 {
		return nil
	}
	custom := int64(0)
	for _, section := range c.Custom.Items {
		custom += section.Size
	}
	all := []part{{Name: "Code", Class: "code", Bytes: c.Code}, {Name: "Data", Class: "data", Bytes: c.Data}, {Name: "Custom sections", Class: "custom", Bytes: custom}}
	rest, left := c.Size, []part{}
	for _, p := range all {
		p.Bytes = min(max(p.Bytes, 0), rest) // what a content says of itself need not add up
		rest -= p.Bytes
		if p.Bytes > 0 {
			left = append(left, p)
		}
	}
	if rest > 0 {
		left = append(left, part{Name: "Types, names and the rest", Class: "rest", Bytes: rest})
	}
	at := 0.0
	for i := range left {
		p := &left[i]
		share := float64(p.Bytes) / float64(c.Size)
		p.At, p.Wide = fmt.Sprintf("%.1f", 1000*at), fmt.Sprintf("%.1f", 1000*share)
		p.Percent = fmt.Sprintf("%.0f %%", 100*share)
		if share < 0.01 {
			p.Percent = "< 1 %"
		}
		at += share
	}
	return left
}

// Growth of the log, as a chart.
const (
	growthPoints = 60
	// growthKept is for how long what was read of it is used again; the newest checkpoint
	// is added each time.
	growthKept  = 30 * time.Second
	chartWidth  = 1000
	chartHeight = 240
)

// growth keeps what was read of the checkpoints.
type growth struct {
	mu     sync.Mutex
	points []protocol.TimestampedCheckpoint // guarded by mu
	read   time.Time                        // guarded by mu; when
}

// chart is a line over time. Its numbers are those of an SVG of chartWidth by chartHeight.
type chart struct {
	Line, Area string // of paths
	Begin, End time.Time
	Most       uint64
	Rows       []protocol.TimestampedCheckpoint // some of the points, as a table
}

// growthChart draws how the log grew up to the newest checkpoint.
func (s *Site) growthChart(ctx context.Context, newest protocol.TimestampedCheckpoint) (*chart, error) {
	points, err := s.growthPoints(ctx)
	if err != nil {
		return nil, err
	}
	var until []protocol.TimestampedCheckpoint
	for _, p := range points {
		if p.LogLength < newest.LogLength && p.Timestamp <= newest.Timestamp {
			until = append(until, p)
		}
	}
	return draw(append(until, newest)), nil
}

func (s *Site) growthPoints(ctx context.Context) ([]protocol.TimestampedCheckpoint, error) {
	now := s.Now()
	s.growth.mu.Lock()
	points, read := s.growth.points, s.growth.read
	s.growth.mu.Unlock()
	if points != nil && now.Sub(read) < growthKept && !now.Before(read) {
		return points, nil
	}
	points, err := s.Log.Growth(ctx, growthPoints)
	if err != nil {
		return nil, err
	}
	s.growth.mu.Lock()
	defer s.growth.mu.Unlock()
	s.growth.points, s.growth.read = points, now
	return points, nil
}

// draw needs one point at least, the longest last.
func draw(points []protocol.TimestampedCheckpoint) *chart {
	first, last := points[0], points[len(points)-1]
	c := &chart{Begin: time.Unix(int64(first.Timestamp), 0), End: time.Unix(int64(last.Timestamp), 0), Most: last.LogLength}
	span, most := float64(last.Timestamp-first.Timestamp), float64(last.LogLength)
	var path strings.Builder
	for i, p := range points {
		x, y := float64(chartWidth), chartHeight*(1-float64(p.LogLength)/most)
		if span > 0 {
			x = chartWidth * float64(p.Timestamp-first.Timestamp) / span
		} else if i == 0 && len(points) > 1 {
			x = 0
		}
		fmt.Fprintf(&path, "%s%.1f %.1f", map[bool]string{true: "M", false: "L"}[i == 0], x, y)
	}
	if len(points) == 1 { // a line all the same
		path.Reset()
		fmt.Fprintf(&path, "M0 0L%d 0", chartWidth)
	}
	c.Line = path.String()
	start := 0.0
	if span == 0 && len(points) == 1 {
		start = 0
	}
	c.Area = fmt.Sprintf("%sL%d %dL%.1f %dZ", c.Line, chartWidth, chartHeight, start, chartHeight)
	step := max(1, len(points)/8)
	for i := len(points) - 1; i >= 0; i -= step {
		c.Rows = append(c.Rows, points[i])
	}
	return c
}
