#include "oci/repository.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_registry.h"

#include "base/clock.h"
#include "base/encoding.h"
#include "oci/artifact.h"

#define REALM_USER "Basic dTpw" // u:p

static struct oci_repository *open_at(const struct fake *fake, struct oci_access *access)
{
    cleanup_free char *text = xasprintf("oci://127.0.0.1:%d/acme/shop", fake->port);
    cleanup_oci_reference struct oci_reference reference = {0};
    assert_int_equal(oci_reference_parse(text, &reference, NULL), 0);
    static const char no_proxy[] = "";
    access->proxy = no_proxy;
    if (access->deadline_mono_ms == 0)
        access->deadline_mono_ms = clock_mono_ms(clock_system()) + 20 * 1000;
    struct oci_repository *repository = NULL;
    cleanup_error struct error err = {0};
    if (oci_repository_open(&reference, access, &repository, &err) < 0)
        fail_msg("%s", error_message(&err));
    return repository;
}

static void assert_says(const struct error *err, enum error_code code, const char *words)
{
    if (err->code != code || strstr(error_message(err), words) == NULL)
        fail_msg("expected %s, \"%s\"; got %s: %s", error_code_name(code), words,
                 error_code_name(err->code), error_message(err));
}

static void assert_journal(const struct fake *fake, const char *words)
{
    if (strstr(fake->journal.data, words) == NULL)
        fail_msg("no \"%s\" in:\n%s", words, fake->journal.data);
}

static void assert_not_in_journal(const struct fake *fake, const char *words)
{
    if (strstr(fake->journal.data, words) != NULL)
        fail_msg("\"%s\" in:\n%s", words, fake->journal.data);
}

// --- Tokens

// The token server hands out t1, t2, …; the registry takes only the token whose number is in data.
static void token_registry_for(struct fake *fake, const char *seconds)
{
    int *accepts = fake->data;
    if (fake_is(fake, "GET", "/token") || fake_is(fake, "POST", "/token")) {
        cleanup_free char *body =
            xasprintf("{\"token\":\"t%d\",\"expires_in\":%s}", accepts[1]++, seconds);
        fake_answer(fake, 200, "", body);
        return;
    }
    cleanup_free char *wanted = xasprintf("Bearer t%d", accepts[0]);
    if (strcmp(fake->authorization, wanted) == 0) {
        fake_answer(fake, 200, "", "hello");
        return;
    }
    cleanup_free char *challenge =
        xasprintf("WWW-Authenticate: Bearer "
                  "realm=\"http://127.0.0.1:%d/token\",service=\"s v\",scope=\"repository:acme/"
                  "shop:pull\"\r\nWWW-Authenticate: Basic realm=\"x\"\r\n",
                  fake->port);
    fake_answer(fake, 401, challenge, "");
}

static void token_registry(struct fake *fake)
{
    token_registry_for(fake, "300");
}

static void odd_token_registry(struct fake *fake)
{
    token_registry_for(fake, "-9223372036854775808");
}

static int get_hello(struct oci_repository *repository, struct error *err)
{
    cleanup_oci_descriptor struct oci_descriptor blob = oci_descriptor_of("a/b", "hello", 5);
    cleanup_free char *data = NULL;
    size_t size = 0;
    return oci_get_blob(repository, &blob, 100, &data, &size, err);
}

static void test_oci_registry_asks_for_a_token_once(void **state)
{
    (void)state;
    int accepts[2] = {1, 1};
    struct fake *fake = fake_start(token_registry, accepts);
    struct oci_token_cache *tokens = oci_token_cache_new();
    struct oci_access access = {.username = "u", .password = "p", .tokens = tokens};
    for (int i = 0; i < 2; i++) {
        cleanup_oci_repository struct oci_repository *repository = open_at(fake, &access);
        assert_int_equal(get_hello(repository, NULL), 0);
        assert_int_equal(get_hello(repository, NULL), 0);
    }
    // The token is revoked: one new one is asked for, and the request repeated.
    accepts[0] = 2;
    cleanup_oci_repository struct oci_repository *repository = open_at(fake, &access);
    assert_int_equal(get_hello(repository, NULL), 0);
    // With other credentials the token of these is not used.
    struct oci_access other = {.username = "v", .password = "p", .tokens = tokens};
    accepts[0] = 3;
    cleanup_oci_repository struct oci_repository *second = open_at(fake, &other);
    assert_int_equal(get_hello(second, NULL), 0);
    fake_stop(fake);
    assert_int_equal(accepts[1], 4);
    assert_int_equal(fake->count, 6 + 3 + 3);
    assert_journal(
        fake, "GET /token?service=s%20v&scope=repository%3Aacme%2Fshop%3Apull [" REALM_USER "]");
    fake_free(fake);
    oci_token_cache_free(tokens);
}

static void test_oci_registry_uses_a_token_of_no_lifetime_once(void **state)
{
    (void)state;
    int accepts[2] = {1, 1};
    struct fake *fake = fake_start(odd_token_registry, accepts);
    struct oci_access access = {.username = "u", .password = "p"};
    cleanup_oci_repository struct oci_repository *repository = open_at(fake, &access);
    assert_int_equal(get_hello(repository, NULL), 0);
    accepts[0] = 2;
    assert_int_equal(get_hello(repository, NULL), 0);
    fake_stop(fake);
    assert_int_equal(accepts[1], 3);
    fake_free(fake);
}

static void test_oci_registry_gives_up_after_one_new_token(void **state)
{
    (void)state;
    int accepts[2] = {99, 1};
    struct fake *fake = fake_start(token_registry, accepts);
    struct oci_access access = {.username = "u", .password = "p"};
    cleanup_oci_repository struct oci_repository *repository = open_at(fake, &access);
    cleanup_error struct error err = {0};
    assert_int_equal(get_hello(repository, &err), -1);
    assert_says(&err, ERROR_DENIED, "check the registry Secret");
    fake_stop(fake);
    assert_int_equal(fake->count, 3);
    fake_free(fake);
}

static void test_oci_registry_refresh_token(void **state)
{
    (void)state;
    int accepts[2] = {1, 1};
    struct fake *fake = fake_start(token_registry, accepts);
    cleanup_free char *config =
        xasprintf("{\"auths\":{\"127.0.0.1:%d\":{\"identitytoken\":\"refresh\"}}}", fake->port);
    struct oci_access access = {.docker_config = config, .push = true};
    cleanup_oci_repository struct oci_repository *repository = open_at(fake, &access);
    assert_int_equal(get_hello(repository, NULL), 0);
    fake_stop(fake);
    assert_journal(fake, "POST /token []");
    assert_not_in_journal(fake, "refresh");
    fake_free(fake);
}

// The realm is another host's, or not where the registry is spoken to.
static void evil_realm(struct fake *fake)
{
    const char *realm = fake->data;
    cleanup_free char *header =
        xasprintf("WWW-Authenticate: Bearer realm=\"%s\",service=\"x\"\r\n", realm);
    cleanup_free char *port = xasprintf("%d", fake->port);
    char *hole = strstr(header, "PORT");
    if (hole != NULL) {
        cleanup_free char *filled =
            xasprintf("%.*s%s%s", (int)(hole - header), header, port, hole + 4);
        fake_answer(fake, 401, filled, "");
    } else {
        fake_answer(fake, 401, header, "");
    }
}

static void test_oci_registry_keeps_credentials_from_other_realms(void **state)
{
    (void)state;
    static const struct {
        const char *realm, *says;
        enum error_code code;
    } cases[] = {
        {"http://localhost.example.com:PORT/token", "not of its domain", ERROR_DENIED},
        {"https://evil.example.com/token", "not of its domain", ERROR_DENIED},
        {"http://127.0.0.1.evil.example.com/token", "not of its domain", ERROR_DENIED},
        {"http://u:p@127.0.0.1:PORT/token", "with credentials", ERROR_INVALID},
        {"file:///etc/passwd", "not https", ERROR_DENIED},
        {"token", "no URL", ERROR_INVALID},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        char realm[200];
        snprintf(realm, sizeof realm, "%s", cases[i].realm);
        struct fake *fake = fake_start(evil_realm, realm);
        struct oci_access access = {.username = "u", .password = "p"};
        cleanup_oci_repository struct oci_repository *repository = open_at(fake, &access);
        cleanup_error struct error err = {0};
        assert_int_equal(get_hello(repository, &err), -1);
        assert_says(&err, cases[i].code, cases[i].says);
        fake_stop(fake);
        assert_int_equal(fake->count, 1);
        fake_free(fake);
    }
}

static void redirecting_realm(struct fake *fake)
{
    if (fake_is(fake, "GET", "/token"))
        fake_answer(fake, 307, "Location: /elsewhere\r\n", "");
    else
        evil_realm(fake);
}

static void test_oci_registry_follows_no_redirect_of_a_token_server(void **state)
{
    (void)state;
    char realm[] = "http://127.0.0.1:PORT/token";
    struct fake *fake = fake_start(redirecting_realm, realm);
    struct oci_access access = {.username = "u", .password = "p"};
    cleanup_oci_repository struct oci_repository *repository = open_at(fake, &access);
    assert_int_equal(get_hello(repository, NULL), -1);
    fake_stop(fake);
    assert_not_in_journal(fake, "elsewhere");
    fake_free(fake);
}

static void basic_registry(struct fake *fake)
{
    if (strcmp(fake->authorization, REALM_USER) == 0)
        fake_answer(fake, 200, "", "hello");
    else
        fake_answer(fake, 401, "WWW-Authenticate: Basic realm=\"x\"\r\n",
                    "{\"errors\":[{\"code\":\"UNAUTHORIZED\",\"message\":\"authentication "
                    "required\"}]}");
}

static void test_oci_registry_basic(void **state)
{
    (void)state;
    struct fake *fake = fake_start(basic_registry, NULL);
    struct oci_access access = {.username = "u", .password = "p"};
    cleanup_oci_repository struct oci_repository *repository = open_at(fake, &access);
    assert_int_equal(get_hello(repository, NULL), 0);
    assert_int_equal(get_hello(repository, NULL), 0);
    struct oci_access nobody = {0};
    cleanup_oci_repository struct oci_repository *second = open_at(fake, &nobody);
    cleanup_error struct error err = {0};
    assert_int_equal(get_hello(second, &err), -1);
    assert_says(&err, ERROR_DENIED, "UNAUTHORIZED authentication required");
    assert_says(&err, ERROR_DENIED, "no credentials were given");
    fake_stop(fake);
    assert_int_equal(fake->count, 4);
    fake_free(fake);
}

// --- Blobs and manifests

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

// --- Uploads

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

// --- Lists

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
        cmocka_unit_test(test_oci_registry_asks_for_a_token_once),
        cmocka_unit_test(test_oci_registry_uses_a_token_of_no_lifetime_once),
        cmocka_unit_test(test_oci_registry_gives_up_after_one_new_token),
        cmocka_unit_test(test_oci_registry_refresh_token),
        cmocka_unit_test(test_oci_registry_keeps_credentials_from_other_realms),
        cmocka_unit_test(test_oci_registry_follows_no_redirect_of_a_token_server),
        cmocka_unit_test(test_oci_registry_basic),
        cmocka_unit_test(test_oci_registry_refuses_wrong_bytes),
        cmocka_unit_test(test_oci_registry_redirects_without_credentials),
        cmocka_unit_test(test_oci_registry_resolves),
        cmocka_unit_test(test_oci_registry_content_type_must_agree),
        cmocka_unit_test(test_oci_registry_uploads),
        cmocka_unit_test(test_oci_registry_uploads_elsewhere_without_credentials),
        cmocka_unit_test(test_oci_registry_upload_failures),
        cmocka_unit_test(test_oci_registry_referrers_in_pages),
        cmocka_unit_test(test_oci_registry_fallback_tag),
        cmocka_unit_test(test_oci_registry_leaves_referrers_to_a_registry_that_knows_them),
        cmocka_unit_test(test_oci_registry_lists_tags),
        cmocka_unit_test(test_oci_registry_appends_nothing_to_what_is_gone),
        cmocka_unit_test(test_oci_registry_that_is_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
