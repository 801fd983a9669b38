// A whole Sigstore on this machine, for clients to sign with, until SIGTERM:
//
//	sigstore DIR REKOR_SERVER
//
// Fulcio with a CA of its own and the timestamp authority's server are the real ones, in this process; REKOR_SERVER
// is rekor-tiles' program with its log in DIR/log. What Fulcio asks of others is small: a log of certificates that
// signs and keeps nothing, and an issuer of tokens, which gives one to everybody:
//
//	GET /token?email=…&aud=…
//
// A second one gives tokens to the jobs of a forge, with what GitHub says of a workflow in them:
//
//	GET /job?repository=…&ref=…&sha=…&workflow=…
//
// Writes DIR/trusted_root.json and DIR/signing_config.json, then DIR/addresses.json: when that is there, all answer.
package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	goruntime "runtime"
	"strings"
	"syscall"
	"time"

	"github.com/go-jose/go-jose/v4"
	ct "github.com/google/certificate-transparency-go"
	ctclient "github.com/google/certificate-transparency-go/client"
	"github.com/google/certificate-transparency-go/jsonclient"
	cttls "github.com/google/certificate-transparency-go/tls"
	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"github.com/sigstore/fulcio/pkg/ca/ephemeralca"
	fulcioconfig "github.com/sigstore/fulcio/pkg/config"
	fulciogw "github.com/sigstore/fulcio/pkg/generated/protobuf"
	fulcio "github.com/sigstore/fulcio/pkg/server"
	common "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	"github.com/sigstore/rekor-tiles/v2/pkg/note"
	"github.com/sigstore/sigstore/pkg/signature"
	tsa "github.com/sigstore/timestamp-authority/v2/pkg/server"
	"github.com/spf13/viper"
	"google.golang.org/grpc/metadata"
)

type object = map[string]any

// Whom the issuer names as the one that knows people, as Sigstore's public issuer names theirs.
const connector = "https://login.example.com"

// And what the forge's is called, which is on this host, too.
const jobs = "https://token.actions.example.com"

// Everybody but clients of that name goes where the name says.
type forward struct {
	http.RoundTripper
	to string
}

func (f forward) RoundTrip(request *http.Request) (*http.Response, error) {
	if "https://"+request.URL.Host == jobs {
		request = request.Clone(request.Context())
		request.URL.Scheme, request.URL.Host = "http", strings.TrimPrefix(f.to, "http://")
	}
	return f.RoundTripper.RoundTrip(request)
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "sigstore:", err)
		os.Exit(1)
	}
}

func must[T any](value T, err error) T {
	check(err)
	return value
}

func encode(data []byte) string { return base64.StdEncoding.EncodeToString(data) }

// Serves on a port that is free and returns the address.
func serve(handler func(url string) http.Handler) string {
	listener := must(net.Listen("tcp", "127.0.0.1:0"))
	url := "http://" + listener.Addr().String()
	server := &http.Server{Handler: handler(url), ReadHeaderTimeout: time.Minute}
	go func() { check(server.Serve(listener)) }()
	return url
}

func answer(writer http.ResponseWriter, value any) {
	writer.Header().Set("Content-Type", "application/json")
	check(json.NewEncoder(writer).Encode(value))
}

// An OpenID provider, as far as Fulcio looks at it.
func issuer(url string) http.Handler {
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	options := (&jose.SignerOptions{}).WithType("JWT").WithHeader("kid", "k")
	signer := must(jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, options))
	public := jose.JSONWebKey{Key: key.Public(), KeyID: "k", Algorithm: "ES256", Use: "sig"}
	sign := func(claims object) string {
		return must(must(signer.Sign(must(json.Marshal(claims)))).CompactSerialize())
	}
	token := func(email, audience string) string {
		return sign(object{
			"iss": url, "sub": "id of " + email, "aud": audience, "email": email, "email_verified": true,
			"federated_claims": object{"connector_id": connector},
			"iat":              time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(),
		})
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, object{"issuer": url, "jwks_uri": url + "/keys", "id_token_signing_alg_values_supported": []string{"ES256"}})
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{public}})
	})
	mux.HandleFunc("/token", func(w http.ResponseWriter, request *http.Request) {
		query := request.URL.Query()
		audience := query.Get("aud")
		if audience == "" {
			audience = "sigstore"
		}
		_, err := io.WriteString(w, token(query.Get("email"), audience))
		check(err)
	})
	mux.HandleFunc("/job", func(w http.ResponseWriter, request *http.Request) {
		_, err := io.WriteString(w, sign(job(url, request.URL.Query().Get)))
		check(err)
	})
	// As GitHub Actions gives tokens to its jobs.
	mux.HandleFunc("/actions", func(w http.ResponseWriter, request *http.Request) {
		if request.Header.Get("Authorization") != "bearer job" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		answer(w, object{"value": token("job@example.com", request.URL.Query().Get("audience"))})
	})
	return mux
}

// The claims of a job of GitHub Actions.
func job(url string, query func(string) string) object {
	repository, ref, sha := query("repository"), query("ref"), query("sha")
	workflow := repository + "/.github/workflows/" + query("workflow") + "@" + ref
	owner, _, _ := strings.Cut(repository, "/")
	return object{
		"iss": url, "sub": "repo:" + repository + ":ref:" + ref, "aud": query("aud"),
		"job_workflow_ref": workflow, "job_workflow_sha": sha, "workflow_ref": workflow, "workflow_sha": sha,
		"workflow": "release", "event_name": "push", "ref": ref, "sha": sha, "repository": repository,
		"repository_id": "1", "repository_owner": owner, "repository_owner_id": "2",
		"repository_visibility": "public", "runner_environment": "github-hosted", "run_id": "3", "run_attempt": "1",
		"iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(),
	}
}

func certificateLog(key *ecdsa.PrivateKey) func(string) http.Handler {
	id := sha256.Sum256(must(x509.MarshalPKIXPublicKey(key.Public())))
	return func(string) http.Handler {
		mux := http.NewServeMux()
		mux.HandleFunc("/ct/v1/add-pre-chain", func(w http.ResponseWriter, request *http.Request) {
			var asked ct.AddChainRequest
			var chain []ct.ASN1Cert
			check(json.NewDecoder(request.Body).Decode(&asked))
			for _, der := range asked.Chain {
				chain = append(chain, ct.ASN1Cert{Data: der})
			}
			now := uint64(time.Now().UnixMilli())
			leaf := must(ct.MerkleTreeLeafFromRawChain(chain, ct.PrecertLogEntryType, now))
			sct := ct.SignedCertificateTimestamp{SCTVersion: ct.V1, LogID: ct.LogID{KeyID: id}, Timestamp: now}
			input := must(ct.SerializeSCTSignatureInput(sct, ct.LogEntry{Leaf: *leaf}))
			signed := must(cttls.CreateSignature(*key, cttls.SHA256, input))
			answer(w, ct.AddChainResponse{
				SCTVersion: ct.V1, ID: id[:], Timestamp: now, Signature: must(cttls.Marshal(signed)),
			})
		})
		return mux
	}
}

// What fulcio's own `serve` puts together, without its gRPC port.
func authority(ca *ephemeralca.EphemeralCA, issuer string, ctURL string, ctKey crypto.PublicKey) func(string) http.Handler {
	settings := must(json.Marshal(object{"OIDCIssuers": object{
		issuer: object{
			"IssuerURL": issuer, "ClientID": "sigstore", "Type": "email",
			"IssuerClaim": "$.federated_claims.connector_id",
		},
		jobs: object{"IssuerURL": jobs, "ClientID": "sigstore", "Type": "github-workflow"},
	}}))
	config := must(fulcioconfig.Read(settings))
	der := must(x509.MarshalPKIXPublicKey(ctKey))
	ctPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	ctLog := must(ctclient.New(ctURL, http.DefaultClient, jsonclient.Options{PublicKey: string(ctPEM)}))
	algorithms := must(signature.NewAlgorithmRegistryConfig([]common.PublicKeyDetails{
		common.PublicKeyDetails_PKIX_ECDSA_P256_SHA_256,
	}))
	server := fulcio.NewGRPCCAServer(ctLog, ca, algorithms, fulcio.NewIssuerPool(config))
	return func(string) http.Handler {
		mux := runtime.NewServeMux(runtime.WithMetadata(func(_ context.Context, request *http.Request) metadata.MD {
			token := strings.Replace(request.Header.Get("Authorization"), "Bearer ", "", 1)
			return metadata.Pairs(fulcio.MetadataOIDCTokenKey, token)
		}))
		check(fulciogw.RegisterCAHandlerServer(context.Background(), mux, server))
		return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
			mux.ServeHTTP(w, request.WithContext(fulcioconfig.With(request.Context(), config)))
		})
	}
}

func timestamps(string) http.Handler {
	viper.Set("timestamp-signer", "memory")
	viper.Set("timestamp-signer-hash", "sha256")
	viper.Set("accepted-policy-oids", []string{"1.3.6.1.4.1.57264.2"})
	viper.Set("default-policy-oid", "1.3.6.1.4.1.57264.2")
	return tsa.NewRestAPIServer("127.0.0.1", 0, []string{"http"}, false, time.Minute, time.Minute).GetHandler()
}

func timestampChain(url string) [][]byte {
	response := must(http.Get(url + "/api/v1/timestamp/certchain"))
	rest := must(io.ReadAll(response.Body))
	var chain [][]byte
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return chain
		}
		chain = append(chain, block.Bytes)
	}
}

func freePort() string {
	listener := must(net.Listen("tcp", "127.0.0.1:0"))
	defer listener.Close()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	check(err)
	return port
}

// Between finding a port and taking it somebody else may have: then the next ones are tried.
func startRekor(program, folder string, key ed25519.PrivateKey) string {
	keyFile := filepath.Join(folder, "rekor.pem")
	der := must(x509.MarshalPKCS8PrivateKey(key))
	check(os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600))
	output := must(os.Create(filepath.Join(folder, "rekor.log")))
	for try := range 5 {
		port := freePort()
		command := exec.Command(program, "serve", "--http-port", port, "--grpc-port", freePort(),
			"--http-metrics-port", freePort(), "--hostname", "127.0.0.1", "--signer-filepath", keyFile,
			"--storage-dir", filepath.Join(folder, fmt.Sprint("log", try)),
			"--checkpoint-interval", "100ms", "--batch-max-age", "50ms")
		command.Stdout, command.Stderr = output, output
		command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		check(command.Start())
		ended := make(chan error, 1)
		go func() { ended <- command.Wait() }()
		if url := "http://127.0.0.1:" + port; isUp(url+"/healthz", ended) {
			return url
		}
		_ = command.Process.Kill()
	}
	check(fmt.Errorf("rekor-server does not start; see %s", output.Name()))
	return ""
}

func isUp(url string, ended <-chan error) bool {
	for range 600 {
		if response, err := http.Get(url); err == nil {
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return true
			}
		}
		select {
		case <-ended:
			return false
		case <-time.After(50 * time.Millisecond):
		}
	}
	return false
}

func always() object { return object{"start": "2020-01-01T00:00:00Z"} }

func trustedKey(url, details string, key crypto.PublicKey, id []byte) object {
	return object{
		"baseUrl": url, "hashAlgorithm": "SHA2_256", "logId": object{"keyId": encode(id)},
		"publicKey": object{
			"rawBytes": encode(must(x509.MarshalPKIXPublicKey(key))), "keyDetails": details, "validFor": always(),
		},
	}
}

func trustedChain(url string, chain [][]byte) object {
	var certificates []object
	for _, der := range chain {
		certificates = append(certificates, object{"rawBytes": encode(der)})
	}
	return object{
		"subject": object{"organization": "test", "commonName": "test"}, "uri": url,
		"certChain": object{"certificates": certificates}, "validFor": always(),
	}
}

func service(url string, major int) []object {
	return []object{{"url": url, "majorApiVersion": major, "validFor": always(), "operator": "test"}}
}

func write(path string, value any) {
	check(os.WriteFile(path, must(json.MarshalIndent(value, "", "  ")), 0o644))
}

func main() {
	// rekor-server is to die with the thread that started it.
	goruntime.LockOSThread()
	if len(os.Args) != 3 {
		check(fmt.Errorf("usage: sigstore DIR REKOR_SERVER"))
	}
	folder := os.Args[1]
	ctKey := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	rekorPublic, rekorKey, err := ed25519.GenerateKey(rand.Reader)
	check(err)
	ca := must(ephemeralca.NewEphemeralCA())
	issuerURL := serve(issuer)
	jobsURL := serve(func(string) http.Handler { return issuer(jobs) })
	http.DefaultTransport = forward{http.DefaultTransport, jobsURL}
	ctURL := serve(certificateLog(ctKey))
	fulcioURL := serve(authority(ca, issuerURL, ctURL, ctKey.Public()))
	tsaURL := serve(timestamps)
	rekorURL := startRekor(os.Args[2], folder, rekorKey)
	ctID := sha256.Sum256(must(x509.MarshalPKIXPublicKey(ctKey.Public())))
	_, rekorID, err := note.KeyHash("127.0.0.1", rekorPublic)
	check(err)
	certificates, _ := ca.GetSignerWithChain()
	var chain [][]byte
	for _, certificate := range certificates {
		chain = append(chain, certificate.Raw)
	}
	write(filepath.Join(folder, "trusted_root.json"), object{
		"mediaType":              "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
		"tlogs":                  []object{trustedKey(rekorURL, "PKIX_ED25519", rekorPublic, rekorID)},
		"ctlogs":                 []object{trustedKey(ctURL, "PKIX_ECDSA_P256_SHA_256", ctKey.Public(), ctID[:])},
		"certificateAuthorities": []object{trustedChain(fulcioURL, chain)},
		"timestampAuthorities":   []object{trustedChain(tsaURL, timestampChain(tsaURL))},
	})
	write(filepath.Join(folder, "signing_config.json"), object{
		"mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
		"caUrls":    service(fulcioURL, 1), "oidcUrls": service(issuerURL, 1),
		"rekorTlogUrls": service(rekorURL, 2), "rekorTlogConfig": object{"selector": "ANY"},
		"tsaUrls": service(tsaURL+"/api/v1/timestamp", 1), "tsaConfig": object{"selector": "ANY"},
	})
	addresses := filepath.Join(folder, "addresses.json")
	write(addresses+".new", object{
		"tokens": issuerURL, "issuer": connector, "jobs": jobsURL, "forge": jobs, "fulcio": fulcioURL, "rekor": rekorURL, "tsa": tsaURL,
	})
	check(os.Rename(addresses+".new", addresses))
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM)
	<-ended
}
