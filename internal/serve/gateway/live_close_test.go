package gateway_test

import (
	"net/http"
	"sync"
	"testing"
)

// Streams that open while the server goes away are refused or ended before what they read is given up.
func TestLive_streams_that_open_while_it_closes(t *testing.T) {
	t.Parallel()
	for range 5 {
		d := newDoor(t, nil)
		id := d.world.begin("echo")
		d.world.log(id, 10)
		var clients sync.WaitGroup
		for range 4 {
			answered := make(chan struct{}, 1)
			clients.Go(func() {
				for {
					req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, d.server.URL+"/api/poll?wait=1s&since=0&execution="+id, nil)
					if err != nil {
						t.Error(err)
						return
					}
					req.Header.Set("Authorization", "Bearer "+d.owner)
					resp, err := d.server.Client().Do(req)
					if err != nil {
						return
					}
					_ = resp.Body.Close()
					select {
					case answered <- struct{}{}:
					default:
					}
					if resp.StatusCode == http.StatusServiceUnavailable {
						return
					}
				}
			})
			<-answered
		}
		if err := d.gateway.Close(t.Context()); err != nil {
			t.Error(err)
		}
		clients.Wait()
	}
}
