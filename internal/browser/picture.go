package browser

import (
	"bytes"
	"cmp"
	"image"
	"image/color"
	"image/png"
	"maps"
	"slices"
	"testing"
)

// Small makes a picture of a page small enough for a repository: it keeps the 256 colours that most pixels
// have, and gives others the nearest of these. Pages have few colours, and edges of letters in between.
func Small(t testing.TB, picture []byte) []byte {
	t.Helper()
	full, err := png.Decode(bytes.NewReader(picture))
	if err != nil {
		t.Fatal(err)
	}
	area := full.Bounds()
	seen := map[color.Color]int{}
	for y := area.Min.Y; y < area.Max.Y; y++ {
		for x := area.Min.X; x < area.Max.X; x++ {
			seen[full.At(x, y)]++
		}
	}
	most := slices.SortedFunc(maps.Keys(seen), func(a, b color.Color) int { return cmp.Or(cmp.Compare(seen[b], seen[a]), brightness(a)-brightness(b)) })
	palette := color.Palette(most[:min(len(most), 256)])
	near := map[color.Color]uint8{}
	for c := range seen {
		near[c] = uint8(palette.Index(c))
	}
	out := image.NewPaletted(area, palette)
	for y := area.Min.Y; y < area.Max.Y; y++ {
		for x := area.Min.X; x < area.Max.X; x++ {
			out.SetColorIndex(x, y, near[full.At(x, y)])
		}
	}
	var b bytes.Buffer
	e := png.Encoder{CompressionLevel: png.BestCompression}
	if err := e.Encode(&b, out); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// brightness orders colours that as many pixels have.
func brightness(c color.Color) int {
	r, g, b, _ := c.RGBA()
	return int(r<<16 + g<<8 + b)
}
