// Lists of a registry: referrers, with and without that API, and tags.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "registry_scene.h"

#include "oci/artifact.h"

#define ENTRY(n)                                                                                \
    "{\"mediaType\":\"" OCI_MEDIA_MANIFEST "\",\"size\":1,\"digest\":\"sha256:" n n n n n n n n \
    "\"}"
#define INDEX_OF(entries) \
    "{\"schemaVersion\":2,\"mediaType\":\"" OCI_MEDIA_INDEX "\",\"manifests\":[" entries "]}"
static const char index_type[] = "Content-Type: " OCI_MEDIA_INDEX "\r\n";

static void paged_registry(struct fake *fake)
{
    const char *link = fake->data;
    if (fake_is(fake, "GET", "/v2/acme/shop/referrers/") && strchr(fake->target, '?') == NULL) {
        cleanup_free char *headers = xasprintf("%sLink: %s\r\n", index_type, link);
        fake_answer(fake, 200, headers, INDEX_OF(ENTRY("aaaaaaaa") "," ENTRY("bbbbbbbb")));
    } else if (fake_is(fake, "GET", "/v2/acme/shop/referrers/")) {
        fake_answer(fake, 200, index_type,
                    INDEX_OF(ENTRY("bbbbbbbb") ",{\"digest\":\"sha256:1\"},7," ENTRY("cccccccc")));
    }
}

static void test_oci_registry_referrers_in_pages(void **state)
{
    (void)state;
    char link[] = "<?page=2>; rel=\"next\"";
    struct fake *fake = fake_start(paged_registry, link);
    struct oci_access access = {0};
    cleanup_oci_repository struct oci_repository *repository = open_at(fake, &access);
    cleanup_vec struct vec found = OCI_DESCRIPTORS;
    cleanup_error struct error err = {0};
    if (oci_referrers(repository, OCI_EMPTY_DIGEST, &found, &err) < 0)
        fail_msg("%s", error_message(&err));
    assert_int_equal(found.len, 3);
    fake_stop(fake);
    fake_free(fake);

    char evil[] = "<http://evil.example.com/x>; rel=\"next\"";
    fake = fake_start(paged_registry, evil);
    cleanup_oci_repository struct oci_repository *second = open_at(fake, &access);
    assert_int_equal(oci_referrers(second, OCI_EMPTY_DIGEST, &found, &err), -1);
    assert_says(&err, ERROR_INVALID, "another host");
    fake_stop(fake);
    fake_free(fake);
}

// data: how the missing API answers.
struct fallback {
    int status;
    const char *headers;
    struct strbuf index; // behind the fallback tag; empty: none
    int lose;            // so many writes are answered 201 and lost
    int conflicts;       // so many are answered 412
};

static void fallback_registry(struct fake *fake)
{
    struct fallback *fallback = fake->data;
    static const char tag[] = "/v2/acme/shop/manifests/sha256-";
    if (fake_is(fake, "GET", "/v2/acme/shop/referrers/")) {
        fake_answer(fake, fallback->status, fallback->headers, "<html>");
    } else if (fake_is(fake, "GET", tag) && fallback->index.len > 0) {
        cleanup_free char *headers = xasprintf("%sETag: \"x\"\r\n", index_type);
        fake_answer(fake, 200, headers, fallback->index.data);
    } else if (fake_is(fake, "PUT", tag) && fallback->conflicts > 0) {
        fallback->conflicts--;
        fake_answer(fake, 412, "", "");
    } else if (strcmp(fake->method, "PUT") == 0) {
        if (fake_is(fake, "PUT", tag) && fallback->lose-- <= 0) {
            strbuf_reset(&fallback->index);
            strbuf_addstr(&fallback->index, fake->body.data);
        }
        fake_answer(fake, 201, "", "");
    }
}

static struct digest push_referrer(struct oci_repository *repository)
{
    cleanup_oci_manifest struct oci_manifest manifest = {.layers = OCI_DESCRIPTORS};
    manifest.artifact_type = xstrdup("application/vnd.example.signature");
    manifest.config = oci_descriptor_of(OCI_MEDIA_EMPTY, OCI_EMPTY_JSON, 2);
    manifest.subject = xcalloc(1, sizeof *manifest.subject);
    *manifest.subject = oci_descriptor_of(OCI_MEDIA_MANIFEST, "{}", 2);
    size_t size = 0;
    cleanup_free char *bytes = oci_manifest_build(&manifest, &size);
    cleanup_oci_descriptor struct oci_descriptor descriptor = {0};
    cleanup_error struct error err = {0};
    if (oci_put_manifest(repository, bytes, size, NULL, &descriptor, &err) < 0)
        fail_msg("%s", error_message(&err));
    return descriptor.digest;
}

static void test_oci_registry_fallback_tag(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *headers;
        int lose, conflicts;
    } cases[] = {{404, "", 0, 0}, {400, "", 0, 0},
                 {406, "", 0, 0}, {200, "Content-Type: text/html\r\n", 0, 0},
                 {404, "", 2, 0}, {404, "", 0, 2}};
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct fallback fallback = {.status = cases[i].status,
                                    .headers = cases[i].headers,
                                    .lose = cases[i].lose,
                                    .conflicts = cases[i].conflicts};
        strbuf_init(&fallback.index, 1 << 20);
        if (i > 0)
            strbuf_addstr(&fallback.index, INDEX_OF(ENTRY("aaaaaaaa")));
        struct fake *fake = fake_start(fallback_registry, &fallback);
        struct oci_access access = {.push = true};
        cleanup_oci_repository struct oci_repository *repository = open_at(fake, &access);
        cleanup_vec struct vec found = OCI_DESCRIPTORS;
        assert_int_equal(oci_referrers(repository, OCI_EMPTY_DIGEST, &found, NULL), 0);
        assert_int_equal(found.len, i > 0);
        struct digest digest = push_referrer(repository);
        assert_string_equal(push_referrer(repository).text, digest.text);
        vec_clear(&found);
        assert_int_equal(oci_referrers(repository, OCI_EMPTY_DIGEST, &found, NULL), 0);
        assert_int_equal(found.len, i > 0 ? 2 : 1);
        const struct oci_descriptor *last = vec_at(&found, found.len - 1);
        assert_string_equal(last->digest.text, digest.text);
        assert_string_equal(last->artifact_type, "application/vnd.example.signature");
        fake_stop(fake);
        fake_free(fake);
        strbuf_release(&fallback.index);
    }
}

static void subject_registry(struct fake *fake)
{
    if (strcmp(fake->method, "PUT") == 0)
        fake_answer(fake, 201, "OCI-Subject: " OCI_EMPTY_DIGEST "\r\n", "");
}

static void test_oci_registry_leaves_referrers_to_a_registry_that_knows_them(void **state)
{
    (void)state;
    struct fake *fake = fake_start(subject_registry, NULL);
    struct oci_access access = {.push = true};
    cleanup_oci_repository struct oci_repository *repository = open_at(fake, &access);
    push_referrer(repository);
    fake_stop(fake);
    assert_int_equal(fake->count, 1);
    fake_free(fake);
}

static void tag_registry(struct fake *fake)
{
    if (strstr(fake->target, "last=") == NULL)
        fake_answer(fake, 200, "Link: </v2/acme/shop/tags/list?n=2&last=b>; rel=\"next\"\r\n",
                    "{\"name\":\"acme/shop\",\"tags\":[\"b\",\"a\"]}");
    else
        fake_answer(fake, 200, "",
                    "{\"tags\":[\"b\",\"c\",\"-\",1,\"sha256-"
                    "0123456789abcdef0123456789abcdef"
                    "0123456789abcdef0123456789abcdef.sig\"]}");
}

static void test_oci_registry_lists_tags(void **state)
{
    (void)state;
    struct fake *fake = fake_start(tag_registry, NULL);
    struct oci_access access = {0};
    cleanup_oci_repository struct oci_repository *repository = open_at(fake, &access);
    cleanup_vec struct vec tags = VEC_OF(char *, vec_release_string);
    assert_int_equal(oci_list_tags(repository, &tags, NULL), 0);
    assert_int_equal(tags.len, 3);
    assert_string_equal(*(char **)vec_at(&tags, 0), "a");
    assert_string_equal(*(char **)vec_at(&tags, 2), "c");
    fake_stop(fake);
    fake_free(fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_oci_registry_referrers_in_pages),
        cmocka_unit_test(test_oci_registry_fallback_tag),
        cmocka_unit_test(test_oci_registry_leaves_referrers_to_a_registry_that_knows_them),
        cmocka_unit_test(test_oci_registry_lists_tags),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
