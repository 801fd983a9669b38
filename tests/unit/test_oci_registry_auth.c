// Tokens and passwords of a registry, and who is not shown them.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "registry_scene.h"

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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
