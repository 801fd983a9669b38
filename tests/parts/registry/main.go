// An OCI registry in memory that has the referrers API, for the tests.
package main

import (
	"crypto/subtle"
	"crypto/tls"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"

	"github.com/google/go-containerregistry/pkg/registry"
)

// withBasicAuth refuses every request that does not carry user and password.
func withBasicAuth(next http.Handler, user, password string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		gotUser, gotPassword, ok := r.BasicAuth()
		userMatches := subtle.ConstantTimeCompare([]byte(gotUser), []byte(user)) == 1
		passwordMatches := subtle.ConstantTimeCompare([]byte(gotPassword), []byte(password)) == 1
		if !ok || !userMatches || !passwordMatches {
			w.Header().Set("WWW-Authenticate", `Basic realm="sealift tests"`)
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, `{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}`)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func main() {
	addr := flag.String("addr", "127.0.0.1:0", "address to listen on; port 0 takes a free one")
	user := flag.String("user", "", "ask for basic authentication with this user (password in PASSWORD)")
	cert := flag.String("cert", "", "PEM certificate: serve https")
	key := flag.String("key", "", "PEM key of the certificate")
	referrers := flag.Bool("referrers", true, "answer the referrers API")
	flag.Parse()

	listener, err := net.Listen("tcp", *addr)
	if err != nil {
		log.Fatal(err)
	}
	if *cert != "" {
		pair, err := tls.LoadX509KeyPair(*cert, *key)
		if err != nil {
			log.Fatal(err)
		}
		listener = tls.NewListener(listener, &tls.Config{
			Certificates: []tls.Certificate{pair},
			NextProtos:   []string{"http/1.1"},
		})
	}

	handler := registry.New(
		registry.WithReferrersSupport(*referrers),
		registry.Logger(log.New(io.Discard, "", 0)))
	if *user != "" {
		handler = withBasicAuth(handler, *user, os.Getenv("PASSWORD"))
	}

	// The caller waits for this line; it carries the port that was taken.
	fmt.Printf("listening on %s\n", listener.Addr())
	log.Fatal(http.Serve(listener, handler))
}
