package control

// maxSocketPath is what fits the address of a unix socket everywhere, its end included.
const maxSocketPath = 100

// ShortPath gives another path to dir, short enough for the address of a socket in it.
func ShortPath(dir string) (path string, release func(), err error) {
	if len(dir)+1+len(SocketFile) <= maxSocketPath {
		return dir, func() {}, nil
	}
	return shorten(dir)
}
