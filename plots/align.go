package plots

import (
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// panelPlot is a plot with texts around its data: a title over the left end, a
// text that names its row to the left, and one under the axis. (gonum's own are
// centred over axis and labels, and they change the size of the data area, so
// that plot.Align cannot keep panels in line.)
type panelPlot struct {
	*plot.Plot
	title, side, foot string
}

const (
	panelGap    = vg.Length(18)
	titleHeight = vg.Length(22)
	sideWidth   = vg.Length(24)
	footHeight  = vg.Length(22)
)

// drawOn draws the plot and its texts on a canvas around the plot.
func (p *panelPlot) drawOn(c draw.Canvas) {
	p.Draw(c)
	data := p.DataCanvas(c)
	if p.title != "" {
		title := fitted(bold(style(panelSize, black, draw.XLeft, draw.YBottom)), p.title, c.Max.X-data.Min.X)
		c.FillText(title, vg.Point{X: data.Min.X, Y: data.Max.Y + 6}, p.title)
	}
	if p.side != "" {
		text := bold(style(panelSize, black, draw.XCenter, draw.YBottom))
		text.Rotation = math.Pi / 2
		c.FillText(text, vg.Point{X: c.Min.X - 10, Y: data.Center().Y}, p.side)
	}
	if p.foot != "" {
		c.FillText(style(labelSize, black, draw.XCenter, draw.YTop), vg.Point{X: data.Center().X, Y: c.Min.Y - 4}, p.foot)
	}
}

// insets is the room around the data.
type insets struct{ left, right, bottom, top vg.Length }

func (i insets) max(j insets) insets {
	return insets{max(i.left, j.left), max(i.right, j.right), max(i.bottom, j.bottom), max(i.top, j.top)}
}

// axes is the room that axes and tick labels take on a canvas.
func (p *panelPlot) axes(c draw.Canvas) insets {
	data := p.DataCanvas(c)
	return insets{data.Min.X - c.Min.X, c.Max.X - data.Max.X, data.Min.Y - c.Min.Y, c.Max.Y - data.Max.Y}
}

// withTexts is the room for axes and texts together.
func (p *panelPlot) withTexts(axes insets) insets {
	if p.title != "" {
		axes.top = max(axes.top, titleHeight)
	}
	if p.side != "" {
		axes.left += sideWidth
	}
	if p.foot != "" {
		axes.bottom += footHeight
	}
	return axes
}

// drawAligned divides the canvas so that all data areas are equally large and in line.
func drawAligned(panels [][]*panelPlot, c draw.Canvas) {
	rows, columns := len(panels), len(panels[0])
	byRow, byColumn := make([]insets, rows), make([]insets, columns)
	for y, line := range panels {
		for x, p := range line {
			if p != nil {
				room := p.withTexts(p.axes(tile(c, rows)))
				byRow[y], byColumn[x] = byRow[y].max(room), byColumn[x].max(room)
			}
		}
	}
	width := c.Max.X - c.Min.X - panelGap*vg.Length(columns-1)
	height := c.Max.Y - c.Min.Y - panelGap*vg.Length(rows-1)
	for _, column := range byColumn {
		width -= column.left + column.right
	}
	for _, row := range byRow {
		height -= row.bottom + row.top
	}
	data := vg.Point{X: width / vg.Length(columns), Y: height / vg.Length(rows)}
	top := c.Max.Y
	for y, line := range panels {
		left := c.Min.X
		for x, p := range line {
			if p != nil {
				corner := vg.Point{X: left + byColumn[x].left, Y: top - byRow[y].top - data.Y}
				p.drawOn(p.around(tile(c, rows), corner, data))
			}
			left += byColumn[x].left + data.X + byColumn[x].right + panelGap
		}
		top -= byRow[y].top + data.Y + byRow[y].bottom + panelGap
	}
}

// tile is a canvas as high as one row and wide enough for any axis: on one that its
// labels fill, a plot has no room for data and its insets mean nothing.
func tile(c draw.Canvas, rows int) draw.Canvas {
	c.Max.Y = c.Min.Y + (c.Max.Y-c.Min.Y)/vg.Length(rows)
	return c
}

// around is the canvas on which the plot's data fill the rectangle at corner. The
// room for axes depends a little on the canvas itself, so it is approached, from that
// on a canvas of room for all.
func (p *panelPlot) around(c draw.Canvas, corner, size vg.Point) draw.Canvas {
	const steps = 3
	for range steps {
		i := p.axes(c)
		c.Min = vg.Point{X: corner.X - i.left, Y: corner.Y - i.bottom}
		c.Max = vg.Point{X: corner.X + size.X + i.right, Y: corner.Y + size.Y + i.top}
	}
	return c
}
