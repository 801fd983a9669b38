// Signing, on a layout on disk.
#include "oci/sign/attach.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "oci/sign/signer.h"
#include "sign_scene.h"

static void test_attach_writes_both_forms_and_both_attestations(void **state)
{
    struct fixture *fixture = *state;
    const struct release releases[] = {release_of("prod", 10), release_of("canary", 11)};
    sign(fixture, fixture->key, releases, 2);
    const struct evidence_set *set = collect(fixture);
    assert_int_equal(count(set, EVIDENCE_SIMPLE, STATEMENT_SIGN), 1);
    assert_int_equal(count(set, EVIDENCE_BUNDLE, STATEMENT_SIGN), 1);
    assert_int_equal(count(set, EVIDENCE_BUNDLE, STATEMENT_PROVENANCE), 1);
    assert_int_equal(count(set, EVIDENCE_BUNDLE, STATEMENT_RELEASE), 2);
    assert_int_equal(set->items.len, 5);
    assert_int_equal(set->notes.len, 0);
    vec_foreach (struct evidence, item, &set->items) {
        assert_string_equal(item->repository, IDENTITY);
        assert_string_equal(item->signer.text,
                            verify_key_fingerprint(sign_key_public(fixture->key))->text);
    }
    const struct release *release = evidence_newest_release(set, IDENTITY, "canary");
    assert_non_null(release);
    assert_true(release->sequence == 11);
    assert_null(evidence_newest_release(set, IDENTITY, "staging"));
}

static void test_attach_signs_nothing_twice(void **state)
{
    struct fixture *fixture = *state;
    const struct release first = release_of("prod", 10);
    const struct release second = release_of("prod", 11);
    sign(fixture, fixture->key, &first, 1);
    sign(fixture, fixture->key, &first, 1);
    cleanup_vec struct vec referrers = OCI_DESCRIPTORS;
    assert_int_equal(
        oci_referrers(fixture->repository, fixture->artifact.digest.text, &referrers, NULL), 0);
    assert_int_equal(referrers.len, 3);
    sign(fixture, fixture->key, &second, 1);
    vec_clear(&referrers);
    assert_int_equal(
        oci_referrers(fixture->repository, fixture->artifact.digest.text, &referrers, NULL), 0);
    assert_int_equal(referrers.len, 4);
    // Only the highest sequence is kept of a channel.
    const struct evidence_set *set = collect(fixture);
    assert_int_equal(count(set, EVIDENCE_BUNDLE, STATEMENT_RELEASE), 1);
    assert_int_equal(count(set, EVIDENCE_SIMPLE, STATEMENT_SIGN), 1);
    assert_true(evidence_newest_release(set, IDENTITY, "prod")->sequence == 11);
}

static void test_attach_a_second_signer_keeps_the_first(void **state)
{
    struct fixture *fixture = *state;
    sign(fixture, fixture->key, NULL, 0);
    sign(fixture, fixture->stranger, NULL, 0);
    const struct evidence_set *set = collect(fixture);
    assert_int_equal(set->items.len, 3);
    assert_note(set, ".sig layer 2: no valid ECDSA P-256 signature by key");
    cleanup_free char *says =
        xasprintf("by key %s, which is not listed",
                  verify_key_fingerprint(sign_key_public(fixture->stranger))->text);
    assert_note(set, says);
    assert_int_equal(set->strangers.len, 1);
    assert_string_equal(*(char **)vec_at(&set->strangers, 0),
                        verify_key_fingerprint(sign_key_public(fixture->stranger))->text);
}

static void test_attach_renewing_deletes_the_older_statement(void **state)
{
    struct fixture *fixture = *state;
    const struct release releases[] = {release_of("prod", 10), release_of("canary", 10)};
    const struct release renewed = release_of("prod", 20);
    sign(fixture, fixture->key, releases, 2);
    cleanup_error struct error err = {0};
    if (release_renew(fixture->repository, &fixture->artifact, fixture->key, &renewed, 1, NOW,
                      &err) < 0)
        fail_msg("%s", error_message(&err));
    cleanup_vec struct vec referrers = OCI_DESCRIPTORS;
    assert_int_equal(
        oci_referrers(fixture->repository, fixture->artifact.digest.text, &referrers, NULL), 0);
    assert_int_equal(referrers.len, 4); // sign/v1, provenance, canary, prod
    const struct evidence_set *set = collect(fixture);
    assert_true(evidence_newest_release(set, IDENTITY, "prod")->sequence == 20);
    assert_true(evidence_newest_release(set, IDENTITY, "canary")->sequence == 10);
}

static void test_approve_once_for_each_channel(void **state)
{
    struct fixture *fixture = *state;
    const struct {
        const char *channel;
        const char *repository;
        bool new;
    } cases[] = {{"prod", NULL, true},
                 {"prod", NULL, false},
                 {"prod", IDENTITY, false},
                 {"canary", NULL, true},
                 {"prod", "registry.example.com/else", true},
                 {"canary", NULL, false}};
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        const struct approval approval = {.repository = cases[i].repository,
                                          .channel = cases[i].channel,
                                          .approved_at_ms = 1795255200000,
                                          .comment = "looks fine"};
        bool new = false;
        assert_int_equal(approve_artifact(fixture->repository, &fixture->artifact, fixture->key,
                                          &approval, &new, NULL),
                         0);
        assert_int_equal(new, cases[i].new);
    }
    const struct evidence_set *set = collect(fixture);
    assert_int_equal(set->items.len, 3);
    assert_int_equal(count(set, EVIDENCE_BUNDLE, STATEMENT_APPROVAL), 3);
    const struct evidence *first = vec_at(&set->items, 0);
    assert_string_equal(first->statement.approval.comment, "looks fine");
    assert_true(first->statement.approval.approved_at_ms == 1795255200000);
}

// A provenance that says something else in one field is another one; the same is not said twice.
static void test_attach_writes_each_provenance_once(void **state)
{
    struct fixture *fixture = *state;
    struct provenance full = provenance;
    full.renderer_version = "1.0";
    full.values_digest = fixture->other.digest.text;
    struct provenance variants[15];
    const char **fields[] = {&full.repository,   &full.ref,      &full.commit,
                             &full.path,         &full.renderer, &full.renderer_version,
                             &full.values_digest};
    size_t n = 0;
    variants[n++] = full;
    for (size_t i = 0; i < ARRAY_LENGTH(fields); i++) {
        const char *before = *fields[i];
        *fields[i] = i == 6   ? fixture->artifact.digest.text
                     : i == 0 ? "https://git.example.com/acme/else"
                     : i == 1 ? "refs/heads/else"
                              : "else";
        variants[n++] = full;
        // Only what need not be said may be left out.
        *fields[i] = NULL;
        if (i >= 5)
            variants[n++] = full;
        *fields[i] = before;
    }
    for (size_t i = 0; i < 2 * n; i++) {
        const struct sign_request request = {.provenance = &variants[i % n], .now_ms = NOW};
        cleanup_error struct error err = {0};
        if (sign_artifact(fixture->repository, &fixture->artifact, fixture->key, &request, &err) <
            0)
            fail_msg("%zu: %s", i, error_message(&err));
        size_t found = count(collect(fixture), EVIDENCE_BUNDLE, STATEMENT_PROVENANCE);
        if (found != (i < n ? i + 1 : n))
            fail_msg("%zu statements after %zu", found, i + 1);
    }
}

// The batch of whoever called is theirs to end.
static void test_attach_inside_a_batch(void **state)
{
    struct fixture *fixture = *state;
    const struct approval approval = {.channel = "prod", .approved_at_ms = NOW};
    bool is_new = false;
    oci_batch_begin(fixture->repository);
    sign(fixture, fixture->key, NULL, 0);
    assert_int_equal(approve_artifact(fixture->repository, &fixture->artifact, fixture->key,
                                      &approval, &is_new, NULL),
                     0);
    assert_true(oci_batch_is_open(fixture->repository));
    oci_batch_abort(fixture->repository);
    assert_int_equal(collect(fixture)->items.len, 0);
    oci_batch_begin(fixture->repository);
    sign(fixture, fixture->key, NULL, 0);
    assert_int_equal(oci_batch_commit(fixture->repository, NULL), 0);
    assert_int_equal(collect(fixture)->items.len, 3);
}

// Under another name the same artifact is signed again: a signature is for one repository.
static void test_attach_signs_for_each_repository(void **state)
{
    struct fixture *fixture = *state;
    sign(fixture, fixture->key, NULL, 0);
    cleanup_free char *text = xasprintf("oci-layout://%s/shop", fixture->dir);
    cleanup_oci_reference struct oci_reference reference = {0};
    const struct oci_access access = {.identity = "registry.example.com/acme/blog"};
    assert_int_equal(oci_reference_parse(text, &reference, NULL), 0);
    oci_repository_close(fixture->repository);
    assert_int_equal(oci_repository_open(&reference, &access, &fixture->repository, NULL), 0);
    sign(fixture, fixture->key, NULL, 0);
    assert_int_equal(count(collect(fixture), EVIDENCE_SIMPLE, STATEMENT_SIGN), 2);
    assert_int_equal(count(&fixture->evidence, EVIDENCE_BUNDLE, STATEMENT_SIGN), 2);
}

// Releases of other repositories and channels stay when one is renewed.
static void test_attach_renews_one_line_alone(void **state)
{
    struct fixture *fixture = *state;
    struct release releases[] = {release_of("prod", 10), release_of("prod", 10),
                                 release_of("canary", 10)};
    releases[1].repository = "registry.example.com/acme/blog";
    sign(fixture, fixture->key, releases, 3);
    struct release renewed = release_of("prod", 20);
    renewed.repository = "registry.example.com/acme/blog";
    assert_int_equal(release_renew(fixture->repository, &fixture->artifact, fixture->key, &renewed,
                                   1, NOW, NULL),
                     0);
    const struct evidence_set *set = collect(fixture);
    assert_int_equal(count(set, EVIDENCE_BUNDLE, STATEMENT_RELEASE), 3);
    assert_true(evidence_newest_release(set, IDENTITY, "prod")->sequence == 10);
    assert_true(evidence_newest_release(set, IDENTITY, "canary")->sequence == 10);
    assert_true(evidence_newest_release(set, renewed.repository, "prod")->sequence == 20);
    assert_null(evidence_newest_release(set, renewed.repository, "canary"));
    // Where both are there, the later word counts, whichever was found first.
    sign(fixture, fixture->key, (struct release[]){release_of("prod", 5), release_of("prod", 15)},
         2);
    assert_true(evidence_newest_release(collect(fixture), IDENTITY, "prod")->sequence == 15);
}

// Ed25519 makes the same signature again: one layer is enough.
static void test_attach_the_same_layer_once(void **state)
{
    struct fixture *fixture = *state;
    static const char pem[] = "-----BEGIN PRIVATE KEY-----\n"
                              "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
                              "-----END PRIVATE KEY-----\n";
    const struct sign_request request = {.now_ms = NOW, .fresh = true};
    sign_key_free(STEAL(fixture->key));
    assert_int_equal(sign_key_load(pem, strlen(pem), NULL, "key", &fixture->key, NULL), 0);
    cleanup_free char *tag = oci_derived_tag(fixture->artifact.digest.text, ".sig");
    for (int i = 0; i < 2; i++) {
        cleanup_oci_manifest struct oci_manifest manifest = {0};
        cleanup_oci_descriptor struct oci_descriptor descriptor = {0};
        cleanup_free char *data = NULL;
        size_t size = 0;
        assert_int_equal(
            sign_artifact(fixture->repository, &fixture->artifact, fixture->key, &request, NULL),
            0);
        assert_int_equal(oci_resolve(fixture->repository, tag, &descriptor, NULL), 0);
        assert_int_equal(oci_get_manifest(fixture->repository, descriptor.digest.text, &data, &size,
                                          &manifest, NULL),
                         0);
        assert_int_equal(manifest.layers.len, 1);
    }
}

static void refuse_to_sign(struct fixture *fixture, enum error_code code, const char *says)
{
    const struct sign_request request = {.now_ms = NOW};
    cleanup_error struct error err = {0};
    assert_int_equal(
        sign_artifact(fixture->repository, &fixture->artifact, fixture->key, &request, &err), -1);
    if (err.code != code || strstr(error_message(&err), says) == NULL)
        fail_msg("\"%s\" shall say \"%s\"", error_message(&err), says);
}

// What stands under the tag of signatures and is none is never written over.
static void test_attach_leaves_what_is_not_signatures(void **state)
{
    struct fixture *fixture = *state;
    cleanup_free char *tag = oci_derived_tag(fixture->artifact.digest.text, ".sig");
    static const char index[] =
        "{\"schemaVersion\":2,\"mediaType\":\"" OCI_MEDIA_INDEX "\",\"manifests\":[]}";
    assert_int_equal(oci_put_manifest(fixture->repository, index, strlen(index), tag, NULL, NULL),
                     0);
    refuse_to_sign(fixture, ERROR_CONFLICT, "holds an index, not signatures");
    collect(fixture);
    assert_note(&fixture->evidence, "it is an index");

    struct oci_manifest manifest = {.layers = OCI_DESCRIPTORS};
    struct oci_descriptor layer = {0};
    assert_int_equal(oci_put_blob(fixture->repository, OCI_MEDIA_EMPTY, OCI_EMPTY_JSON, 2,
                                  &manifest.config, NULL),
                     0);
    assert_int_equal(oci_put_blob(fixture->repository, SIMPLE_SIGNING_MEDIA, "{}", 2, &layer, NULL),
                     0);
    for (int i = 0; i < OCI_MAX_MANIFEST_LAYERS; i++)
        *(struct oci_descriptor *)vec_push(&manifest.layers) = oci_descriptor_copy(&layer);
    oci_descriptor_release(&layer);
    size_t size = 0;
    cleanup_free char *data = oci_manifest_build(&manifest, &size);
    assert_int_equal(oci_put_manifest(fixture->repository, data, size, tag, NULL, NULL), 0);
    refuse_to_sign(fixture, ERROR_LIMIT, "holds 1000 signatures and takes no more");
    oci_manifest_release(&manifest);
}

// A key that another program keeps, which signs so many times and then no more.
static void test_attach_with_a_signer_that_stops(void **state)
{
    struct fixture *fixture = *state;
    cleanup_free char *script = xasprintf(
        "set -e; cd %s; test -f k || openssl ecparam -name prime256v1 -genkey -noout -out k;"
        "r=$(cat); case $r in *publicKey*) printf '{\"publicKey\":\"%%s\"}' \"$(openssl pkey -in k "
        "-pubout | sed 's/$/\\\\n/' | tr -d '\\n')\";; *) n=$(cat n); test $n -gt 0;"
        "echo $((n - 1)) >n; printf %%s \"$r\" | sed 's/.*\"digest\":\"\\([^\"]*\\)\".*/\\1/' |"
        "base64 -d >d; printf '{\"signature\":\"%%s\"}' "
        "\"$(openssl pkeyutl -sign -inkey k -in d -pkeyopt digest:sha256 | base64 -w0)\";; esac",
        fixture->dir);
    const struct signer signer = {.argv = (const char *const[]){"sh", "-c", script, NULL},
                                  .key = "packager"};
    cleanup_free char *left = path_join(fixture->dir, "n");
    cleanup_error struct error cause = {0};
    sign_key_free(STEAL(fixture->key));
    if (sign_key_open(&signer, &fixture->key, &cause) < 0)
        fail_msg("%s", error_message(&cause));
    for (int times = 0; times < 5; times++) {
        const struct release release = release_of("prod", 10);
        const struct sign_request request = {
            .provenance = &provenance, .releases = &release, .n_releases = 1, .now_ms = NOW};
        cleanup_error struct error err = {0};
        cleanup_free char *text = xasprintf("%d\n", times);
        assert_int_equal(file_write_swap(left, text, strlen(text), 0644, NULL), 0);
        int result =
            sign_artifact(fixture->repository, &fixture->artifact, fixture->key, &request, &err);
        assert_int_equal(result, times < 4 ? -1 : 0);
        if (times < 4)
            assert_non_null(strstr(error_message(&err), "signer sh, key packager"));
        // All or nothing.
        assert_int_equal(collect(fixture)->items.len, times < 4 ? 0 : 4);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_attach_writes_both_forms_and_both_attestations),
        TEST(test_attach_signs_nothing_twice),
        TEST(test_attach_a_second_signer_keeps_the_first),
        TEST(test_attach_renewing_deletes_the_older_statement),
        TEST(test_approve_once_for_each_channel),
        TEST(test_attach_writes_each_provenance_once),
        TEST(test_attach_inside_a_batch),
        TEST(test_attach_signs_for_each_repository),
        TEST(test_attach_renews_one_line_alone),
        TEST(test_attach_the_same_layer_once),
        TEST(test_attach_leaves_what_is_not_signatures),
        TEST(test_attach_with_a_signer_that_stops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
