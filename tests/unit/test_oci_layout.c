#include "oci/repository.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/jval.h"
#include "base/memory.h"
#include "base/strbuf.h"
#include "oci/artifact.h"
#include "oci/cache.h"
#include "oci/sweep.h"

#include <errno.h>
#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct fixture {
    char *dir;
    char *layout; // in dir
    struct oci_reference reference;
};

static int setup(void **state)
{
    struct fixture *fixture = xcalloc(1, sizeof *fixture);
    assert_int_equal(file_make_temp_dir("layout", &fixture->dir, NULL), 0);
    fixture->layout = path_join(fixture->dir, "shop");
    cleanup_free char *text = xasprintf("oci-layout://%s", fixture->layout);
    assert_int_equal(oci_reference_parse(text, &fixture->reference, NULL), 0);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(file_remove_tree(fixture->dir, NULL), 0);
    oci_reference_release(&fixture->reference);
    free(fixture->layout);
    free(fixture->dir);
    free(fixture);
    return 0;
}

static struct oci_repository *open_layout(const struct fixture *fixture, struct oci_cache *cache)
{
    struct oci_access access = {.cache = cache};
    struct oci_repository *repository = NULL;
    assert_int_equal(oci_repository_open(&fixture->reference, &access, &repository, NULL), 0);
    return repository;
}

static void pack(const char *content, struct oci_artifact *artifact)
{
    cleanup_vec struct vec files = OCI_FILES;
    struct oci_file *file = vec_push(&files);
    *file = (struct oci_file){xstrdup("_/v1.ConfigMap/a.yaml"), xstrdup(content), strlen(content)};
    struct oci_artifact_info info = {.created_ms = 0, .revision = content};
    assert_int_equal(oci_pack(&files, &info, artifact, NULL), 0);
}

static void push(struct oci_repository *repository, const char *content, const char *tag,
                 struct digest *ret_digest)
{
    cleanup_oci_artifact struct oci_artifact artifact = {0};
    pack(content, &artifact);
    char *tags[] = {xstrdup(tag)};
    cleanup_error struct error err = {0};
    if (oci_push(repository, &artifact, tags, 1, &err) < 0)
        fail_msg("%s", error_message(&err));
    free(tags[0]);
    *ret_digest = artifact.manifest_descriptor.digest;
}

// A manifest that refers to subject, with content of its own.
static struct digest attach(struct oci_repository *repository, const struct digest *subject,
                            const char *content)
{
    cleanup_oci_manifest struct oci_manifest manifest = {.layers = OCI_DESCRIPTORS};
    manifest.artifact_type = xstrdup("application/vnd.example.signature");
    manifest.subject = xcalloc(1, sizeof *manifest.subject);
    *manifest.subject =
        (struct oci_descriptor){.media_type = xstrdup(OCI_MEDIA_MANIFEST), .digest = *subject};
    struct oci_descriptor *layer = vec_push(&manifest.layers);
    assert_int_equal(
        oci_put_blob(repository, OCI_MEDIA_EMPTY, OCI_EMPTY_JSON, 2, &manifest.config, NULL), 0);
    assert_int_equal(oci_put_blob(repository, "text/plain", content, strlen(content), layer, NULL),
                     0);
    size_t size = 0;
    cleanup_free char *bytes = oci_manifest_build(&manifest, &size);
    cleanup_oci_descriptor struct oci_descriptor descriptor = {0};
    assert_int_equal(oci_put_manifest(repository, bytes, size, NULL, &descriptor, NULL), 0);
    return descriptor.digest;
}

static void test_oci_layout_reads_what_was_pushed(void **state)
{
    const struct fixture *fixture = *state;
    cleanup_oci_repository struct oci_repository *repository = open_layout(fixture, NULL);
    cleanup_error struct error err = {0};
    struct oci_descriptor none = {0};
    assert_int_equal(oci_resolve(repository, "prod", &none, &err), -1);
    assert_int_equal(err.code, ERROR_NOT_FOUND);

    struct digest one, two;
    push(repository, "one", "prod", &one);
    push(repository, "two", "prod", &two);
    cleanup_oci_descriptor struct oci_descriptor resolved = {0};
    assert_int_equal(oci_resolve(repository, "prod", &resolved, NULL), 0);
    assert_string_equal(resolved.digest.text, two.text);

    // The older one is still there by digest, and can be tagged.
    assert_int_equal(oci_tag(repository, one.text, "v1", &err), 0);
    assert_int_equal(oci_tag(repository, one.text, "v1", &err), 0);
    cleanup_vec struct vec tags = VEC_OF(char *, vec_release_string);
    assert_int_equal(oci_list_tags(repository, &tags, NULL), 0);
    assert_int_equal(tags.len, 2);
    assert_string_equal(*(char **)vec_at(&tags, 1), "v1");

    cleanup_free char *bytes = NULL;
    size_t size = 0;
    cleanup_oci_manifest struct oci_manifest manifest = {0};
    assert_int_equal(oci_get_manifest(repository, one.text, &bytes, &size, &manifest, NULL), 0);
    struct oci_budget *budget = oci_budget_new(0);
    struct oci_share share = {0};
    cleanup_vec struct vec files = OCI_FILES;
    assert_int_equal(oci_pull(repository, &manifest, NULL, budget, NULL, &share, &files, &err), 0);
    assert_int_equal(files.len, 1);
    assert_string_equal(((struct oci_file *)vec_at(&files, 0))->data, "one");
    assert_in_range(oci_budget_held(budget), 1, 1000);
    oci_share_release(&share);
    oci_budget_free(budget);
}

static void test_oci_layout_referrers(void **state)
{
    const struct fixture *fixture = *state;
    cleanup_oci_repository struct oci_repository *repository = open_layout(fixture, NULL);
    struct digest one, two;
    push(repository, "one", "a", &one);
    push(repository, "two", "b", &two);
    struct digest first = attach(repository, &one, "first");
    attach(repository, &one, "second");
    attach(repository, &two, "third");
    cleanup_vec struct vec found = OCI_DESCRIPTORS;
    assert_int_equal(oci_referrers(repository, one.text, &found, NULL), 0);
    assert_int_equal(found.len, 2);
    struct oci_descriptor *descriptor = vec_at(&found, 0);
    assert_string_equal(descriptor->digest.text, first.text);
    assert_string_equal(descriptor->artifact_type, "application/vnd.example.signature");
    assert_int_equal(oci_delete_manifest(repository, first.text, NULL), 0);
    vec_clear(&found);
    assert_int_equal(oci_referrers(repository, one.text, &found, NULL), 0);
    assert_int_equal(found.len, 1);
    cleanup_error struct error err = {0};
    assert_int_equal(oci_delete_manifest(repository, first.text, &err), -1);
    assert_int_equal(err.code, ERROR_NOT_FOUND);
}

static void test_oci_layout_leaves_nothing_of_a_crash(void **state)
{
    struct fixture *fixture = *state;
    struct oci_repository *repository = open_layout(fixture, NULL);
    struct digest digest;
    push(repository, "one", "prod", &digest);
    static const struct {
        const char *name;
        bool stays;
    } rows[] = {
        {".index.json.AbCdEf", false}, {".index.json", true}, {".index.json.more.AbCdEf", true}};
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        cleanup_free char *path = path_join(fixture->layout, rows[i].name);
        assert_int_equal(file_write_swap(path, "{", 1, 0600, NULL), 0);
    }
    push(repository, "two", "prod", &digest);
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        cleanup_free char *path = path_join(fixture->layout, rows[i].name);
        assert_int_equal(file_exists(path), rows[i].stays);
    }
    oci_repository_close(repository);
}

static void test_oci_layout_damage_is_seen(void **state)
{
    const struct fixture *fixture = *state;
    cleanup_oci_repository struct oci_repository *repository = open_layout(fixture, NULL);
    cleanup_oci_descriptor struct oci_descriptor blob = {0};
    assert_int_equal(oci_put_blob(repository, "text/plain", "right", 5, &blob, NULL), 0);
    cleanup_free char *path =
        xasprintf("%s/blobs/sha256/%s", fixture->layout, digest_hex(blob.digest.text));
    static const struct {
        const char *content;
        enum error_code code;
    } cases[] = {{"wrong", ERROR_UNVERIFIED},
                 {"cut", ERROR_UNVERIFIED},
                 {"longer than it was", ERROR_LIMIT}};
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        assert_int_equal(
            file_write_swap(path, cases[i].content, strlen(cases[i].content), 0644, NULL), 0);
        char *data = NULL;
        size_t size = 0;
        cleanup_error struct error err = {0};
        assert_int_equal(oci_get_blob(repository, &blob, 100, &data, &size, &err), -1);
        assert_int_equal(err.code, cases[i].code);
    }
    // Pushing again repairs what has another size.
    assert_int_equal(oci_put_blob(repository, "text/plain", "right", 5, NULL, NULL), 0);
    cleanup_free char *data = NULL;
    size_t size = 0;
    assert_int_equal(oci_get_blob(repository, &blob, 100, &data, &size, NULL), 0);
    assert_string_equal(data, "right");
}

static void test_oci_layout_refuses_a_manifest_without_its_blobs(void **state)
{
    const struct fixture *fixture = *state;
    cleanup_oci_repository struct oci_repository *repository = open_layout(fixture, NULL);
    cleanup_oci_artifact struct oci_artifact artifact = {0};
    pack("x", &artifact);
    cleanup_error struct error err = {0};
    assert_int_equal(oci_put_manifest(repository, artifact.manifest,
                                      (size_t)artifact.manifest_descriptor.size, "t", NULL, &err),
                     -1);
    assert_int_equal(err.code, ERROR_NOT_FOUND);
}

// An index of indexes, each of which lists the next a hundred times.
static void test_oci_layout_is_swept_in_one_walk(void **state)
{
    enum { LEVELS = 6, TIMES = 100 };
    const struct fixture *fixture = *state;
    cleanup_oci_repository struct oci_repository *repository = open_layout(fixture, NULL);
    struct digest digest;
    push(repository, "x", "t", &digest);
    int64_t size = 1;
    for (int level = 0; level < LEVELS; level++) {
        const char *type = level == 0 ? OCI_MEDIA_MANIFEST : OCI_MEDIA_INDEX;
        json_t *entries = json_array();
        for (int i = 0; i < TIMES; i++)
            json_array_append_new(entries, json_pack("{s:s, s:s, s:I}", "mediaType", type, "digest",
                                                     digest.text, "size", (json_int_t)size));
        cleanup_json json_t *index = json_pack("{s:i, s:s, s:o}", "schemaVersion", 2, "mediaType",
                                               OCI_MEDIA_INDEX, "manifests", entries);
        cleanup_free char *bytes = jval_compact(index);
        cleanup_oci_descriptor struct oci_descriptor made = {0};
        cleanup_error struct error err = {0};
        if (oci_put_manifest(repository, bytes, strlen(bytes), NULL, &made, &err) < 0)
            fail_msg("%s", error_message(&err));
        digest = made.digest;
        size = made.size;
    }
    size_t files = 1;
    size_t removed = 1;
    assert_int_equal(oci_sweep_blobs(repository, &files, &removed, NULL), 0);
    assert_int_equal(files, 0);
}

static void *push_ten(void *arg)
{
    const struct fixture *fixture = arg;
    cleanup_oci_repository struct oci_repository *repository = open_layout(fixture, NULL);
    static unsigned threads;
    unsigned thread = __atomic_fetch_add(&threads, 1, __ATOMIC_RELAXED);
    for (unsigned i = 0; i < 10; i++) {
        char text[32];
        snprintf(text, sizeof text, "t%u-%u", thread, i);
        struct digest digest;
        push(repository, text, text, &digest);
    }
    return NULL;
}

static void test_oci_layout_pushes_side_by_side(void **state)
{
    struct fixture *fixture = *state;
    pthread_t threads[4];
    for (size_t i = 0; i < ARRAY_LENGTH(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, push_ten, fixture), 0);
    for (size_t i = 0; i < ARRAY_LENGTH(threads); i++)
        pthread_join(threads[i], NULL);
    cleanup_oci_repository struct oci_repository *repository = open_layout(fixture, NULL);
    cleanup_vec struct vec tags = VEC_OF(char *, vec_release_string);
    assert_int_equal(oci_list_tags(repository, &tags, NULL), 0);
    assert_int_equal(tags.len, 40);
}

static void test_oci_layout_cache_answers_when_the_layout_is_gone(void **state)
{
    const struct fixture *fixture = *state;
    cleanup_free char *cache_dir = path_join(fixture->dir, "cache");
    struct oci_cache *cache = NULL;
    assert_int_equal(oci_cache_open(cache_dir, 0, &cache, NULL), 0);
    cleanup_oci_repository struct oci_repository *repository = open_layout(fixture, cache);
    struct digest digest;
    push(repository, "one", "prod", &digest);
    for (int i = 0; i < 2; i++) {
        cleanup_free char *bytes = NULL;
        size_t size = 0;
        cleanup_oci_manifest struct oci_manifest manifest = {0};
        struct oci_share share = {0};
        cleanup_vec struct vec files = OCI_FILES;
        assert_int_equal(oci_get_manifest(repository, digest.text, &bytes, &size, &manifest, NULL),
                         0);
        assert_int_equal(oci_pull(repository, &manifest, NULL, NULL, NULL, &share, &files, NULL),
                         0);
        assert_int_equal(file_remove_tree(fixture->layout, NULL), 0);
    }
    oci_cache_close(cache);
}

// Another tool reads what we write, byte for byte.
// "tag=kind" of all entries that have a kind.
static void kinds_in(const struct fixture *fixture, struct strbuf *ret_kinds)
{
    cleanup_free char *path = path_join(fixture->layout, "index.json");
    cleanup_free char *text = NULL;
    size_t size = 0;
    cleanup_json json_t *index = NULL;
    strbuf_reset(ret_kinds);
    assert_int_equal(file_read(path, 1 << 20, &text, &size, NULL), 0);
    assert_int_equal(jval_parse_object(text, size, path, &index, NULL), 0);
    const json_t *manifests = jval_array(index, "manifests");
    for (size_t i = 0; i < json_array_size(manifests); i++) {
        const json_t *annotations = json_object_get(json_array_get(manifests, i), "annotations");
        const char *name = json_string_value(json_object_get(annotations, OCI_ANNOTATION_REF_NAME));
        if (name == NULL)
            name = "-";
        const char *kind = jval_string(annotations, "kind");
        if (kind != NULL)
            strbuf_addf(ret_kinds, "%.7s%s=%s ", name, strlen(name) > 71 ? name + 71 : "",
                        strrchr(kind, '/') + 1);
    }
}

static void test_oci_layout_names_one_artifact_for_cosign(void **state)
{
    const struct fixture *fixture = *state;
    cleanup_oci_repository struct oci_repository *repository = open_layout(fixture, NULL);
    cleanup_strbuf struct strbuf kinds;
    strbuf_init(&kinds, 4096);
    struct digest one, two;
    push(repository, "one", "prod", &one);
    push(repository, "two", "test", &two);
    struct digest signatures = attach(repository, &one, "signatures");
    struct digest others = attach(repository, &two, "others");
    const struct {
        const struct digest *of, *about;
        const char *suffix;
    } derived[] = {{&signatures, &one, ".sig"}, {&others, &two, ".sig"}, {&others, &one, ".att"}};
    for (size_t i = 0; i < ARRAY_LENGTH(derived); i++) {
        cleanup_free char *tag = oci_derived_tag(derived[i].about->text, derived[i].suffix);
        assert_int_equal(oci_tag(repository, derived[i].of->text, tag, NULL), 0);
    }
    kinds_in(fixture, &kinds);
    assert_string_equal(kinds.data, "prod=image sha256-.sig=sigs sha256-.att=atts ");
    // The name goes on to another; what had it is no longer the one.
    assert_int_equal(oci_tag(repository, two.text, "prod", NULL), 0);
    kinds_in(fixture, &kinds);
    assert_string_equal(kinds.data, "test=image sha256-.sig=sigs ");
    assert_int_equal(oci_delete_manifest(repository, two.text, NULL), 0);
    kinds_in(fixture, &kinds);
    assert_int_equal(kinds.len, 0);
}

static void test_oci_layout_is_read_by_skopeo(void **state)
{
    const struct fixture *fixture = *state;
    cleanup_oci_repository struct oci_repository *repository = open_layout(fixture, NULL);
    struct digest digest;
    push(repository, "one", "prod", &digest);
    attach(repository, &digest, "first");
    cleanup_free char *from = xasprintf("oci:%s:prod", fixture->layout);
    cleanup_free char *to = xasprintf("oci:%s/copy:prod", fixture->dir);
    char program[] = "skopeo", copy[] = "copy", policy[] = "--insecure-policy", quiet[] = "-q";
    char *argv[] = {program, policy, copy, quiet, from, to, NULL};
    pid_t pid;
    int status = posix_spawnp(&pid, program, NULL, NULL, argv, environ);
    if (status == ENOENT) {
        oci_repository_close(STEAL(repository)); // skip() leaves by longjmp
        free(from);
        free(to);
        skip();
    }
    assert_int_equal(status, 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);

    struct fixture copied = {.dir = fixture->dir, .layout = path_join(fixture->dir, "copy")};
    cleanup_free char *text = xasprintf("oci-layout://%s", copied.layout);
    assert_int_equal(oci_reference_parse(text, &copied.reference, NULL), 0);
    cleanup_oci_repository struct oci_repository *second = open_layout(&copied, NULL);
    cleanup_oci_descriptor struct oci_descriptor resolved = {0};
    assert_int_equal(oci_resolve(second, "prod", &resolved, NULL), 0);
    assert_string_equal(resolved.digest.text, digest.text);
    oci_reference_release(&copied.reference);
    free(copied.layout);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_oci_layout_reads_what_was_pushed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_oci_layout_referrers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_oci_layout_leaves_nothing_of_a_crash, setup, teardown),
        cmocka_unit_test_setup_teardown(test_oci_layout_damage_is_seen, setup, teardown),
        cmocka_unit_test_setup_teardown(test_oci_layout_refuses_a_manifest_without_its_blobs, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_oci_layout_is_swept_in_one_walk, setup, teardown),
        cmocka_unit_test_setup_teardown(test_oci_layout_pushes_side_by_side, setup, teardown),
        cmocka_unit_test_setup_teardown(test_oci_layout_cache_answers_when_the_layout_is_gone,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_oci_layout_names_one_artifact_for_cosign, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_oci_layout_is_read_by_skopeo, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
