// Blobs, manifests and uploads of a registry.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "registry_scene.h"

#include "oci/artifact.h"

static void answer_in_data(struct fake *fake)
{
    strbuf_reset(&fake->answer);
    strbuf_addstr(&fake->answer, fake->data);
}

static void test_oci_registry_refuses_wrong_bytes(void **state)
{
    (void)state;
    static const struct {
        const char *answer, *says;
        enum error_code code;
    } cases[] = {
        {"HTTP/1.1 200 X\r\nContent-Length: 5\r\n\r\nhallo", "other bytes", ERROR_UNVERIFIED},
        {"HTTP/1.1 200 X\r\nContent-Length: 4\r\n\r\nhell", "4 bytes", ERROR_UNVERIFIED},
        {"HTTP/1.1 200 X\r\nContent-Length: 6\r\n\r\nhello!", "6 bytes", ERROR_UNVERIFIED},
        {"HTTP/1.1 200 X\r\nConnection: close\r\n\r\nhello and so on", "15 bytes",
         ERROR_UNVERIFIED},
        {"HTTP/1.1 200 X\r\nContent-Length: 2\r\n\r\n{}", "2 bytes", ERROR_UNVERIFIED},
        {"HTTP/1.1 404 X\r\nContent-Length: 0\r\n\r\n", "has no blob sha256:", ERROR_NOT_FOUND},
        {"HTTP/1.1 403 X\r\nContent-Length: 62\r\n\r\n"
         "{\"errors\":[{\"code\":\"DENIED\",\"message\":\"not \\u0007 for you\"}]} ",
         "DENIED not   for you", ERROR_DENIED},
        {"HTTP/1.1 410 X\r\nContent-Length: 6\r\n\r\n<html>", "(410)", ERROR_INVALID},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_free char *answer = xstrdup(cases[i].answer);
        struct fake *fake = fake_start(answer_in_data, answer);
        struct oci_access access = {0};
        cleanup_oci_repository struct oci_repository *repository = open_at(fake, &access);
        cleanup_error struct error err = {0};
        assert_int_equal(get_hello(repository, &err), -1);
        assert_says(&err, cases[i].code, cases[i].says);
        fake_stop(fake);
        fake_free(fake);
    }
}

static void storage(struct fake *fake)
{
    fake_answer(fake, 200, "", "hello");
}

static void redirecting_registry(struct fake *fake)
{
    const struct fake *other = fake->data;
    if (strcmp(fake->authorization, REALM_USER) != 0) {
        fake_answer(fake, 401, "WWW-Authenticate: Basic realm=\"x\"\r\n", "");
        return;
    }
    cleanup_free char *location =
        xasprintf("Location: http://localhost:%d/bucket?signed=1\r\n", other->port);
    fake_answer(fake, 307, location, "");
}

static void test_oci_registry_redirects_without_credentials(void **state)
{
    (void)state;
    struct fake *bucket = fake_start(storage, NULL);
    struct fake *fake = fake_start(redirecting_registry, bucket);
    struct oci_access access = {.username = "u", .password = "p"};
    cleanup_oci_repository struct oci_repository *repository = open_at(fake, &access);
    cleanup_error struct error err = {0};
    if (get_hello(repository, &err) < 0)
        fail_msg("%s", error_message(&err));
    fake_stop(fake);
    fake_stop(bucket);
    assert_journal(bucket, "GET /bucket?signed=1 []");
    fake_free(fake);
    fake_free(bucket);
}

#define MANIFEST                                                        \
    "{\"schemaVersion\":2,\"config\":{\"mediaType\":\"" OCI_MEDIA_EMPTY \
    "\",\"digest\":\"" OCI_EMPTY_DIGEST "\",\"size\":2},\"layers\":[]}"

// data: the headers of the answer.
static void manifest_registry(struct fake *fake)
{
    if (fake_is(fake, "HEAD", "/v2/acme/shop/manifests/") ||
        fake_is(fake, "GET", "/v2/acme/shop/manifests/"))
        fake_answer(fake, 200, fake->data, MANIFEST);
}

static void test_oci_registry_resolves(void **state)
{
    (void)state;
    struct digest digest = digest_of(MANIFEST, strlen(MANIFEST));
    cleanup_free char *full = xasprintf(
        "Content-Type: " OCI_MEDIA_MANIFEST "\r\nDocker-Content-Digest: %s\r\n", digest.text);
    char without[] = "Content-Type: " OCI_MEDIA_MANIFEST "; charset=utf-8\r\n";
    char *const headers[] = {full, without};
    for (size_t i = 0; i < ARRAY_LENGTH(headers); i++) {
        struct fake *fake = fake_start(manifest_registry, headers[i]);
        struct oci_access access = {0};
        cleanup_oci_repository struct oci_repository *repository = open_at(fake, &access);
        cleanup_oci_descriptor struct oci_descriptor resolved = {0};
        cleanup_error struct error err = {0};
        if (oci_resolve(repository, "prod", &resolved, &err) < 0)
            fail_msg("%s", error_message(&err));
        assert_string_equal(resolved.digest.text, digest.text);
        assert_string_equal(resolved.media_type, OCI_MEDIA_MANIFEST);
        assert_int_equal(resolved.size, strlen(MANIFEST));
        cleanup_free char *data = NULL;
        size_t size = 0;
        assert_int_equal(
            oci_get_manifest(repository, resolved.digest.text, &data, &size, NULL, &err), 0);
        // A tag that moved between HEAD and GET cannot matter: the digest is what is asked for.
        assert_int_equal(oci_get_manifest(repository, OCI_EMPTY_DIGEST, &data, &size, NULL, &err),
                         -1);
        assert_says(&err, ERROR_UNVERIFIED, "other bytes");
        fake_stop(fake);
        assert_int_equal(fake->count, i == 0 ? 3 : 4);
        fake_free(fake);
    }
}

static void test_oci_registry_content_type_must_agree(void **state)
{
    (void)state;
    static char headers[] = "Content-Type: text/html\r\n";
    struct fake *fake = fake_start(manifest_registry, headers);
    struct oci_access access = {0};
    cleanup_oci_repository struct oci_repository *repository = open_at(fake, &access);
    cleanup_oci_descriptor struct oci_descriptor resolved = {0};
    cleanup_error struct error err = {0};
    assert_int_equal(oci_resolve(repository, "prod", &resolved, &err), -1);
    assert_says(&err, ERROR_INVALID, "is the address one of a registry?");
    fake_stop(fake);
    fake_free(fake);
}

struct upload {
    const char *location; // with PORT for the port to go to
    int port;
    int failures; // of the first PUTs
    int put_status;
};

static void upload_registry(struct fake *fake)
{
    struct upload *upload = fake->data;
    if (fake_is(fake, "POST", "/v2/acme/shop/blobs/uploads/")) {
        cleanup_free char *header = NULL;
        const char *hole = strstr(upload->location, "PORT");
        if (hole != NULL)
            header = xasprintf("Location: %.*s%d%s\r\n", (int)(hole - upload->location),
                               upload->location, upload->port, hole + 4);
        else
            header = xasprintf("Location: %s\r\n", upload->location);
        fake_answer(fake, 202, *upload->location != '\0' ? header : "", "");
    } else if (strcmp(fake->method, "PUT") == 0) {
        if (upload->failures-- > 0)
            fake_answer(fake, upload->put_status, "Retry-After: 0\r\n", "");
        else
            fake_answer(fake, strcmp(fake->body.data, "hello") == 0 ? 201 : 400, "", "");
    }
}

static void test_oci_registry_uploads(void **state)
{
    (void)state;
    struct digest digest = digest_of("hello", 5);
    cleanup_free char *query = xasprintf("digest=sha256%%3A%s", digest_hex(digest.text));
    static const struct {
        const char *location, *put;
        int failures, put_status;
    } cases[] = {
        {"/up/1?_state=a%3D", "PUT /up/1?_state=a%3D&", 0, 0},
        {"http://127.0.0.1:PORT/up/2", "PUT /up/2?", 0, 0},
        {"3", "PUT /v2/acme/shop/blobs/uploads/3?", 0, 0},
        {"/up/4", "PUT /up/4?", 2, 503},
        {"/up/5", "PUT /up/5?", 1, 429},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct upload upload = {.location = cases[i].location,
                                .failures = cases[i].failures,
                                .put_status = cases[i].put_status};
        struct fake *fake = fake_start(upload_registry, &upload);
        upload.port = fake->port;
        struct oci_access access = {.push = true};
        cleanup_oci_repository struct oci_repository *repository = open_at(fake, &access);
        cleanup_error struct error err = {0};
        if (oci_put_blob(repository, "a/b", "hello", 5, NULL, &err) < 0)
            fail_msg("case %zu: %s", i, error_message(&err));
        fake_stop(fake);
        cleanup_free char *put = xasprintf("%s%s", cases[i].put, query);
        assert_journal(fake, put);
        fake_free(fake);
    }
}

static void authorized_upload(struct fake *fake)
{
    if (strcmp(fake->authorization, REALM_USER) == 0)
        upload_registry(fake);
    else
        fake_answer(fake, 401, "WWW-Authenticate: Basic realm=\"x\"\r\n", "");
}

static void test_oci_registry_uploads_elsewhere_without_credentials(void **state)
{
    (void)state;
    struct upload nothing = {.location = ""};
    struct fake *bucket = fake_start(upload_registry, &nothing);
    struct upload upload = {.location = "http://localhost:PORT/bucket?x=y", .port = bucket->port};
    struct fake *fake = fake_start(authorized_upload, &upload);
    struct oci_access access = {.push = true, .username = "u", .password = "p"};
    cleanup_oci_repository struct oci_repository *repository = open_at(fake, &access);
    cleanup_error struct error err = {0};
    if (oci_put_blob(repository, "a/b", "hello", 5, NULL, &err) < 0)
        fail_msg("%s", error_message(&err));
    fake_stop(fake);
    fake_stop(bucket);
    assert_journal(bucket, "PUT /bucket?x=y&digest=");
    assert_not_in_journal(bucket, "Basic");
    fake_free(fake);
    fake_free(bucket);
}

static void test_oci_registry_upload_failures(void **state)
{
    (void)state;
    static const struct {
        struct upload upload;
        const char *says;
        enum error_code code;
    } cases[] = {
        {{.location = ""}, "without a Location", ERROR_INVALID},
        {{.location = "ftp://x/y"}, "", ERROR_NONE},
        {{.location = "/up", .failures = 9, .put_status = 403}, "refused to push", ERROR_DENIED},
        {{.location = "/up", .failures = 9, .put_status = 400}, "does not push", ERROR_INVALID},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct upload upload = cases[i].upload;
        struct fake *fake = fake_start(upload_registry, &upload);
        struct oci_access access = {.push = true};
        cleanup_oci_repository struct oci_repository *repository = open_at(fake, &access);
        cleanup_error struct error err = {0};
        assert_int_equal(oci_put_blob(repository, "a/b", "hello", 5, NULL, &err), -1);
        if (cases[i].code != ERROR_NONE)
            assert_says(&err, cases[i].code, cases[i].says);
        fake_stop(fake);
        fake_free(fake);
    }
}

// A range is asked for after a break; the server begins anew, breaks off before the first byte, and
// then answers the range after all.
static void fickle_blobs(struct fake *fake)
{
    static const char begins_anew[] = "HTTP/1.1 200 X\r\nConnection: close\r\n"
                                      "Content-Length: 5\r\n\r\n";
    switch (fake->count) {
    case 1:
        strbuf_reset(&fake->answer);
        strbuf_addf(&fake->answer, "%shel", begins_anew);
        break;
    case 2:
        strbuf_reset(&fake->answer);
        strbuf_addstr(&fake->answer, begins_anew);
        break;
    case 3:
        fake_answer(fake, 206, "Content-Range: bytes 3-4/5\r\n", "lo");
        break;
    default:
        fake_answer(fake, 200, "", "hello");
    }
}

static void test_oci_registry_appends_nothing_to_what_is_gone(void **state)
{
    (void)state;
    struct fake *fake = fake_start(fickle_blobs, NULL);
    struct oci_access access = {0};
    cleanup_oci_repository struct oci_repository *repository = open_at(fake, &access);
    cleanup_error struct error err = {0};
    if (get_hello(repository, &err) < 0)
        fail_msg("%s", error_message(&err));
    fake_stop(fake);
    assert_int_equal(fake->count, 4);
    fake_free(fake);
}

static void test_oci_registry_that_is_not_there(void **state)
{
    (void)state;
    struct fake *fake = fake_start(storage, NULL);
    struct oci_access access = {.deadline_mono_ms = clock_mono_ms(clock_system()) + 400};
    cleanup_oci_repository struct oci_repository *repository = open_at(fake, &access);
    fake_stop(fake);
    cleanup_error struct error err = {0};
    assert_int_equal(get_hello(repository, &err), -1);
    assert_true(error_is_transient(&err));
    assert_non_null(strstr(err.message, "registry 127.0.0.1:"));
    fake_free(fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_oci_registry_refuses_wrong_bytes),
        cmocka_unit_test(test_oci_registry_redirects_without_credentials),
        cmocka_unit_test(test_oci_registry_resolves),
        cmocka_unit_test(test_oci_registry_content_type_must_agree),
        cmocka_unit_test(test_oci_registry_uploads),
        cmocka_unit_test(test_oci_registry_uploads_elsewhere_without_credentials),
        cmocka_unit_test(test_oci_registry_upload_failures),
        cmocka_unit_test(test_oci_registry_appends_nothing_to_what_is_gone),
        cmocka_unit_test(test_oci_registry_that_is_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
