// Writes TUF repositories with go-tuf, for a client that is not go-tuf to read:
//
//	tuf DIR FILE
//
// DIR/1 and DIR/2 are two states of one mirror, both with FILE as target trusted_root.json. Roots 1 to 3 replace
// every key: Ed25519 and RSA, then ECDSA.
package main

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/theupdateframework/go-tuf/v2/metadata"
)

func must[T any](value T, err error) T {
	check(err)
	return value
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "tuf:", err)
		os.Exit(1)
	}
}

func in(days int) time.Time { return time.Now().AddDate(0, 0, days).UTC().Truncate(time.Second) }

type signer struct {
	key  *metadata.Key
	sign signature.Signer
}

func newEd25519() signer {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	check(err)
	return signer{must(metadata.KeyFromPublicKey(public)), must(signature.LoadSigner(private, crypto.Hash(0)))}
}

func newECDSA() signer {
	private := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	return signer{must(metadata.KeyFromPublicKey(private.Public())), must(signature.LoadSigner(private, crypto.SHA256))}
}

func newRSA() signer {
	private := must(rsa.GenerateKey(rand.Reader, 2048))
	options := &rsa.PSSOptions{Hash: crypto.SHA256}
	return signer{
		must(metadata.KeyFromPublicKey(private.Public())),
		must(signature.LoadRSAPSSSigner(private, crypto.SHA256, options)),
	}
}

func save(folder, name string, data []byte) {
	check(os.MkdirAll(filepath.Dir(filepath.Join(folder, name)), 0o755))
	check(os.WriteFile(filepath.Join(folder, name), data, 0o644))
}

func main() {
	folder := os.Args[1]
	file := must(os.ReadFile(os.Args[2]))
	one, two := newEd25519(), newRSA()
	root := metadata.Root(in(365))
	for _, role := range []string{"root", "timestamp", "snapshot", "targets"} {
		check(root.Signed.AddKey(one.key, role))
	}
	check(root.Signed.AddKey(two.key, "root"))
	root.Signed.Roles["root"].Threshold = 2
	publishRoot := func(signers ...signer) {
		root.ClearSignatures()
		for _, signer := range signers {
			must(root.Sign(signer.sign))
		}
		name := fmt.Sprintf("%d.root.json", root.Signed.Version)
		for _, state := range []string{"1", "2"} {
			save(filepath.Join(folder, state), name, must(root.ToBytes(true)))
		}
	}
	publishRoot(one, two)

	// The second root adds keys, the third drops the first ones.
	three, four := newECDSA(), newECDSA()
	root.Signed.Version++
	for _, role := range []string{"timestamp", "snapshot", "targets"} {
		check(root.Signed.AddKey(three.key, role))
		check(root.Signed.RevokeKey(must(one.key.ID()), role))
	}
	check(root.Signed.AddKey(three.key, "root"))
	check(root.Signed.AddKey(four.key, "root"))
	publishRoot(one, two, three)
	root.Signed.Version++
	check(root.Signed.RevokeKey(must(one.key.ID()), "root"))
	check(root.Signed.RevokeKey(must(two.key.ID()), "root"))
	publishRoot(one, two, three, four)

	for version := int64(1); version <= 2; version++ {
		publish(filepath.Join(folder, fmt.Sprint(version)), version, file, three)
	}
	earlier := must(os.ReadDir(filepath.Join(folder, "1")))
	for _, entry := range earlier {
		if !entry.IsDir() && entry.Name() != "timestamp.json" {
			save(filepath.Join(folder, "2"), entry.Name(), must(os.ReadFile(filepath.Join(folder, "1", entry.Name()))))
		}
	}
}

func publish(folder string, version int64, file []byte, by signer) {
	targets := metadata.Targets(in(7))
	targets.Signed.Version = version
	described := must(metadata.TargetFile().FromBytes("trusted_root.json", file, "sha256", "sha512"))
	targets.Signed.Targets["trusted_root.json"] = described
	must(targets.Sign(by.sign))
	hash := sha256.Sum256(file)
	save(folder, "targets/"+hex.EncodeToString(hash[:])+".trusted_root.json", bytes.Clone(file))
	save(folder, fmt.Sprintf("%d.targets.json", version), must(targets.ToBytes(false)))

	snapshot := metadata.Snapshot(in(7))
	snapshot.Signed.Version = version
	snapshot.Signed.Meta["targets.json"] = metadata.MetaFile(version)
	must(snapshot.Sign(by.sign))
	save(folder, fmt.Sprintf("%d.snapshot.json", version), must(snapshot.ToBytes(true)))

	timestamp := metadata.Timestamp(in(1))
	timestamp.Signed.Version = version
	timestamp.Signed.Meta["snapshot.json"] = metadata.MetaFile(version)
	must(timestamp.Sign(by.sign))
	save(folder, "timestamp.json", must(timestamp.ToBytes(true)))
}
