package journal

// Layer, File and Lock let tests put a file system of their own under a store.
type (
	Layer = layer
	File  = file
	Lock  = lock
)

// WithLayer makes OpenDir use a layer instead of the disk.
func WithLayer(l Layer) Option { return func(f *Files) { f.layer = l } }

// DiskLayer is the layer that OpenDir uses on its own.
func DiskLayer(dir string) (Layer, error) { return openDisk(dir) }

// Names of a journal's files.
const (
	DataName  = dataName
	IndexName = indexName
)
