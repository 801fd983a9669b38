// What tests of writing and finding signatures share: two artifacts in a layout on disk, two keys,
// and ways to attach what nobody should. Included after cmocka.h by one file per test program.
#ifndef TESTS_UNIT_SIGN_SCENE_H
#define TESTS_UNIT_SIGN_SCENE_H

#include "base/clock.h"
#include "base/encoding.h"
#include "base/file.h"
#include "base/jval.h"
#include "base/memory.h"
#include "oci/manifest.h"
#include "oci/repository.h"
#include "oci/sign/attach.h"
#include "oci/sign/attach_internal.h"
#include "oci/sign/collect.h"
#include "oci/sign/evidence_json.h"
#include "oci/sign/key.h"
#include "oci/sign/policy.h"
#include "oci/sign/sigstore_bundle.h"
#include "oci/sign/simple_signing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define IDENTITY "registry.example.com/acme/shop"
#define NOW INT64_C(1795255200000)

struct fixture {
    char *dir;
    struct oci_repository *repository;
    struct oci_descriptor artifact;
    struct oci_descriptor other; // a second artifact in the same place
    struct sign_key *key;
    struct sign_key *stranger;
    struct evidence_set evidence;
};

static inline void push_artifact(struct oci_repository *repository, const char *tag,
                                 struct oci_descriptor *ret_descriptor)
{
    struct oci_manifest manifest = {.layers = OCI_DESCRIPTORS};
    assert_int_equal(
        oci_put_blob(repository, OCI_MEDIA_EMPTY, OCI_EMPTY_JSON, 2, &manifest.config, NULL), 0);
    struct oci_descriptor layer = {0};
    assert_int_equal(
        oci_put_blob(repository, "application/octet-stream", tag, strlen(tag), &layer, NULL), 0);
    *(struct oci_descriptor *)vec_push(&manifest.layers) = layer;
    manifest.artifact_type = xstrdup("application/vnd.dev.sealift.bundle.v1");
    size_t size = 0;
    cleanup_free char *data = oci_manifest_build(&manifest, &size);
    assert_int_equal(oci_put_manifest(repository, data, size, tag, ret_descriptor, NULL), 0);
    oci_manifest_release(&manifest);
}

static inline int set_up(void **state)
{
    struct fixture *fixture = xcalloc(1, sizeof *fixture);
    assert_int_equal(file_make_temp_dir("sign", &fixture->dir, NULL), 0);
    cleanup_free char *text = xasprintf("oci-layout://%s/shop", fixture->dir);
    cleanup_oci_reference struct oci_reference reference = {0};
    const struct oci_access access = {.identity = IDENTITY};
    assert_int_equal(oci_reference_parse(text, &reference, NULL), 0);
    assert_int_equal(oci_repository_open(&reference, &access, &fixture->repository, NULL), 0);
    push_artifact(fixture->repository, "prod", &fixture->artifact);
    push_artifact(fixture->repository, "staging", &fixture->other);
    assert_int_equal(sign_key_generate(&fixture->key, NULL), 0);
    assert_int_equal(sign_key_generate(&fixture->stranger, NULL), 0);
    evidence_set_init(&fixture->evidence);
    *state = fixture;
    return 0;
}

static inline int tear_down(void **state)
{
    struct fixture *fixture = *state;
    oci_repository_close(fixture->repository);
    assert_int_equal(file_remove_tree(fixture->dir, NULL), 0);
    oci_descriptor_release(&fixture->artifact);
    oci_descriptor_release(&fixture->other);
    sign_key_free(fixture->key);
    sign_key_free(fixture->stranger);
    evidence_set_release(&fixture->evidence);
    free(fixture->dir);
    free(fixture);
    return 0;
}

static const struct provenance provenance = {.repository = "https://git.example.com/acme/config",
                                             .ref = "refs/heads/main",
                                             .commit = "abc",
                                             .path = "apps/shop",
                                             .renderer = "plain"};

static inline struct release release_of(const char *channel, int64_t sequence)
{
    return (struct release){.channel = channel, .sequence = sequence, .issued_at_ms = NOW};
}

static inline void sign(struct fixture *fixture, const struct sign_key *key,
                        const struct release *releases, size_t n_releases)
{
    const struct sign_request request = {
        .provenance = &provenance, .releases = releases, .n_releases = n_releases, .now_ms = NOW};
    cleanup_error struct error err = {0};
    if (sign_artifact(fixture->repository, &fixture->artifact, key, &request, &err) < 0)
        fail_msg("%s", error_message(&err));
}

static inline struct evidence_set *collect(struct fixture *fixture)
{
    cleanup_vec struct vec keys = KEY_LIST;
    key_list_add(&keys, sign_key_public(fixture->key));
    evidence_set_release(&fixture->evidence);
    evidence_set_init(&fixture->evidence);
    cleanup_error struct error err = {0};
    if (evidence_collect(fixture->repository, fixture->artifact.digest.text, &keys,
                         &fixture->evidence, &err) < 0)
        fail_msg("%s", error_message(&err));
    return &fixture->evidence;
}

static inline size_t count(const struct evidence_set *set, enum evidence_form form,
                           enum statement_kind kind)
{
    size_t found = 0;
    vec_foreach (struct evidence, item, &set->items)
        found += item->form == form && item->kind == kind;
    return found;
}

static inline void assert_note(const struct evidence_set *set, const char *says)
{
    for (size_t i = 0; i < set->notes.len; i++)
        if (strstr(*(char **)vec_at(&set->notes, i), says) != NULL)
            return;
    for (size_t i = 0; i < set->notes.len; i++)
        print_message("note: %s\n", *(char **)vec_at(&set->notes, i));
    fail_msg("no note says \"%s\"", says);
}

// Attaches `data` as a bundle to subject, whatever it is.
static inline void attach_bytes(struct fixture *fixture, const struct oci_descriptor *subject,
                                const char *data, size_t size)
{
    struct oci_manifest manifest = {.layers = OCI_DESCRIPTORS};
    struct oci_descriptor layer = {0};
    assert_int_equal(oci_put_blob(fixture->repository, OCI_MEDIA_EMPTY, OCI_EMPTY_JSON, 2,
                                  &manifest.config, NULL),
                     0);
    assert_int_equal(
        oci_put_blob(fixture->repository, SIGSTORE_BUNDLE_TYPE, data, size, &layer, NULL), 0);
    *(struct oci_descriptor *)vec_push(&manifest.layers) = layer;
    manifest.artifact_type = xstrdup(SIGSTORE_BUNDLE_TYPE);
    manifest.subject = xcalloc(1, sizeof *manifest.subject);
    *manifest.subject = oci_descriptor_copy(subject);
    size_t manifest_size = 0;
    cleanup_free char *text = oci_manifest_build(&manifest, &manifest_size);
    assert_int_equal(oci_put_manifest(fixture->repository, text, manifest_size, NULL, NULL, NULL),
                     0);
    oci_manifest_release(&manifest);
}

static inline void attach_bundle(struct fixture *fixture, const struct sign_key *key,
                                 const struct oci_descriptor *subject, const char *statement,
                                 const char *hint)
{
    cleanup_dsse_envelope struct dsse_envelope envelope = {0};
    assert_int_equal(dsse_sign(key, DSSE_IN_TOTO, statement, strlen(statement), &envelope, NULL),
                     0);
    size_t size = 0;
    cleanup_free char *bundle = sigstore_bundle_build(
        &envelope, hint != NULL ? hint : verify_key_hint(sign_key_public(key)), &size);
    attach_bytes(fixture, subject, bundle, size);
}

#define SCAN "https://cosign.sigstore.dev/attestation/vuln/v1"

static inline void attest(struct fixture *fixture, const struct sign_key *key, const char *type,
                          const char *finished, int critical)
{
    cleanup_free char *statement = xasprintf(
        "{\"_type\":\"https://in-toto.io/Statement/v1\",\"subject\":[{\"digest\":{\"sha256\":"
        "\"%s\"}}],\"predicateType\":\"%s\",\"predicate\":{\"critical\":%d,\"metadata\":{"
        "\"scanFinishedOn\":\"%s\"}}}",
        digest_hex(fixture->artifact.digest.text), type, critical, finished);
    attach_bundle(fixture, key, &fixture->artifact, statement, NULL);
}

static inline void list_signer(struct trust_entry *entry, const struct sign_key *key,
                               const char *name)
{
    cleanup_free char *pem = verify_key_pem(sign_key_public(key));
    assert_int_equal(trust_entry_add_key(entry, name, pem, strlen(pem), 0, 0, NULL), 0);
}

static inline const struct evidence_set *
collect_for(struct fixture *fixture, const struct trust_policy *policies, size_t count)
{
    evidence_set_release(&fixture->evidence);
    evidence_set_init(&fixture->evidence);
    assert_int_equal(evidence_collect_for(fixture->repository, fixture->artifact.digest.text,
                                          policies, count, &fixture->evidence, NULL),
                     0);
    return &fixture->evidence;
}

// A .sig layer with this payload, signed by the key, or with this annotation.
static inline void attach_payload(struct fixture *fixture, const char *payload,
                                  const char *annotation)
{
    struct oci_manifest manifest = {.layers = OCI_DESCRIPTORS};
    struct oci_descriptor layer = {0};
    cleanup_free unsigned char *signature = NULL;
    size_t size = 0;
    assert_int_equal(sign_key_sign(fixture->key, payload, strlen(payload), &signature, &size, NULL),
                     0);
    cleanup_free char *text = base64_encode(signature, size);
    assert_int_equal(oci_put_blob(fixture->repository, OCI_MEDIA_EMPTY, OCI_EMPTY_JSON, 2,
                                  &manifest.config, NULL),
                     0);
    assert_int_equal(oci_put_blob(fixture->repository, SIMPLE_SIGNING_MEDIA, payload,
                                  strlen(payload), &layer, NULL),
                     0);
    if (annotation == NULL || *annotation != '-')
        layer.annotations =
            json_pack("{s:s}", SIMPLE_SIGNING_ANNOTATION, annotation != NULL ? annotation : text);
    *(struct oci_descriptor *)vec_push(&manifest.layers) = layer;
    size_t manifest_size = 0;
    cleanup_free char *data = oci_manifest_build(&manifest, &manifest_size);
    cleanup_free char *tag = oci_derived_tag(fixture->artifact.digest.text, ".sig");
    assert_int_equal(oci_put_manifest(fixture->repository, data, manifest_size, tag, NULL, NULL),
                     0);
    oci_manifest_release(&manifest);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

#endif
