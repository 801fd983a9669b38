// Reading and writing signatures while one request of the registry fails, each in turn: what is
// found is never less than what is there without an error saying so, and nothing is leaked.
#include "oci/sign/attach.h"
#include "oci/sign/collect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/memory.h"
#include "fake_registry.h"
#include "oci/reference.h"
#include "oci/repository.h"
#include "oci/sign/evidence.h"
#include "oci/sign/key.h"

#define ROOT "/v2/acme/shop/"
#define NOW INT64_C(1795255200000)

// What is stored under a path.
struct stored {
    char *target;
    char *bytes;
};

static void release_stored(void *element)
{
    struct stored *stored = element;
    free(stored->target);
    free(stored->bytes);
}

// How the chosen request fails.
enum failure {
    FAIL_DENIED,
    FAIL_MISSING,
    FAIL_GARBAGE, // an answer that is none
    FAIL_ON,      // refused, and all that comes later
    FAIL_KINDS,
};

struct place {
    struct vec stored;
    struct vec saved; // struct stored, as it was before the first failure
    int uploads;
    int fail_at; // -1: never
    enum failure failure;
    struct fake *fake;
    struct oci_repository *repository;
    struct oci_descriptor artifact;
    struct sign_key *keys[2];
};

static struct stored *find(struct place *place, const char *target)
{
    vec_foreach (struct stored, stored, &place->stored)
        if (strcmp(stored->target, target) == 0)
            return stored;
    return NULL;
}

static void store(struct place *place, const char *target, const char *bytes)
{
    struct stored *stored = find(place, target);
    if (stored == NULL) {
        stored = vec_push(&place->stored);
        stored->target = xstrdup(target);
    }
    free(stored->bytes);
    stored->bytes = xstrdup(bytes);
}

static void copy_all(const struct vec *from, struct vec *to)
{
    vec_clear(to);
    vec_foreach (struct stored, stored, from) {
        struct stored *copy = vec_push(to);
        copy->target = xstrdup(stored->target);
        copy->bytes = xstrdup(stored->bytes);
    }
}

static void put(struct fake *fake, struct place *place)
{
    static const char mark[] = "digest=sha256%3A";
    const char *digest = strstr(fake->target, mark);
    struct digest own = digest_of(fake->body.data, fake->body.len);
    cleanup_free char *target = digest != NULL
                                    ? xasprintf(ROOT "blobs/sha256:%s", digest + strlen(mark))
                                    : xasprintf(ROOT "manifests/%s", own.text);
    store(place, target, fake->body.data);
    if (digest == NULL)
        store(place, fake->target, fake->body.data);
    fake_answer(fake, 201, "", "");
}

static void get(struct fake *fake, struct place *place)
{
    const struct stored *stored = find(place, fake->target);
    if (stored == NULL)
        return;
    struct digest digest = digest_of(stored->bytes, strlen(stored->bytes));
    bool index = strstr(stored->bytes, OCI_MEDIA_INDEX) != NULL;
    cleanup_free char *headers =
        xasprintf("Content-Type: %s\r\nDocker-Content-Digest: %s\r\n",
                  index ? OCI_MEDIA_INDEX : OCI_MEDIA_MANIFEST, digest.text);
    fake_answer(fake, 200, headers, stored->bytes);
}

static void fail_request(struct fake *fake, enum failure failure)
{
    if (failure == FAIL_DENIED || failure == FAIL_ON)
        fake_answer(fake, 403, "", "");
    else if (failure == FAIL_GARBAGE)
        fake_answer(fake, 200, "Content-Type: " OCI_MEDIA_MANIFEST "\r\n", "{\"x\":");
}

static void serve(struct fake *fake)
{
    struct place *place = fake->data;
    int at = fake->count - 1;
    if (place->fail_at >= 0 &&
        (place->failure == FAIL_ON ? at >= place->fail_at : at == place->fail_at)) {
        fail_request(fake, place->failure);
    } else if (strcmp(fake->method, "POST") == 0) {
        cleanup_free char *location = xasprintf("Location: /up/%d\r\n", ++place->uploads);
        fake_answer(fake, 202, location, "");
    } else if (strcmp(fake->method, "PUT") == 0) {
        put(fake, place);
    } else if (strcmp(fake->method, "DELETE") == 0) {
        fake_answer(fake, 202, "", "");
    } else {
        get(fake, place);
    }
}

static void sign(struct place *place, size_t key, struct error *err)
{
    static const struct provenance provenance = {.repository = "git.example.com/acme/config",
                                                 .ref = "refs/heads/main",
                                                 .commit = "abc",
                                                 .path = "apps/shop",
                                                 .renderer = "plain"};
    const struct release release = {.channel = "prod", .sequence = 10, .issued_at_ms = NOW};
    const struct sign_request request = {
        .provenance = &provenance, .releases = &release, .n_releases = 1, .now_ms = NOW};
    if (sign_artifact(place->repository, &place->artifact, place->keys[key], &request, err) < 0)
        assert_true(err->code != ERROR_NONE);
}

static void open_repository(struct place *place)
{
    cleanup_free char *text = xasprintf("127.0.0.1:%d/acme/shop", place->fake->port);
    cleanup_oci_reference struct oci_reference reference = {0};
    const struct oci_access access = {.insecure = true,
                                      .deadline_mono_ms = clock_mono_ms(clock_system()) + 60000};
    oci_repository_close(place->repository);
    place->repository = NULL;
    assert_int_equal(oci_reference_parse(text, &reference, NULL), 0);
    assert_int_equal(oci_repository_open(&reference, &access, &place->repository, NULL), 0);
}

static void push_artifact(struct place *place)
{
    struct oci_manifest manifest = {.layers = OCI_DESCRIPTORS};
    struct oci_descriptor layer = {0};
    assert_int_equal(
        oci_put_blob(place->repository, OCI_MEDIA_EMPTY, OCI_EMPTY_JSON, 2, &manifest.config, NULL),
        0);
    assert_int_equal(
        oci_put_blob(place->repository, "application/octet-stream", "shop", 4, &layer, NULL), 0);
    *(struct oci_descriptor *)vec_push(&manifest.layers) = layer;
    manifest.artifact_type = xstrdup("application/vnd.dev.sealift.bundle.v1");
    size_t size = 0;
    cleanup_free char *data = oci_manifest_build(&manifest, &size);
    assert_int_equal(
        oci_put_manifest(place->repository, data, size, "prod", &place->artifact, NULL), 0);
    oci_manifest_release(&manifest);
}

static int set_up(void **state)
{
    struct place *place = xcalloc(1, sizeof *place);
    cleanup_error struct error err = {0};
    place->stored = (struct vec){.element_size = sizeof(struct stored), .release = release_stored};
    place->saved = (struct vec){.element_size = sizeof(struct stored), .release = release_stored};
    place->fail_at = -1;
    place->fake = fake_start(serve, place);
    for (size_t i = 0; i < ARRAY_LENGTH(place->keys); i++)
        assert_int_equal(sign_key_generate(&place->keys[i], NULL), 0);
    open_repository(place);
    push_artifact(place);
    sign(place, 0, &err);
    assert_int_equal(err.code, ERROR_NONE);
    copy_all(&place->stored, &place->saved);
    *state = place;
    return 0;
}

static int tear_down(void **state)
{
    struct place *place = *state;
    oci_repository_close(place->repository);
    fake_stop(place->fake);
    fake_free(place->fake);
    oci_descriptor_release(&place->artifact);
    for (size_t i = 0; i < ARRAY_LENGTH(place->keys); i++)
        sign_key_free(place->keys[i]);
    vec_free(&place->stored);
    vec_free(&place->saved);
    free(place);
    return 0;
}

static int collect(struct place *place, struct evidence_set *set, struct error *err)
{
    cleanup_vec struct vec keys = KEY_LIST;
    for (size_t i = 0; i < ARRAY_LENGTH(place->keys); i++)
        key_list_add(&keys, sign_key_public(place->keys[i]));
    return evidence_collect(place->repository, place->artifact.digest.text, &keys, set, err);
}

// A new client, and the failure at the request with this number from now on.
static void arm(struct place *place, int at, enum failure failure)
{
    copy_all(&place->saved, &place->stored);
    open_repository(place);
    place->fake->count = 0;
    place->failure = failure;
    place->fail_at = at;
}

// Whether the request that was to fail came at all.
static bool disarm(struct place *place)
{
    bool came = place->fake->count > place->fail_at;
    place->fail_at = -1;
    return came;
}

static void test_collecting(void **state)
{
    struct place *place = *state;
    for (enum failure failure = 0; failure < FAIL_KINDS; failure++) {
        bool came = true;
        for (int at = 0; came; at++) {
            cleanup_evidence_set struct evidence_set set;
            cleanup_error struct error err = {0};
            evidence_set_init(&set);
            arm(place, at, failure);
            int result = collect(place, &set, &err);
            came = disarm(place);
            if (result < 0) {
                assert_true(came);
                continue;
            }
            // All four, or a word about what is not there; a registry that refuses is an error.
            if (came && failure != FAIL_MISSING && failure != FAIL_GARBAGE && set.items.len < 4)
                fail_msg("request %d: %zu pieces and no error", at, set.items.len);
            if (!came)
                assert_int_equal(set.items.len, 4);
        }
    }
}

static void test_signing(void **state)
{
    struct place *place = *state;
    for (enum failure failure = 0; failure < FAIL_KINDS; failure++) {
        bool came = true;
        for (int at = 0; came && at < 100; at++) {
            cleanup_error struct error err = {0};
            sign_key_free(place->keys[1]);
            assert_int_equal(sign_key_generate(&place->keys[1], NULL), 0);
            arm(place, at, failure);
            sign(place, 1, &err);
            came = disarm(place);
            cleanup_evidence_set struct evidence_set set;
            evidence_set_init(&set);
            open_repository(place);
            cleanup_error struct error why = {0};
            if (collect(place, &set, &why) < 0)
                fail_msg("request %d: %s", at, error_message(&why));
            // What was there stays there.
            size_t ours = 0;
            vec_foreach (struct evidence, item, &set.items)
                ours += strcmp(item->signer.text,
                               verify_key_fingerprint(sign_key_public(place->keys[0]))->text) == 0;
            if (failure != FAIL_MISSING && failure != FAIL_GARBAGE && ours < 4)
                fail_msg("request %d: only %zu of the first signer", at, ours);
            if (!came)
                assert_int_equal(err.code, ERROR_NONE);
        }
    }
}

static void test_renewing(void **state)
{
    struct place *place = *state;
    int64_t sequence = 20;
    for (enum failure failure = 0; failure < FAIL_KINDS; failure++) {
        bool came = true;
        for (int at = 0; came && at < 60; at++) {
            const struct release release = {
                .channel = "prod", .sequence = ++sequence, .issued_at_ms = NOW};
            cleanup_error struct error err = {0};
            arm(place, at, failure);
            int result = release_renew(place->repository, &place->artifact, place->keys[0],
                                       &release, 1, NOW, &err);
            came = disarm(place);
            assert_true(came || result == 0);
            if (result < 0)
                assert_true(err.code != ERROR_NONE);
        }
    }
}

static void test_approving(void **state)
{
    struct place *place = *state;
    const struct approval approval = {.channel = "prod", .approved_at_ms = NOW};
    for (enum failure failure = 0; failure < FAIL_KINDS; failure++) {
        bool came = true;
        for (int at = 0; came && at < 60; at++) {
            cleanup_error struct error err = {0};
            bool is_new = false;
            arm(place, at, failure);
            int result = approve_artifact(place->repository, &place->artifact, place->keys[1],
                                          &approval, &is_new, &err);
            came = disarm(place);
            assert_true(came || result == 0);
            if (result < 0 && strstr(error_message(&err), "approve sha256:") == NULL)
                fail_msg("request %d: %s", at, error_message(&err));
            if (result < 0)
                continue;
            cleanup_evidence_set struct evidence_set set;
            evidence_set_init(&set);
            open_repository(place);
            assert_int_equal(collect(place, &set, NULL), 0);
            size_t found = 0;
            vec_foreach (struct evidence, item, &set.items)
                found += item->kind == STATEMENT_APPROVAL;
            // Garbage with the status of success is a lie that no client finds out.
            if (found != 1 && failure != FAIL_GARBAGE)
                fail_msg("failure %d of request %d: %zu approvals", (int)failure, at, found);
        }
    }
}

// A registry that lists another artifact's signatures as this one's: each names its own subject.
static void test_a_registry_that_lies_about_subjects(void **state)
{
    struct place *place = *state;
    const struct digest victim = digest_of("victim", 6);
    cleanup_free char *from = oci_derived_tag(place->artifact.digest.text, "");
    cleanup_free char *to = oci_derived_tag(victim.text, "");
    cleanup_free char *from_path = xasprintf(ROOT "manifests/%s", from);
    cleanup_free char *to_path = xasprintf(ROOT "manifests/%s", to);
    const struct stored *list = find(place, from_path);
    assert_non_null(list);
    cleanup_free char *copy = xstrdup(list->bytes);
    store(place, to_path, copy);
    cleanup_vec struct vec keys = KEY_LIST;
    key_list_add(&keys, sign_key_public(place->keys[0]));
    cleanup_evidence_set struct evidence_set set;
    cleanup_error struct error err = {0};
    evidence_set_init(&set);
    if (evidence_collect(place->repository, victim.text, &keys, &set, &err) < 0)
        fail_msg("%s", error_message(&err));
    assert_int_equal(set.items.len, 0);
    assert_int_equal(set.notes.len, 3);
    for (size_t i = 0; i < set.notes.len; i++)
        assert_non_null(strstr(*(char **)vec_at(&set.notes, i), "its subject is another artifact"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_collecting, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_signing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_renewing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_approving, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_registry_that_lies_about_subjects, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
