package plots

import (
	"cmp"
	"encoding/binary"
	"image"
	"image/color"
	"image/draw"
	"maps"
	"slices"
)

// paletted reduces an image to its 256 most frequent colours, others to the nearest of
// them: figures have few colours but for smoothed edges, and take a third of the room.
func paletted(m image.Image) *image.Paletted {
	const most = 256
	bounds := m.Bounds()
	whole := image.NewRGBA(bounds)
	draw.Draw(whole, bounds, m, bounds.Min, draw.Src)
	pixels := make([]uint32, len(whole.Pix)/4) // RGBA
	count := map[uint32]int{}
	for i := range pixels {
		pixels[i] = binary.BigEndian.Uint32(whole.Pix[4*i:])
		count[pixels[i]]++
	}
	byCount := slices.SortedFunc(maps.Keys(count), func(a, b uint32) int {
		return cmp.Or(cmp.Compare(count[b], count[a]), cmp.Compare(a, b))
	})
	var palette color.Palette
	index := map[uint32]uint8{}
	for i, c := range byCount {
		if i < most {
			palette = append(palette, unpacked(c))
			index[c] = uint8(i)
		} else {
			index[c] = uint8(palette.Index(unpacked(c)))
		}
	}
	p := image.NewPaletted(bounds, palette)
	for i, c := range pixels {
		p.Pix[i] = index[c]
	}
	return p
}

func unpacked(c uint32) color.RGBA {
	return color.RGBA{R: uint8(c >> 24), G: uint8(c >> 16), B: uint8(c >> 8), A: uint8(c)}
}
