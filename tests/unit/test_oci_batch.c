// A batch of writes: nothing is visible before its commit, and what the commit does when others
// write at the same time or the registry fails on the way. And reading several things ahead.
#include "oci/repository.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_registry.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/jval.h"
#include "oci/cache.h"

static const char example_type[] = "application/vnd.example.thing";

static struct oci_repository *open_repository(const char *text, struct oci_access *access)
{
    cleanup_oci_reference struct oci_reference reference = {0};
    assert_int_equal(oci_reference_parse(text, &reference, NULL), 0);
    static const char no_proxy[] = "";
    access->proxy = no_proxy;
    access->deadline_mono_ms = clock_mono_ms(clock_system()) + 30 * 1000;
    struct oci_repository *repository = NULL;
    cleanup_error struct error err = {0};
    if (oci_repository_open(&reference, access, &repository, &err) < 0)
        fail_msg("%s", error_message(&err));
    return repository;
}

static void must(int result, const struct error *err)
{
    if (result < 0)
        fail_msg("%s", error_message(err));
}

static char *build_thing(const char *name, const struct oci_descriptor *subject, size_t *ret_size)
{
    cleanup_oci_manifest struct oci_manifest manifest = {.layers = OCI_DESCRIPTORS};
    manifest.config = oci_descriptor_of(OCI_MEDIA_EMPTY, OCI_EMPTY_JSON, 2);
    *(struct oci_descriptor *)vec_push(&manifest.layers) =
        oci_descriptor_of("text/plain", name, strlen(name));
    manifest.artifact_type = xstrdup(example_type);
    if (subject != NULL) {
        manifest.subject = xcalloc(1, sizeof *manifest.subject);
        *manifest.subject = oci_descriptor_copy(subject);
    }
    return oci_manifest_build(&manifest, ret_size);
}

// A manifest with the layer `name`, and its blobs.
static struct oci_descriptor put_thing(struct oci_repository *repository, const char *name,
                                       const char *tag, const struct oci_descriptor *subject)
{
    size_t size = 0;
    cleanup_free char *bytes = build_thing(name, subject, &size);
    struct oci_descriptor descriptor = {0};
    cleanup_error struct error err = {0};
    must(oci_put_blob(repository, OCI_MEDIA_EMPTY, OCI_EMPTY_JSON, 2, NULL, &err), &err);
    must(oci_put_blob(repository, "text/plain", name, strlen(name), NULL, &err), &err);
    must(oci_put_manifest(repository, bytes, size, tag, &descriptor, &err), &err);
    return descriptor;
}

static bool has_tag(struct oci_repository *repository, const char *tag, const char *digest)
{
    cleanup_oci_descriptor struct oci_descriptor found = {0};
    return oci_resolve(repository, tag, &found, NULL) == 0 &&
           strcmp(found.digest.text, digest) == 0;
}

static size_t count_referrers(struct oci_repository *repository, const char *digest)
{
    cleanup_vec struct vec found = OCI_DESCRIPTORS;
    return oci_referrers(repository, digest, &found, NULL) == 0 ? found.len : 0;
}

// oci_merge: one layer more, whose bytes are `arg`, in the shape of a thing.
static int add_layer(void *arg, const char *tag, const struct oci_manifest *existing,
                     struct oci_merged *ret_merged, struct error *err)
{
    (void)tag;
    (void)err;
    const char *name = arg;
    cleanup_oci_descriptor struct oci_descriptor ours =
        oci_descriptor_of("text/plain", name, strlen(name));
    cleanup_oci_descriptor struct oci_descriptor config =
        oci_descriptor_of(OCI_MEDIA_EMPTY, OCI_EMPTY_JSON, 2);
    struct oci_manifest manifest = {.layers = OCI_DESCRIPTORS, .config = config};
    for (size_t i = 0; existing != NULL && i < existing->layers.len; i++) {
        const struct oci_descriptor *layer = vec_at(&existing->layers, i);
        if (strcmp(layer->digest.text, ours.digest.text) == 0) {
            vec_free(&manifest.layers);
            return 0;
        }
        *(struct oci_descriptor *)vec_push(&manifest.layers) = oci_descriptor_copy(layer);
    }
    *(struct oci_descriptor *)vec_push(&manifest.layers) = oci_descriptor_copy(&ours);
    ret_merged->manifest = oci_manifest_build(&manifest, &ret_merged->manifest_size);
    vec_free(&manifest.layers);
    ret_merged->config = xstrdup(OCI_EMPTY_JSON);
    ret_merged->config_size = 2;
    ret_merged->config_type = OCI_MEDIA_EMPTY;
    return 1;
}

static void edit(struct oci_repository *repository, const char *name)
{
    cleanup_error struct error err = {0};
    must(oci_put_blob(repository, "text/plain", name, strlen(name), NULL, &err), &err);
    must(oci_edit_tag(repository, "shared", add_layer, xstrdup(name), free, &err), &err);
}

static size_t count_layers(struct oci_repository *repository, const char *tag)
{
    cleanup_oci_descriptor struct oci_descriptor found = {0};
    cleanup_oci_manifest struct oci_manifest manifest = {0};
    cleanup_free char *data = NULL;
    size_t size = 0;
    cleanup_error struct error err = {0};
    must(oci_resolve(repository, tag, &found, &err), &err);
    must(oci_get_manifest(repository, found.digest.text, &data, &size, &manifest, &err), &err);
    return manifest.layers.len;
}

// --- A layout

struct layout {
    char *dir;
    char *reference;
    struct oci_access access;
    struct oci_repository *writer, *reader;
};

static int set_up(void **state)
{
    struct layout *layout = xcalloc(1, sizeof *layout);
    assert_int_equal(file_make_temp_dir("batch", &layout->dir, NULL), 0);
    layout->reference = xasprintf("oci-layout://%s/layout", layout->dir);
    layout->writer = open_repository(layout->reference, &layout->access);
    layout->reader = open_repository(layout->reference, &layout->access);
    *state = layout;
    return 0;
}

static int tear_down(void **state)
{
    struct layout *layout = *state;
    oci_repository_close(layout->writer);
    oci_repository_close(layout->reader);
    assert_int_equal(file_remove_tree(layout->dir, NULL), 0);
    free(layout->reference);
    free(layout->dir);
    free(layout);
    return 0;
}

static struct oci_descriptor fill_batch(struct oci_repository *repository, const char *name)
{
    struct oci_descriptor thing = put_thing(repository, name, NULL, NULL);
    cleanup_error struct error err = {0};
    oci_descriptor_release((struct oci_descriptor[]){put_thing(repository, "sbom", NULL, &thing)});
    oci_descriptor_release((struct oci_descriptor[]){put_thing(repository, "scan", NULL, &thing)});
    edit(repository, name);
    must(oci_tag_once(repository, thing.digest.text, "fixed", &err), &err);
    must(oci_tag(repository, thing.digest.text, "prod", &err), &err);
    return thing;
}

static void test_batch_is_visible_at_once(void **state)
{
    struct layout *layout = *state;
    cleanup_error struct error err = {0};
    oci_batch_begin(layout->writer);
    cleanup_oci_descriptor struct oci_descriptor first = fill_batch(layout->writer, "first");
    assert_true(oci_batch_is_open(layout->writer));
    assert_false(has_tag(layout->reader, "prod", first.digest.text));
    must(oci_batch_commit(layout->writer, &err), &err);
    assert_false(oci_batch_is_open(layout->writer));
    assert_true(has_tag(layout->reader, "prod", first.digest.text));
    assert_true(has_tag(layout->reader, "fixed", first.digest.text));
    assert_int_equal(count_referrers(layout->reader, first.digest.text), 2);
    assert_int_equal(count_layers(layout->reader, "shared"), 1);

    oci_batch_begin(layout->writer);
    cleanup_oci_descriptor struct oci_descriptor second = fill_batch(layout->writer, "second");
    must(oci_batch_commit(layout->writer, &err), &err);
    assert_true(has_tag(layout->reader, "prod", second.digest.text));
    assert_true(has_tag(layout->reader, "fixed", first.digest.text));
    assert_int_equal(count_layers(layout->reader, "shared"), 2);
}

static void test_batch_that_is_not_committed_leaves_nothing(void **state)
{
    struct layout *layout = *state;
    oci_batch_begin(layout->writer);
    cleanup_oci_descriptor struct oci_descriptor thing = fill_batch(layout->writer, "first");
    oci_batch_abort(layout->writer);
    oci_batch_begin(layout->writer);
    oci_descriptor_release((struct oci_descriptor[]){fill_batch(layout->writer, "first")});
    // As a crash would end it.
    oci_repository_close(layout->writer);
    layout->writer = open_repository(layout->reference, &layout->access);
    cleanup_free char *path = path_join(layout->dir, "layout/index.json");
    assert_false(file_exists(path));
    assert_false(has_tag(layout->reader, "prod", thing.digest.text));
    // A handle goes on without the batch.
    oci_descriptor_release(
        (struct oci_descriptor[]){put_thing(layout->writer, "first", "prod", NULL)});
    assert_true(has_tag(layout->reader, "prod", thing.digest.text));
}

static void test_batch_with_an_error_changes_no_tag(void **state)
{
    struct layout *layout = *state;
    cleanup_oci_descriptor struct oci_descriptor before =
        put_thing(layout->writer, "before", "prod", NULL);
    oci_batch_begin(layout->writer);
    oci_descriptor_release((struct oci_descriptor[]){fill_batch(layout->writer, "first")});
    size_t size = 0;
    cleanup_free char *broken = build_thing("its layer was never pushed", NULL, &size);
    cleanup_error struct error err = {0};
    must(oci_put_manifest(layout->writer, broken, size, "broken", NULL, &err), &err);
    assert_int_equal(oci_batch_commit(layout->writer, &err), -1);
    assert_int_equal(err.code, ERROR_NOT_FOUND);
    assert_false(oci_batch_is_open(layout->writer));
    assert_true(has_tag(layout->reader, "prod", before.digest.text));
    cleanup_vec struct vec tags = VEC_OF(char *, vec_release_string);
    assert_int_equal(oci_list_tags(layout->reader, &tags, NULL), 0);
    assert_int_equal(tags.len, 1);
}

struct racer {
    const struct layout *layout;
    const struct oci_descriptor *subject;
    char letter;
    int failures;
};

enum { RACES = 15 };

// Counts instead of asserting, which only the test's thread may.
static void *race(void *arg)
{
    struct racer *racer = arg;
    struct oci_access access = racer->layout->access;
    cleanup_oci_repository struct oci_repository *repository =
        open_repository(racer->layout->reference, &access);
    for (int i = 0; i < RACES; i++) {
        cleanup_free char *name = xasprintf("%c%d", racer->letter, i);
        size_t size = 0;
        cleanup_free char *bytes = build_thing(name, racer->subject, &size);
        oci_batch_begin(repository);
        if (oci_put_blob(repository, OCI_MEDIA_EMPTY, OCI_EMPTY_JSON, 2, NULL, NULL) < 0 ||
            oci_put_blob(repository, "text/plain", name, strlen(name), NULL, NULL) < 0 ||
            oci_put_manifest(repository, bytes, size, name, NULL, NULL) < 0 ||
            oci_edit_tag(repository, "shared", add_layer, xstrdup(name), free, NULL) < 0 ||
            oci_batch_commit(repository, NULL) < 0)
            racer->failures++;
    }
    return NULL;
}

static void test_batches_of_two_writers_in_a_layout(void **state)
{
    struct layout *layout = *state;
    cleanup_oci_descriptor struct oci_descriptor subject =
        put_thing(layout->writer, "subject", "prod", NULL);
    struct racer racers[] = {{layout, &subject, 'a', 0}, {layout, &subject, 'b', 0}};
    pthread_t threads[ARRAY_LENGTH(racers)];
    for (size_t i = 0; i < ARRAY_LENGTH(racers); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
    for (size_t i = 0; i < ARRAY_LENGTH(racers); i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(racers[i].failures, 0);
    }
    assert_int_equal(count_layers(layout->reader, "shared"), 2 * RACES);
    cleanup_vec struct vec tags = VEC_OF(char *, vec_release_string);
    assert_int_equal(oci_list_tags(layout->reader, &tags, NULL), 0);
    assert_int_equal(tags.len, 2 * RACES + 2);
}

// --- A registry

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

// Keeps what is PUT under its path; blobs under their digest.
struct memory {
    struct vec stored;
    int uploads;
    bool lists_referrers;
    // The first request with this method and prefix is answered with this status.
    const char *fail_method, *fail_prefix;
    int fail_status;
    int fail_skip; // after so many of them
    // The first PUT to this path is overwritten at once by these bytes of somebody else.
    const char *race_path;
    char *race_bytes;
    const char *authorization; // NULL: none is asked for
};

static struct stored *find_stored(struct memory *memory, const char *target)
{
    vec_foreach (struct stored, stored, &memory->stored)
        if (strcmp(stored->target, target) == 0)
            return stored;
    return NULL;
}

static void store(struct memory *memory, const char *target, const char *bytes)
{
    struct stored *stored = find_stored(memory, target);
    if (stored == NULL) {
        stored = vec_push(&memory->stored);
        stored->target = xstrdup(target);
    }
    free(stored->bytes);
    stored->bytes = xstrdup(bytes);
}

static void put_in_memory(struct fake *fake, struct memory *memory)
{
    const char *digest = strstr(fake->target, "digest=sha256%3A");
    if (digest != NULL) {
        cleanup_free char *target =
            xasprintf("/v2/acme/shop/blobs/sha256:%s", digest + strlen("digest=sha256%3A"));
        store(memory, target, fake->body.data);
    } else {
        // By digest, too, as registries do.
        struct digest own = digest_of(fake->body.data, fake->body.len);
        cleanup_free char *target = xasprintf("/v2/acme/shop/manifests/%s", own.text);
        store(memory, target, fake->body.data);
        store(memory, fake->target, fake->body.data);
    }
    if (memory->race_path != NULL && strcmp(memory->race_path, fake->target) == 0) {
        struct digest own = digest_of(memory->race_bytes, strlen(memory->race_bytes));
        cleanup_free char *target = xasprintf("/v2/acme/shop/manifests/%s", own.text);
        store(memory, target, memory->race_bytes);
        store(memory, fake->target, memory->race_bytes);
        memory->race_path = NULL;
    }
    bool has_subject = strstr(fake->body.data, "\"subject\"") != NULL;
    fake_answer(
        fake, 201,
        memory->lists_referrers && has_subject ? "OCI-Subject: " OCI_EMPTY_DIGEST "\r\n" : "", "");
}

static void get_from_memory(struct fake *fake, struct memory *memory)
{
    const struct stored *stored = find_stored(memory, fake->target);
    if (stored == NULL)
        return;
    struct digest digest = digest_of(stored->bytes, strlen(stored->bytes));
    bool index = strstr(stored->bytes, OCI_MEDIA_INDEX) != NULL;
    cleanup_free char *headers =
        xasprintf("Content-Type: %s\r\nDocker-Content-Digest: %s\r\n",
                  index ? OCI_MEDIA_INDEX : OCI_MEDIA_MANIFEST, digest.text);
    fake_answer(fake, 200, headers, stored->bytes);
}

static bool fails_now(const struct fake *fake, struct memory *memory)
{
    if (memory->fail_method == NULL || !fake_is(fake, memory->fail_method, memory->fail_prefix) ||
        memory->fail_skip-- > 0)
        return false;
    memory->fail_method = NULL;
    return true;
}

static void memory_registry(struct fake *fake)
{
    struct memory *memory = fake->data;
    if (memory->authorization != NULL && strcmp(fake->authorization, memory->authorization) != 0) {
        fake_answer(fake, 401, "WWW-Authenticate: Basic realm=\"x\"\r\n", "");
    } else if (fails_now(fake, memory)) {
        fake_answer(fake, memory->fail_status,
                    "Retry-After: 0\r\nWWW-Authenticate: Basic realm=\"x\"\r\n", "");
    } else if (strcmp(fake->method, "POST") == 0) {
        cleanup_free char *location = xasprintf("Location: /up/%d\r\n", ++memory->uploads);
        fake_answer(fake, 202, location, "");
    } else if (strcmp(fake->method, "PUT") == 0) {
        put_in_memory(fake, memory);
    } else {
        get_from_memory(fake, memory);
    }
}

static struct oci_repository *open_fake(const struct fake *fake, struct oci_access *access)
{
    cleanup_free char *text = xasprintf("oci://127.0.0.1:%d/acme/shop", fake->port);
    access->push = true;
    return open_repository(text, access);
}

static void end_fake(struct fake *fake, struct memory *memory)
{
    vec_free(&memory->stored);
    free(memory->race_bytes);
    fake_free(fake);
}

static size_t count_lines(const struct fake *fake, const char *words)
{
    size_t count = 0;
    for (const char *at = fake->journal.data; (at = strstr(at, words)) != NULL; at++)
        count++;
    return count;
}

static size_t at_line(const struct fake *fake, const char *words)
{
    const char *at = strstr(fake->journal.data, words);
    if (at == NULL)
        fail_msg("no \"%s\" in:\n%s", words, fake->journal.data);
    return (size_t)(at - fake->journal.data);
}

static void test_batch_in_a_registry(void **state)
{
    (void)state;
    for (int lists = 0; lists < 2; lists++) {
        struct memory memory = {.stored = VEC_OF(struct stored, release_stored),
                                .lists_referrers = lists > 0};
        struct fake *fake = fake_start(memory_registry, &memory);
        struct oci_access access = {0};
        cleanup_oci_repository struct oci_repository *repository = open_fake(fake, &access);
        cleanup_error struct error err = {0};
        oci_batch_begin(repository);
        cleanup_oci_descriptor struct oci_descriptor thing = fill_batch(repository, "first");
        assert_int_equal(fake->count, 0);
        must(oci_batch_commit(repository, &err), &err);
        assert_true(has_tag(repository, "prod", thing.digest.text));
        assert_true(has_tag(repository, "fixed", thing.digest.text));
        assert_int_equal(count_referrers(repository, thing.digest.text), lists > 0 ? 0 : 2);
        fake_stop(fake);
        cleanup_free char *list =
            xasprintf("PUT /v2/acme/shop/manifests/sha256-%s ", digest_hex(thing.digest.text));
        assert_int_equal(count_lines(fake, list), lists > 0 ? 0 : 1);
        assert_int_equal(count_lines(fake, "HEAD /v2/acme/shop/blobs/"), 1);
        assert_int_equal(count_lines(fake, "POST "), 4);
        // Nothing that is followed before all of what it needs.
        size_t prod = at_line(fake, "PUT /v2/acme/shop/manifests/prod ");
        if (lists == 0)
            assert_true(at_line(fake, list) < prod);
        assert_true(at_line(fake, "PUT /v2/acme/shop/manifests/shared ") < prod);
        assert_true(at_line(fake, "PUT /v2/acme/shop/manifests/sha256:") >
                    at_line(fake, "PUT /up/4?"));
        end_fake(fake, &memory);
    }
}

static void test_batch_is_written_again_over_others(void **state)
{
    (void)state;
    static const char others_name[] = "theirs";
    size_t size = 0;
    char *others = build_thing(others_name, NULL, &size);
    struct memory memory = {.stored = VEC_OF(struct stored, release_stored),
                            .race_path = "/v2/acme/shop/manifests/shared",
                            .race_bytes = others};
    struct fake *fake = fake_start(memory_registry, &memory);
    struct oci_access access = {0};
    cleanup_oci_repository struct oci_repository *repository = open_fake(fake, &access);
    cleanup_error struct error err = {0};
    oci_batch_begin(repository);
    edit(repository, "ours");
    must(oci_batch_commit(repository, &err), &err);
    assert_int_equal(count_layers(repository, "shared"), 2);
    fake_stop(fake);
    end_fake(fake, &memory);
}

static void test_batch_lists_referrers_beside_others(void **state)
{
    (void)state;
    struct memory memory = {.stored = VEC_OF(struct stored, release_stored)};
    size_t size = 0;
    cleanup_free char *subject = build_thing("first", NULL, &size);
    struct digest digest = digest_of(subject, size);
    cleanup_free char *path =
        xasprintf("/v2/acme/shop/manifests/sha256-%s", digest_hex(digest.text));
    memory.race_path = path;
    memory.race_bytes = xstrdup("{\"schemaVersion\":2,\"mediaType\":\"" OCI_MEDIA_INDEX
                                "\",\"manifests\":[{\"mediaType\":\"" OCI_MEDIA_MANIFEST
                                "\",\"size\":2,\"digest\":\"" OCI_EMPTY_DIGEST "\"}]}");
    struct fake *fake = fake_start(memory_registry, &memory);
    struct oci_access access = {0};
    cleanup_oci_repository struct oci_repository *repository = open_fake(fake, &access);
    cleanup_error struct error err = {0};
    oci_batch_begin(repository);
    cleanup_oci_descriptor struct oci_descriptor thing = fill_batch(repository, "first");
    assert_string_equal(thing.digest.text, digest.text);
    must(oci_batch_commit(repository, &err), &err);
    assert_int_equal(count_referrers(repository, digest.text), 3);
    fake_stop(fake);
    end_fake(fake, &memory);
}

static void test_batch_goes_on_after_failures(void **state)
{
    (void)state;
    static const struct {
        const char *method, *prefix;
        int status, skip;
    } cases[] = {
        {"PUT", "/up/", 500, 1},
        {"POST", "/v2/", 503, 2},
        {"POST", "/v2/", 401, 1},
        {"PUT", "/up/", 401, 2},
        {"PUT", "/v2/acme/shop/manifests/sha256:", 401, 1},
        {"PUT", "/v2/acme/shop/manifests/sha256:", 502, 1},
        {"PUT", "/v2/acme/shop/manifests/prod", 429, 0},
        {"HEAD", "/v2/acme/shop/blobs/", 500, 0},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct memory memory = {.stored = VEC_OF(struct stored, release_stored),
                                .fail_method = cases[i].method,
                                .fail_prefix = cases[i].prefix,
                                .fail_status = cases[i].status,
                                .fail_skip = cases[i].skip,
                                .authorization = "Basic dTpw"};
        struct fake *fake = fake_start(memory_registry, &memory);
        struct oci_access access = {.username = "u", .password = "p"};
        cleanup_oci_repository struct oci_repository *repository = open_fake(fake, &access);
        cleanup_error struct error err = {0};
        oci_batch_begin(repository);
        cleanup_oci_descriptor struct oci_descriptor thing = fill_batch(repository, "first");
        if (oci_batch_commit(repository, &err) < 0)
            fail_msg("case %zu: %s", i, error_message(&err));
        assert_true(has_tag(repository, "prod", thing.digest.text));
        assert_int_equal(count_referrers(repository, thing.digest.text), 2);
        fake_stop(fake);
        assert_null(memory.fail_method);
        // What had succeeded is not sent again.
        assert_true(count_lines(fake, "PUT /up/") <= 5);
        end_fake(fake, &memory);
    }
}

static void test_batch_that_is_refused_writes_no_tag(void **state)
{
    (void)state;
    static const struct {
        const char *method, *prefix;
        int status;
        enum error_code code;
    } cases[] = {
        {"PUT", "/up/", 403, ERROR_DENIED},
        {"POST", "/v2/", 403, ERROR_DENIED},
        {"PUT", "/v2/acme/shop/manifests/sha256:", 400, ERROR_INVALID},
        {"PUT", "/v2/acme/shop/manifests/shared", 403, ERROR_DENIED},
        {"PUT", "/v2/acme/shop/manifests/sha256-", 403, ERROR_DENIED},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct memory memory = {.stored = VEC_OF(struct stored, release_stored),
                                .fail_method = cases[i].method,
                                .fail_prefix = cases[i].prefix,
                                .fail_status = cases[i].status};
        struct fake *fake = fake_start(memory_registry, &memory);
        struct oci_access access = {0};
        cleanup_oci_repository struct oci_repository *repository = open_fake(fake, &access);
        cleanup_error struct error err = {0};
        oci_batch_begin(repository);
        oci_descriptor_release((struct oci_descriptor[]){fill_batch(repository, "first")});
        assert_int_equal(oci_batch_commit(repository, &err), -1);
        assert_int_equal(err.code, cases[i].code);
        assert_false(oci_batch_is_open(repository));
        fake_stop(fake);
        assert_int_equal(count_lines(fake, "PUT /v2/acme/shop/manifests/prod "), 0);
        assert_int_equal(count_lines(fake, "PUT /v2/acme/shop/manifests/fixed "), 0);
        end_fake(fake, &memory);
    }
}

static void test_batch_without_credentials_asks_once(void **state)
{
    (void)state;
    struct memory memory = {.stored = VEC_OF(struct stored, release_stored),
                            .authorization = "Basic dTpw"};
    struct fake *fake = fake_start(memory_registry, &memory);
    struct oci_access access = {.username = "u", .password = "wrong"};
    cleanup_oci_repository struct oci_repository *repository = open_fake(fake, &access);
    cleanup_error struct error err = {0};
    oci_batch_begin(repository);
    oci_descriptor_release((struct oci_descriptor[]){put_thing(repository, "first", "prod", NULL)});
    assert_int_equal(oci_batch_commit(repository, &err), -1);
    assert_int_equal(err.code, ERROR_DENIED);
    fake_stop(fake);
    // A HEAD and a POST, each without and with the login.
    assert_int_equal(fake->count, 4);
    end_fake(fake, &memory);
}

static void test_batch_is_read_from_the_cache(void **state)
{
    struct layout *layout = *state;
    struct oci_cache *cache = NULL;
    cleanup_free char *dir = path_join(layout->dir, "cache");
    assert_int_equal(oci_cache_open(dir, 0, &cache, NULL), 0);
    struct memory memory = {.stored = VEC_OF(struct stored, release_stored)};
    struct fake *fake = fake_start(memory_registry, &memory);
    struct oci_access access = {.cache = cache};
    struct oci_repository *repository = open_fake(fake, &access);
    cleanup_error struct error err = {0};
    oci_batch_begin(repository);
    cleanup_oci_descriptor struct oci_descriptor thing = fill_batch(repository, "first");
    must(oci_batch_commit(repository, &err), &err);
    oci_repository_close(repository);
    int count = fake->count;
    repository = open_fake(fake, &access);
    cleanup_oci_manifest struct oci_manifest manifest = {0};
    cleanup_free char *data = NULL;
    cleanup_free char *layer = NULL;
    size_t size = 0;
    must(oci_get_manifest(repository, thing.digest.text, &data, &size, &manifest, &err), &err);
    must(oci_get_blob(repository, vec_at(&manifest.layers, 0), 100, &layer, &size, &err), &err);
    assert_string_equal(layer, "first");
    assert_int_equal(fake->count, count);
    oci_repository_close(repository);
    fake_stop(fake);
    end_fake(fake, &memory);
    oci_cache_close(cache);
}

static void test_reading_ahead(void **state)
{
    (void)state;
    struct memory memory = {.stored = VEC_OF(struct stored, release_stored)};
    struct fake *fake = fake_start(memory_registry, &memory);
    struct oci_access access = {0};
    cleanup_oci_repository struct oci_repository *repository = open_fake(fake, &access);
    cleanup_oci_descriptor struct oci_descriptor thing =
        put_thing(repository, "first", "prod", NULL);
    cleanup_oci_descriptor struct oci_descriptor other =
        put_thing(repository, "other", "next", NULL);
    cleanup_vec struct vec manifests = VEC_OF(const struct oci_descriptor *, NULL);
    *(const struct oci_descriptor **)vec_push(&manifests) = &thing;
    const struct oci_ahead ahead = {.tags = {"prod"}, .manifests = &manifests};
    int count = fake->count;
    oci_read_ahead(repository, &ahead);
    assert_int_equal(fake->count, count + 2);
    cleanup_free char *data = NULL;
    size_t size = 0;
    cleanup_error struct error err = {0};
    must(oci_get_manifest(repository, thing.digest.text, &data, &size, NULL, &err), &err);
    assert_true(has_tag(repository, "prod", thing.digest.text));
    assert_int_equal(fake->count, count + 2);
    // Each answer serves once, and none what is asked after a write.
    must(oci_tag(repository, other.digest.text, "prod", &err), &err);
    assert_true(has_tag(repository, "prod", other.digest.text));
    oci_read_ahead(repository, &ahead);
    must(oci_tag(repository, thing.digest.text, "prod", &err), &err);
    assert_true(has_tag(repository, "prod", thing.digest.text));
    // What failed is asked again.
    memory.fail_method = "HEAD";
    memory.fail_prefix = "/v2/acme/shop/manifests/prod";
    memory.fail_status = 500;
    oci_read_ahead(repository, &ahead);
    assert_null(memory.fail_method);
    assert_true(has_tag(repository, "prod", thing.digest.text));
    fake_stop(fake);
    end_fake(fake, &memory);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_batch_is_visible_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_batch_that_is_not_committed_leaves_nothing, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_batch_with_an_error_changes_no_tag, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_batches_of_two_writers_in_a_layout, set_up, tear_down),
        cmocka_unit_test(test_reading_ahead),
        cmocka_unit_test(test_batch_in_a_registry),
        cmocka_unit_test(test_batch_is_written_again_over_others),
        cmocka_unit_test(test_batch_lists_referrers_beside_others),
        cmocka_unit_test(test_batch_goes_on_after_failures),
        cmocka_unit_test(test_batch_that_is_refused_writes_no_tag),
        cmocka_unit_test(test_batch_without_credentials_asks_once),
        cmocka_unit_test_setup_teardown(test_batch_is_read_from_the_cache, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
