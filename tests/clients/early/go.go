// Uploads blindly with Go's net/http, many at once, and prints how many read this status.
//
// usage: go run go.go URL METHOD SIZE RATE EXPECT COUNT STATUS     RATE 0 is as fast as it goes, EXPECT - is none
package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"
)

// slowly passes on a tenth of a second's bytes, ten times a second.
type slowly struct {
	from io.Reader
	rate int
}

func (s slowly) Read(to []byte) (int, error) {
	time.Sleep(100 * time.Millisecond)
	if len(to) > s.rate/10 {
		to = to[:s.rate/10]
	}
	return s.from.Read(to)
}

func upload(url, method, expect string, size, rate int) (int, error) {
	var body io.Reader = bytes.NewReader(bytes.Repeat([]byte("x"), size))
	if rate > 0 {
		body = slowly{body, rate}
	}
	request, err := http.NewRequest(method, url, body)
	if err != nil {
		return 0, err
	}
	request.ContentLength = int64(size)
	if expect != "-" {
		request.Header.Set("Expect", expect)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	_, err = io.ReadAll(response.Body)
	return response.StatusCode, err
}

func number(text string) int {
	value, err := strconv.Atoi(text)
	if err != nil {
		panic(err)
	}
	return value
}

func main() {
	url, method, expect := os.Args[1], os.Args[2], os.Args[5]
	size, rate, count, wanted := number(os.Args[3]), number(os.Args[4]), number(os.Args[6]), number(os.Args[7])
	var wait sync.WaitGroup
	var lock sync.Mutex
	read := 0
	for i := 0; i < count; i++ {
		wait.Add(1)
		go func() {
			defer wait.Done()
			status, err := upload(url, method, expect, size, rate)
			if err != nil {
				fmt.Fprintln(os.Stderr, err)
			} else if status == wanted {
				lock.Lock()
				read++
				lock.Unlock()
			}
		}()
	}
	wait.Wait()
	fmt.Println(read)
}
