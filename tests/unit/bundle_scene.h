// What tests of Sigstore bundles share: a Sigstore made here, bundles of it with JSON changed by a
// line of text, and attempts to verify them. Included after cmocka.h by one file per test program.
#ifndef TESTS_UNIT_BUNDLE_SCENE_H
#define TESTS_UNIT_BUNDLE_SCENE_H

#include "base/jval.h"
#include "base/memory.h"
#include "fake_sigstore.h"
#include "json_change.h"
#include "oci/sign/certificate.h"
#include "oci/sign/key.h"
#include "oci/sign/sigstore_bundle.h"
#include "oci/sign/sigstore_verify.h"
#include "oci/sign/trusted_root.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#define ARTIFACT "the artifact\n"
// SHA-256 of ARTIFACT is put into %s.
#define STATEMENT                                          \
    "{\"_type\":\"https://in-toto.io/Statement/"           \
    "v1\",\"subject\":[{\"digest\":{\"sha256\":\"%s\"}}]," \
    "\"predicateType\":\"https://example.com/p\",\"predicate\":{}}"
#define ENTRY "verificationMaterial.tlogEntries.0"
#define PROOF ENTRY ".inclusionProof"
#define YEAR (INT64_C(365) * 86400)

struct scene {
    struct fake_sigstore fake;
    EVP_PKEY *signer;
    EVP_PKEY *other;
    char *statement;
};

static inline int set_up(void **state)
{
    struct scene *scene = xcalloc(1, sizeof *scene);
    fake_sigstore_init(&scene->fake);
    scene->signer = fake_key(FAKE_KEY_P256);
    scene->other = fake_key(FAKE_KEY_P256);
    struct digest digest = digest_of(ARTIFACT, strlen(ARTIFACT));
    scene->statement = xasprintf(STATEMENT, digest_hex(digest.text));
    *state = scene;
    return 0;
}

static inline int tear_down(void **state)
{
    struct scene *scene = *state;
    fake_sigstore_release(&scene->fake);
    EVP_PKEY_free(scene->signer);
    EVP_PKEY_free(scene->other);
    free(scene->statement);
    free(scene);
    return 0;
}

struct attempt {
    const char *name;
    struct fake_bundle wish; // of ARTIFACT, or of the statement with dsse
    const char *bundle;      // changes
    const char *root;        // changes of the trusted root
    const char *artifact;    // NULL: ARTIFACT
    bool by_digest;
    const char *says; // NULL: verifies
};

static inline struct trusted_root *root_of(const struct scene *scene, const char *changes)
{
    cleanup_json json_t *value = fake_sigstore_root(&scene->fake);
    change(value, changes);
    cleanup_free char *text = jval_compact(value);
    cleanup_error struct error err = {0};
    struct trusted_root *root = NULL;
    if (trusted_root_parse(text, strlen(text), "the root", &root, &err) < 0)
        fail_msg("%s: %s", error_message(&err), changes);
    return root;
}

static inline int verify(const struct scene *scene, const struct attempt *attempt,
                         struct certificate **ret_signer, struct error *err)
{
    struct fake_bundle wish = attempt->wish;
    if (wish.key == NULL)
        wish.key = scene->signer;
    if (wish.data == NULL) {
        wish.data = wish.dsse ? scene->statement : ARTIFACT;
        wish.size = strlen(wish.data);
    }
    cleanup_json json_t *value = fake_bundle_mint(&scene->fake, &wish);
    change(value, attempt->bundle);
    cleanup_free char *text = jval_compact(value);
    cleanup_trusted_root struct trusted_root *root = root_of(scene, attempt->root);
    cleanup_sigstore_bundle struct sigstore_bundle bundle = {0};
    const char *artifact = attempt->artifact != NULL ? attempt->artifact : ARTIFACT;
    struct signed_data data;
    signed_data_of(artifact, strlen(artifact), &data);
    if (attempt->by_digest)
        data.data = NULL;
    if (sigstore_bundle_parse(text, strlen(text), &bundle, err) < 0)
        return -1;
    if (wish.keyed) {
        cleanup_free char *pem = fake_public_pem(wish.key);
        cleanup_verify_key struct verify_key *key = NULL;
        assert_int_equal(verify_key_load(pem, strlen(pem), "key", &key, NULL), 0);
        if (sigstore_verify_keyed(&bundle, key, root, &data, err) < 0)
            return -1;
    } else if (sigstore_verify_keyless(&bundle, root, &data, ret_signer, err) < 0) {
        return -1;
    }
    return sigstore_check_content(&bundle, &data, err);
}

static inline void try(const struct scene *scene, const struct attempt *attempt)
{
    cleanup_certificate struct certificate *signer = NULL;
    cleanup_error struct error err = {0};
    int result = verify(scene, attempt, &signer, &err);
    if (attempt->says == NULL) {
        if (result < 0)
            fail_msg("%s: %s", attempt->name, error_message(&err));
        return;
    }
    if (result == 0)
        fail_msg("%s: verifies", attempt->name);
    if (strstr(error_message(&err), attempt->says) == NULL)
        fail_msg("%s: \"%s\" shall say \"%s\"", attempt->name, error_message(&err), attempt->says);
}

static inline void try_all(const struct scene *scene, const struct attempt *attempts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        try(scene, &attempts[i]);
}

#endif
