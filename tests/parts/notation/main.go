// The Notary Project's own library as a program, for the tests: it signs and verifies what sealift reads and writes.
//
//	notation sign   -key FILE -chain FILE [-format jws|cose] [-expiry DURATION] [-tsa URL -tsa-root FILE] REFERENCE
//	notation verify -config FOLDER REFERENCE     prints the digest; FOLDER holds trustpolicy.json and truststore/
package main

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	_ "github.com/notaryproject/notation-core-go/signature/cose"
	_ "github.com/notaryproject/notation-core-go/signature/jws"
	corex509 "github.com/notaryproject/notation-core-go/x509"
	"github.com/notaryproject/notation-go"
	"github.com/notaryproject/notation-go/dir"
	"github.com/notaryproject/notation-go/registry"
	"github.com/notaryproject/notation-go/signer"
	"github.com/notaryproject/notation-go/verifier"
	"github.com/notaryproject/notation-go/verifier/trustpolicy"
	"github.com/notaryproject/notation-go/verifier/truststore"
	"github.com/notaryproject/tspclient-go"
	"oras.land/oras-go/v2/registry/remote"
)

var (
	key     = flag.String("key", "", "")
	chain   = flag.String("chain", "", "")
	format  = flag.String("format", "jws", "")
	expiry  = flag.Duration("expiry", 0, "")
	tsa     = flag.String("tsa", "", "")
	tsaRoot = flag.String("tsa-root", "", "")
	config  = flag.String("config", "", "")
)

func repository(reference string) (registry.Repository, error) {
	target, err := remote.NewRepository(reference)
	if err != nil {
		return nil, err
	}
	target.PlainHTTP = true
	return registry.NewRepository(target), nil
}

func options(reference string) (notation.SignOptions, error) {
	types := map[string]string{"jws": "application/jose+json", "cose": "application/cose"}
	made := notation.SignOptions{ArtifactReference: reference}
	made.SignatureMediaType = types[*format]
	made.ExpiryDuration = *expiry
	made.SigningAgent = "notation-go/of-the-tests"
	if *tsa == "" {
		return made, nil
	}
	roots, err := corex509.ReadCertificateFile(*tsaRoot)
	if err != nil {
		return made, err
	}
	made.TSARootCAs = x509.NewCertPool()
	for _, root := range roots {
		made.TSARootCAs.AddCert(root)
	}
	made.Timestamper, err = tspclient.NewHTTPTimestamper(nil, *tsa)
	return made, err
}

func sign(ctx context.Context, reference string) (string, error) {
	signer, err := signer.NewFromFiles(*key, *chain)
	if err != nil {
		return "", err
	}
	target, err := repository(reference)
	if err != nil {
		return "", err
	}
	wanted, err := options(reference)
	if err != nil {
		return "", err
	}
	signed, err := notation.Sign(ctx, signer, target, wanted)
	return signed.Digest.String(), err
}

func verify(ctx context.Context, reference string) (string, error) {
	text, err := os.ReadFile(filepath.Join(*config, "trustpolicy.json"))
	if err != nil {
		return "", err
	}
	var policy trustpolicy.Document
	if err := json.Unmarshal(text, &policy); err != nil {
		return "", err
	}
	judge, err := verifier.New(&policy, truststore.NewX509TrustStore(dir.NewSysFS(*config)), nil)
	if err != nil {
		return "", err
	}
	target, err := repository(reference)
	if err != nil {
		return "", err
	}
	found, _, err := notation.Verify(ctx, judge, target, notation.VerifyOptions{
		ArtifactReference:    reference,
		MaxSignatureAttempts: 50,
	})
	return found.Digest.String(), err
}

func run() (string, error) {
	command := os.Args[1]
	if err := flag.CommandLine.Parse(os.Args[2:]); err != nil {
		return "", err
	}
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()
	switch command {
	case "sign":
		return sign(ctx, flag.Arg(0))
	case "verify":
		return verify(ctx, flag.Arg(0))
	}
	return "", errors.New("no such command: " + command)
}

func main() {
	if len(os.Args) < 3 {
		log.Fatal("usage: notation sign|verify …")
	}
	said, err := run()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(said)
}
